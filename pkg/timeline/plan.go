package timeline

import (
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/config"
)

// Table is what the metadata of Dynamics says about an activity table.
type Table struct {
	// Regarding is the navigation property that leads to the contact.
	Regarding string
	// Lengths are the most characters of its text columns; a column that is not there may hold any number.
	Lengths map[string]int
}

// Plan knows how each kind of event becomes an activity. It is safe for concurrent use.
type Plan struct {
	kinds map[string]activity
}

// activity is how one kind becomes a row.
type activity struct {
	config.Activity
	regarding string
	lengths   map[string]int
}

// NewPlan makes a plan. Tables are by logical name. What leads to the contact is what the settings say, else what the
// metadata says, else what Dataverse makes of the table's name.
func NewPlan(a config.Activities, tables map[string]Table) *Plan {
	p := &Plan{kinds: map[string]activity{}}
	for kind, set := range activities(a) {
		known := tables[set.Table]
		regarding := set.Regarding
		if regarding == "" {
			regarding = known.Regarding
		}
		if regarding == "" {
			regarding = "regardingobjectid_contact_" + set.Table
		}
		p.kinds[kind] = activity{set, regarding, known.Lengths}
	}
	return p
}

// timeForm is RFC 3339 in UTC, to the millisecond.
const timeForm = "2006-01-02T15:04:05.999Z"

// Row is the activity of an event: its id, the logical name of its table, and its columns. What the event does not hold is
// left out. The event is one that Decode called Known.
func (p *Plan) Row(e Event) (id, table string, values map[string]any) {
	a := p.kinds[e.Kind]
	values = map[string]any{a.regarding + "@odata.bind": "/contacts(" + e.Contact + ")"}
	a.put(values, a.Subject, subject(e))
	a.put(values, a.CampaignName, e.Campaign)
	a.put(values, a.DeliveryName, e.Delivery)
	a.put(values, a.MirrorPage, e.MirrorPage)
	if e.Kind == Click {
		a.put(values, a.ClickedURL, e.ClickedURL)
	}
	if a.OccurredOn != "" {
		values[a.OccurredOn] = e.At.UTC().Truncate(time.Millisecond).Format(timeForm)
	}
	return ActivityID(e.ID), a.Table, values
}

// subject is the form that Adobe's own integration gives it ("Campaign Name: CMP1; Delivery Name: DM2").
func subject(e Event) string {
	var parts []string
	if e.Campaign != "" {
		parts = append(parts, "Campaign Name: "+e.Campaign)
	}
	if e.Delivery != "" {
		parts = append(parts, "Delivery Name: "+e.Delivery)
	}
	if len(parts) == 0 {
		return "Campaign e-mail: " + e.Kind
	}
	return strings.Join(parts, "; ")
}

// put sets a text column that is configured, shortened to its length.
func (a activity) put(values map[string]any, column, text string) {
	if column == "" || text == "" {
		return
	}
	if limit := a.lengths[column]; limit > 0 {
		text = shortened(text, limit)
	}
	values[column] = text
}

// shortened cuts a text to a number of UTF-16 units, which is how Dataverse counts, and never within a character.
func shortened(text string, limit int) string {
	units := 0
	for i, r := range text {
		width := 1
		if r > 0xffff {
			width = 2
		}
		if units += width; units > limit {
			return text[:i]
		}
	}
	return text
}

// Columns are the columns that a kind of event writes, for a preflight to look at, without the one that leads to the
// contact.
func Columns(a config.Activity) []string {
	var columns []string
	for _, column := range []string{a.Subject, a.CampaignName, a.DeliveryName, a.OccurredOn, a.MirrorPage, a.ClickedURL} {
		if column != "" {
			columns = append(columns, column)
		}
	}
	return columns
}
