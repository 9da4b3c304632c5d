package pump

import (
	"bytes"
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// reader brings one source's pages into the queue.
type reader struct {
	pump      *Pump
	name      string
	source    Source
	succeeded chan struct{} // closed after the first successful read

	checkpoint record.Checkpoint // what the queue has stored
	storedAt   time.Time
}

func newReader(p *Pump, name string, source Source) *reader {
	return &reader{pump: p, name: name, source: source, succeeded: make(chan struct{})}
}

// idleStore is how often the position of an idle source is stored although no record came with it.
const idleStore = time.Minute

// run reads until ctx ends or the source cannot be read.
func (r *reader) run(ctx context.Context) error {
	if err := r.resume(ctx); err != nil {
		return err
	}
	position := r.checkpoint.Position
	for first := true; ; first = false {
		page, err := r.read(ctx, position)
		if err != nil {
			return err
		}
		if first {
			close(r.succeeded)
		}
		r.note(page)
		if r.worthStoring(page) {
			if err := r.append(ctx, page); err != nil {
				return err
			}
		}
		position = page.Next
		if page.More {
			continue
		}
		if err := wait(ctx, r.pump.cfg.PollInterval); err != nil {
			return err
		}
	}
}

func (r *reader) persist(ctx context.Context, step func() error) error {
	return r.pump.persist(ctx, "reading "+r.name, step)
}

// resume finds where the last run stood.
func (r *reader) resume(ctx context.Context) error {
	return r.persist(ctx, func() (err error) {
		if err := r.pump.cfg.Guard(); err != nil { // invariant 5: finding out takes the source over
			return err
		}
		r.checkpoint, err = r.pump.cfg.Queue.Checkpoint(ctx, r.name)
		r.storedAt = time.Now()
		return err
	})
}

// read brings the page behind a position, or the first one when the position has expired.
func (r *reader) read(ctx context.Context, position record.Position) (page record.Page, err error) {
	read := func() (err error) {
		page, err = r.source.Read(ctx, position)
		return err
	}
	err = r.persist(ctx, read)
	if fault.Is(err, fault.Expired) && len(position) > 0 {
		r.notice("the read position of " + r.name + " has expired: reading it again from the beginning")
		position = nil
		err = r.persist(ctx, read)
	}
	return page, err
}

// worthStoring spares the queue the positions of an idle source, which may answer every poll with a new one: reading
// again from an older one is harmless, so these are stored now and then only. The first position is stored at once.
func (r *reader) worthStoring(page record.Page) bool {
	switch {
	case len(page.Records) > 0:
		return true
	case bytes.Equal(page.Next, r.checkpoint.Position):
		return false
	}
	return page.More || r.checkpoint.Revision == 0 || time.Since(r.storedAt) >= idleStore
}

// append stores a page with the position behind it, and offers the same page again until the queue has it.
func (r *reader) append(ctx context.Context, page record.Page) error {
	return r.persist(ctx, func() error {
		if err := r.pump.cfg.Guard(); err != nil { // invariant 5
			return err
		}
		next, err := r.pump.cfg.Queue.Append(ctx, r.name, page.Records, r.checkpoint, page.Next) // invariant 1
		if err != nil {
			return err
		}
		r.checkpoint, r.storedAt = next, time.Now()
		r.pump.counters.Read.Add(uint64(len(page.Records)))
		return nil
	})
}

// note passes on what a page says about the read itself.
func (r *reader) note(page record.Page) {
	if page.Notice != "" {
		r.notice(page.Notice)
	}
	if page.Progress == (record.Progress{}) {
		r.pump.progress.Delete(r.name)
		return
	}
	r.pump.progress.Store(r.name, page.Progress)
}

func (r *reader) notice(message string) {
	r.pump.cfg.Log.Info("notice", zap.String("source", r.name), zap.String("notice", message))
	r.pump.cfg.Notice(message)
}
