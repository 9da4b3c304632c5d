package ingress

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/catalog"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/mapping"
	"github.com/causeway-sync/causeway/pkg/record"
)

const (
	previewRows    = 5
	maxPreviewRows = 20
)

// preview reads a few rows, maps them, and looks at what Campaign holds.
func preview(ctx context.Context, q catalog.PreviewRequest, from *dynamics.Client, to *campaign.Client) (catalog.Preview, error) {
	doc := config.IngressDoc{Mappings: []config.Mapping{q.Mapping}}
	if faults := doc.Validate(); len(faults) > 0 {
		return catalog.Preview{}, fault.Wrap(fault.Invalid, faults, faults.Error())
	}
	plan, _, err := compile(ctx, q.Mapping, from, to)
	if fault.Is(err, fault.Fatal) || fault.Is(err, fault.NotFound) {
		return catalog.Preview{}, fault.Wrap(fault.Invalid, err, fault.Message(err))
	}
	if err != nil {
		return catalog.Preview{}, err
	}
	rows, err := sample(ctx, q, plan.ReadsLabels(), from)
	if err != nil {
		return catalog.Preview{}, err
	}
	answer := catalog.Preview{Rows: []catalog.PreviewRow{}}
	for _, r := range rows {
		row, err := previewRow(ctx, q.Mapping, plan, r, to)
		if err != nil {
			return catalog.Preview{}, err
		}
		answer.Rows = append(answer.Rows, row)
	}
	return answer, nil
}

// sample reads the first rows of the table.
func sample(ctx context.Context, q catalog.PreviewRequest, labels bool, from *dynamics.Client) ([]record.Record, error) {
	limit := min(cmp.Or(max(q.Limit, 0), previewRows), maxPreviewRows)
	source := from.Source(dynamics.SourceConfig{Table: q.Mapping.Table, Columns: q.Mapping.Columns(), FormattedValues: labels, PageSize: limit})
	page, err := source.Read(ctx, nil)
	return page.Records[:min(len(page.Records), limit)], err
}

func previewRow(ctx context.Context, m config.Mapping, plan *mapping.Plan, r record.Record, to *campaign.Client) (catalog.PreviewRow, error) {
	r.Snapshot = true // A preview shows every field, as a full read would write it.
	row := catalog.PreviewRow{Key: r.Key}
	w, err := plan.Apply(r)
	if err != nil {
		row.Action, row.Reason = "reject", fault.Message(err)
		return row, nil
	}
	found, err := to.Find(ctx, m.Resource, w.Key)
	if err != nil {
		return row, err
	}
	switch {
	case len(found) > 1:
		row.Action, row.Reason = "reject", fmt.Sprintf("%d rows of %s have this key", len(found), m.Resource)
		return row, nil
	case w.Action == mapping.Skip:
		row.Action, row.Reason = "skip", "a filter leaves it out"
		return row, nil
	case w.Action == mapping.Remove:
		row.Action, row.Reason = "delete", "a filter leaves it out, and what is left out is deleted"
		if len(found) == 0 {
			row.Action = "skip"
		}
		return row, nil
	}
	var now campaign.Row
	row.Action = "create"
	if len(found) == 1 {
		now, row.Action = found[0], "unchanged"
	}
	for _, f := range m.Fields {
		field := catalog.PreviewField{Field: f.Field, Column: f.Column, Would: w.Fields[f.Field], Now: now[f.Field]}
		field.Changes = !sameValue(field.Would, field.Now)
		if field.Changes && row.Action == "unchanged" {
			row.Action = "update"
		}
		row.Fields = append(row.Fields, field)
	}
	slices.SortFunc(row.Fields, func(a, b catalog.PreviewField) int { return cmp.Compare(a.Field, b.Field) })
	return row, nil
}

// sameValue compares a value that would be written with one that Campaign sent: it sends an empty field as "" or null,
// and numbers in forms of its own.
func sameValue(would, now any) bool {
	return plain(would) == plain(now)
}

func plain(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		if f, err := v.Float64(); err == nil {
			return fmt.Sprint(f)
		}
		return v.String()
	}
	return fmt.Sprint(value)
}
