package dynamics

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// load reads a page of the whole table, with change tracking, so that the last page brings a change link. The link is
// stored only with the records of that page (invariant 1). A page's own link is stored too: a load that was interrupted
// goes on where it stood, and begins again where the server has forgotten the link.
func (s *Source) load(ctx context.Context, at position) (step, error) {
	address, prefer := at.Link, s.prefer(trackChanges)
	if at.Link == "" {
		at = s.beginning()
		at.Expected = s.expected(ctx)
		address = s.table.EntitySetName + s.selectOption("?")
	}
	asked := s.cfg.Now()
	got, err := s.fetch(ctx, address, prefer)
	switch {
	case err != nil && at.Link != "" && isDeadLink(err):
		return step{}, &beginAgain{fmt.Sprintf("%s has forgotten how far %s was read: reading it again from the beginning", name, s.cfg.Table), err}
	case err != nil:
		return step{}, err
	}
	if at.Link == "" {
		at.Started = serverTime(got.header, asked)
	}
	done := step{next: at, more: true}
	if done.records, err = s.upserts(got.Value, true); err != nil {
		return step{}, err
	}
	done.next.Read += int64(len(done.records))
	if got.NextLink != "" {
		done.next.Link = got.NextLink
		return done, nil
	}
	done.next.Phase, done.next.Link = phaseOverlap, ""
	done.next.Delta, err = s.deltaLink(ctx, got, address, prefer)
	return done, err
}

// expected is how many rows a load will bring, as far as is known. Progress is not worth failing for.
func (s *Source) expected(ctx context.Context) int64 {
	n, err := s.client.Count(ctx, s.cfg.Table)
	if err != nil {
		return 0
	}
	return n
}

// serverTime is the server's clock in an answer, ours where it does not tell.
func serverTime(header http.Header, ours time.Time) time.Time {
	if theirs, err := http.ParseTime(header.Get("Date")); err == nil {
		return theirs.UTC()
	}
	return ours.UTC()
}

// deltaLink is the change link of a last page. Some versions leave it out when annotations are asked for (powerapps-docs
// issue 439): then the page is asked for once more without them, for its link alone.
func (s *Source) deltaLink(ctx context.Context, got *collection, address string, prefer []string) (string, error) {
	if got.DeltaLink == "" && slices.Contains(prefer, annotations) {
		plain := slices.DeleteFunc(slices.Clone(prefer), func(p string) bool { return p == annotations })
		again, err := s.fetch(ctx, address, plain)
		if err != nil {
			return "", err
		}
		if again.NextLink == "" {
			got = again
		}
	}
	if got.DeltaLink == "" {
		return "", fault.New(fault.Fatal, fmt.Sprintf("%s sent no change link for %s; check that change tracking is on for the table", name, s.cfg.Table))
	}
	return got.DeltaLink, nil
}

// upserts makes records of rows.
func (s *Source) upserts(rows []row, snapshot bool) ([]record.Record, error) {
	records := make([]record.Record, 0, len(rows))
	for _, r := range rows {
		rec, err := s.record(r, snapshot)
		if err != nil {
			return nil, err
		}
		records = append(records, rec)
	}
	return records, nil
}
