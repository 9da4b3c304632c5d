package optinout

import (
	"context"
	"encoding/json"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/record"
)

// parkedQueue holds the reports that were put aside.
type parkedQueue interface {
	Due(ctx context.Context, source string, limit int, now time.Time) ([]bus.Parked, error)
	Unpark(ctx context.Context, source string, done []bus.Parked) error
}

// returning is a source that puts the reports whose time has come again between its own pages: those of contacts that
// have opted out and have no profile yet.
type returning struct {
	pump.Source
	queue parkedQueue
	name  string
	now   func() time.Time

	// due are the reports that the page before brought; it is safe when the next one is asked for.
	due []bus.Parked
	// own is true when the last page was the source's own, partial when the next one must be.
	own, partial bool
}

// dueAtATime is how many reports of each step come back between two pages.
const dueAtATime = 100

// Trouble implements pump.Troubled: what the source itself has to say.
func (r *returning) Trouble() []string {
	if source, speaks := r.Source.(pump.Troubled); speaks {
		return source.Trouble()
	}
	return nil
}

// Read implements pump.Source.
func (r *returning) Read(ctx context.Context, from record.Position) (record.Page, error) {
	if len(r.due) > 0 { // invariant 1: they stand in the queue again.
		if err := r.queue.Unpark(ctx, r.name, r.due); err != nil {
			return record.Page{}, err
		}
		r.due = nil
	}
	if r.own && !r.partial {
		due, err := r.queue.Due(ctx, r.name, dueAtATime, r.now())
		if err != nil {
			return record.Page{}, err
		}
		if len(due) > 0 {
			r.due, r.own = due, false
			page := record.Page{Next: from, More: true}
			for _, p := range due {
				page.Records = append(page.Records, p.Record)
			}
			return page, nil
		}
	}
	page, err := r.Source.Read(ctx, from)
	if err == nil {
		r.own, r.partial = true, page.Partial
	}
	return page, err
}

// settledSince is a source of profiles whose reports say since when a change can have happened, and only where that is
// sure. The API tells when a profile was changed, not which field of it. What differs from what was agreed has changed
// since the poll before, provided that everything that was reported until then was dealt with: reports of one contact that
// wait together become the newest, and with them the polls that brought them.
type settledSince struct {
	pump.Source
	// waiting counts the reports that are queued and not dealt with.
	waiting func(context.Context) (uint64, error)

	since time.Time // of the last poll that found nothing waiting
}

// Read implements pump.Source.
func (s *settledSince) Read(ctx context.Context, from record.Position) (record.Page, error) {
	waiting, err := s.waiting(ctx) // Before the page is asked for: what it brings waits soon.
	if err != nil {
		return record.Page{}, err
	}
	page, err := s.Source.Read(ctx, from)
	if err != nil {
		return page, err
	}
	for i := range page.Records {
		if err := s.stamp(&page.Records[i], waiting == 0); err != nil {
			return page, err
		}
	}
	return page, nil
}

// stamp replaces a report's own horizon by one that is sure.
func (s *settledSince) stamp(r *record.Record, settled bool) error {
	var data map[string]json.RawMessage
	err := json.Unmarshal(r.Data, &data)
	if err == nil && settled {
		s.since = time.Time{}
		if text, given := data["since"]; given {
			err = json.Unmarshal(text, &s.since)
		}
	}
	delete(data, "since")
	if err == nil && !s.since.IsZero() {
		data["since"], err = json.Marshal(s.since)
	}
	if err == nil {
		r.Data, err = json.Marshal(data)
	}
	if err != nil {
		return fault.Wrap(fault.Fatal, err, "a defect of this program: a report of a profile is not the JSON that it should be")
	}
	return nil
}

// putBack returns the reports that wait and that no source of the run will bring again to the failures: a direction in which
// nobody listens to contacts would leave them waiting for ever (invariant 8).
func putBack(ctx context.Context, queue *bus.Queue, listening bool) error {
	sources, err := queue.ParkedSources(ctx)
	if err != nil {
		return err
	}
	for source := range sources {
		if source == sourceContact && listening {
			continue
		}
		if err := queue.PutBackParked(ctx, source); err != nil {
			return err
		}
	}
	return nil
}
