package pump

import (
	"bytes"
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// reader brings one source's pages into the queue.
type reader struct {
	pump    *Pump
	name    string
	source  Source
	settled chan struct{} // closed when it is known for the first time whether the source can be read
	settle  func()

	checkpoint record.Checkpoint // what the queue has stored
	storedAt   time.Time
}

func newReader(p *Pump, name string, source Source) *reader {
	settled := make(chan struct{})
	return &reader{pump: p, name: name, source: source, settled: settled, settle: sync.OnceFunc(func() { close(settled) })}
}

// idleStore is how often the position of an idle source is stored although no record came with it.
const idleStore = time.Minute

// run reads until ctx ends or the source cannot be read.
func (r *reader) run(ctx context.Context) error {
	if err := r.resume(ctx); err != nil {
		return err
	}
	position := r.checkpoint.Position
	for {
		page, err := r.read(ctx, position)
		if fault.Is(err, fault.Fatal) && ctx.Err() == nil {
			if err := r.hold(ctx, err); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		r.note(page)
		r.release()
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

// part names the reader among the troubles.
func (r *reader) part() string { return "reading " + r.name }

// hold leaves a source alone for a while that only a person can mend, as long as another one can be read. Its position
// stays where it is: nothing is lost (invariant 1).
func (r *reader) hold(ctx context.Context, why error) error {
	began, all := r.pump.holds.add(r.name, why)
	if all != nil {
		return all
	}
	r.pump.trouble.set(r.part(), why, time.Now())
	if began {
		r.notice(r.name + " is held, the others go on: " + fault.Message(why))
	}
	r.pump.progress.Delete(r.name)
	r.settle()
	return wait(ctx, r.pump.cfg.HoldPause)
}

// release notes that the source can be read.
func (r *reader) release() {
	if r.pump.holds.remove(r.name) {
		r.notice(r.name + " can be read again")
	}
	r.settle()
}

func (r *reader) persist(ctx context.Context, step func() error) error {
	return r.pump.persist(ctx, r.part(), step)
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

// append stores a page with the position behind it. One of a full read waits for its turn.
func (r *reader) append(ctx context.Context, page record.Page) error {
	if page.Progress == (record.Progress{}) {
		return r.store(ctx, page)
	}
	if err := r.follow(ctx); err != nil {
		return err
	}
	var release func()
	err := r.persist(ctx, func() (err error) {
		release, err = r.pump.lead.take(ctx)
		return err
	})
	if err != nil {
		return err
	}
	defer release()
	return r.store(ctx, page)
}

// follow waits until the full reads are over that go before this one: rows whose parents come later would be parked and
// read once more. A source that is held is not waited for.
func (r *reader) follow(ctx context.Context) error {
	for _, name := range r.pump.cfg.Behind[r.name] {
		for r.pump.loading(name) {
			if err := wait(ctx, leadCheck); err != nil {
				return err
			}
		}
	}
	return nil
}

// store offers the same page again until the queue has it.
func (r *reader) store(ctx context.Context, page record.Page) error {
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
