package dynamics

import (
	"context"
	"time"
)

// skew is how far the clocks of the environment's servers may lie apart.
const skew = 5 * time.Minute

// overlap reads again what was modified since the load began. The change link of a load stands for the moment of its
// last page (powerapps-docs issue 3862): a row that was read on an early page and changed before the last one would
// otherwise be missed.
func (s *Source) overlap(ctx context.Context, at position) (step, error) {
	address := at.Link
	if address == "" {
		since := at.Started.Add(-skew).UTC().Format("2006-01-02T15:04:05Z")
		address = s.table.EntitySetName + "?$filter=" + encode("modifiedon ge "+since) +
			"&$orderby=" + encode("modifiedon asc,"+s.table.PrimaryIDAttribute+" asc") + s.selectOption("&")
	}
	got, err := s.fetch(ctx, address, s.prefer())
	if err != nil && at.Link != "" && isDeadLink(err) {
		at.Link = "" // reading the overlap again is harmless
		return s.overlap(ctx, at)
	}
	if err != nil {
		return step{}, err
	}
	done := step{next: at, more: true}
	if done.records, err = s.upserts(got.Value, false); err != nil {
		return step{}, err
	}
	if got.NextLink != "" {
		done.next.Link = got.NextLink
		return done, nil
	}
	done.next = at.after()
	s.sweep = nil // one of an earlier load says nothing about this one
	if s.cfg.Known != nil {
		done.next.Phase = phaseSweep
	}
	return done, nil
}

// after is the position from which changes are read when a load is over.
func (p position) after() position {
	return position{Format: p.Format, Table: p.Table, Columns: p.Columns, Formatted: p.Formatted, Destinations: p.Destinations, Phase: phaseChanges, Delta: p.Delta}
}
