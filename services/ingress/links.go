package ingress

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/mapping"
	"github.com/causeway-sync/causeway/pkg/record"
)

// parents names for each table those whose rows its own lead to.
func parents(tables map[string]*mapped) map[string][]string {
	of := map[string]string{} // resource to table
	for name, table := range tables {
		of[table.mapping.Resource] = name
	}
	parents := map[string][]string{}
	for name, table := range tables {
		for _, link := range table.mapping.Links {
			if parent, mapped := of[link.Resource]; mapped && parent != name {
				parents[name] = append(parents[name], parent)
			}
		}
	}
	return parents
}

// waitedSince is since when a row waits in vain for one of a resource: the time does not count in which its own mapping or
// that of the other was held.
func (s *sink) waitedSince(r record.Record, resource string) time.Time {
	since := s.tables[r.Source].waitedSince(r.WaitingSince)
	for _, table := range s.tables {
		if table.mapping.Resource == resource {
			return table.waitedSince(since)
		}
	}
	return since
}

// resolve fills the link fields of a write: Campaign takes the technical key (PKey) of the row that a link leads to, which
// changes from call to call and may not be stored, so it is asked for each time, one reading call a link. A row that is
// not there yet is fault.Waiting: a child that was written without its parent would be hidden in Campaign.
//
// A row that has waited for maxWait is rejected: its parent is not coming.
func (s *sink) resolve(ctx context.Context, r record.Record, w *mapping.Write) error {
	if len(w.Links) == 0 {
		return nil
	}
	fields := maps.Clone(w.Fields)
	for _, l := range w.Links {
		if l.Key == "" {
			fields[l.Field] = nil
			continue
		}
		rows, err := s.campaign.Find(ctx, l.Resource, l.Key)
		switch {
		case err != nil:
			return err
		case len(rows) == 0 && !r.WaitingSince.IsZero() && time.Since(s.waitedSince(r, l.Resource)) > s.maxWait:
			return fault.New(fault.Rejected, fmt.Sprintf("%s %s: %s %s, which %s leads to, has not arrived in %s", w.Resource, w.Key, l.Resource, l.Key, l.Field, s.maxWait))
		case len(rows) == 0:
			return fault.New(fault.Waiting, fmt.Sprintf("%s %s waits for %s %s, which %s leads to", w.Resource, w.Key, l.Resource, l.Key, l.Field))
		case len(rows) > 1:
			return fault.New(fault.Rejected, fmt.Sprintf("%s %s: %d rows of %s have the key %s, which %s leads to", w.Resource, w.Key, len(rows), l.Resource, l.Key, l.Field))
		}
		fields[l.Field] = map[string]any{"PKey": rows[0].Text("PKey")}
	}
	w.Fields = fields
	return nil
}
