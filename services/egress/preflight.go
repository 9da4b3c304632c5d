package egress

import (
	"context"
	"fmt"
	"maps"

	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/timeline"
	"github.com/causeway-sync/causeway/services/host"
)

// plan is what a configuration comes to with what both sides say of it.
type plan struct {
	decoder    *timeline.Decoder
	activities *timeline.Plan
	// on are the kinds of events that are switched on.
	on map[string]bool
}

// kind is a type of event with its switch and its activity.
type kind struct {
	name     string
	on       bool
	activity config.Activity
}

func kinds(doc *config.EgressDoc) []kind {
	return []kind{{timeline.Send, doc.Events.Send, doc.Activities.Send}, {timeline.Open, doc.Events.Open, doc.Activities.Open},
		{timeline.Click, doc.Events.Click, doc.Activities.Click}, {timeline.Bounce, doc.Events.Bounce, doc.Activities.Bounce}}
}

// preflight looks at both sides: the journal can be read, and the table of every kind of event that is switched on is an
// activity with the columns that are written. Findings are gathered; trouble on the way ends it at once.
func preflight(ctx context.Context, doc *config.EgressDoc, from *campaign.Client, to *dynamics.Client) (plan, error) {
	var findings host.Findings
	decoder, err := timeline.NewDecoder(doc.EventFormat)
	if err := findings.Add(err); err != nil {
		return plan{}, err
	}
	_, err = from.Journal(campaign.JournalConfig{Limit: 1, First: doc.Journal.First}).Read(ctx, nil)
	if err := findings.Add(err); err != nil {
		return plan{}, err
	}
	p := plan{decoder: decoder, on: map[string]bool{}}
	tables := map[string]timeline.Table{}
	for _, k := range kinds(doc) {
		if !k.on {
			continue
		}
		activity, errs := to.CheckActivity(ctx, k.activity.Table, timeline.Columns(k.activity))
		for _, err := range errs {
			if err := findings.Add(err); err != nil {
				return plan{}, err
			}
		}
		if named := k.activity.Regarding; named != "" && activity.Regarding != "" && named != activity.Regarding {
			_ = findings.Add(fault.New(fault.Fatal, fmt.Sprintf("the navigation property %s of table %s does not lead to the contact; use %s, or leave activities.%s.regarding empty to have it found",
				named, k.activity.Table, activity.Regarding, k.name))) // Fatal is never handed back.
		}
		p.on[k.name] = true
		tables[k.activity.Table] = tableOf(activity, tables[k.activity.Table])
	}
	p.activities = timeline.NewPlan(doc.Activities, tables)
	return p, findings.Err()
}

// tableOf is what the metadata says of an activity table, beside what it said of the columns that another kind of event
// writes there.
func tableOf(a dynamics.Activity, before timeline.Table) timeline.Table {
	table := timeline.Table{Regarding: a.Regarding, Lengths: map[string]int{}}
	maps.Copy(table.Lengths, before.Lengths)
	for _, c := range a.Columns {
		table.Lengths[c.LogicalName] = c.MaxLength
	}
	return table
}
