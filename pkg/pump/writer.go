package pump

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// writer takes records from the window into lanes, and its workers bring each to its outcome (outcome.go).
type writer struct {
	pump   *Pump
	window Window
	end    func(error) // ends the whole run with a root cause

	mu       sync.Mutex
	work     *sync.Cond // a task may be written, or the writer stops
	room     *sync.Cond // the window has room, or the writer stops
	lanes    *lanes
	pace     *pace
	tally    *tally
	troubled int                   // tasks that have failed and are not settled
	delayed  map[*task]*time.Timer // tasks that wait for their next attempt
	stopping bool
}

// The writer's parts among the troubles.
const (
	partWriting  = "writing"
	partFailures = "storing failures"
)

func newWriter(p *Pump, window Window, end func(error)) *writer {
	w := &writer{pump: p, window: window, end: end, lanes: newLanes(p.cfg.Independent), delayed: map[*task]*time.Timer{},
		pace: &pace{inFlight: p.cfg.InFlight, maxAttempts: p.cfg.MaxAttempts}, tally: newTally(p.cfg.Rejects)}
	w.work, w.room = sync.NewCond(&w.mu), sync.NewCond(&w.mu)
	return w
}

// run writes until ctx ends, then finishes the calls under way and hands the rest back.
func (w *writer) run(ctx context.Context) {
	writeCtx, cutOff := context.WithCancel(context.WithoutCancel(ctx))
	defer cutOff()
	var workers, helpers sync.WaitGroup
	for range w.pump.cfg.InFlight {
		workers.Go(func() { w.write(writeCtx) })
	}
	helpers.Go(func() { w.extend(writeCtx) })

	if err := w.pull(ctx); err != nil {
		w.end(err)
	}
	w.quiesce()
	if fault.Is(context.Cause(ctx), fault.Fenced) {
		cutOff() // Somebody else writes now: not even the calls under way may go on.
	}
	w.drain(&workers, cutOff)
	cutOff()
	helpers.Wait()
	w.handBack()
}

// pull moves deliveries from the window into lanes, as many as there is room for.
func (w *writer) pull(ctx context.Context) error {
	stopWaiting := context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.room.Broadcast()
	})
	defer stopWaiting()
	for {
		room := w.awaitRoom(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		list, err := w.window.Next(ctx, room)
		if err != nil {
			return err
		}
		w.accept(list)
	}
}

func (w *writer) awaitRoom(ctx context.Context) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.roomyLocked() && ctx.Err() == nil {
		w.room.Wait()
	}
	return w.pump.cfg.Window - w.lanes.held
}

// roomyLocked reports whether it is worth while to pull: records that trickle in one by one, as each of a full window is
// settled, would cost as much as they bring. While something is ready to be written it waits for an eighth of the window.
func (w *writer) roomyLocked() bool {
	room := w.pump.cfg.Window - w.lanes.held
	return room > 0 && (len(w.lanes.ready) == 0 || room >= w.pump.cfg.Window/8)
}

// accept sorts deliveries into lanes, and acknowledges those that need not be written.
func (w *writer) accept(list []record.Delivery) {
	var finished []record.Delivery
	w.mu.Lock()
	for _, d := range list {
		switch {
		case d.Broken == nil && !w.pump.cfg.Independent && w.window.Superseded(d):
			// A newer version stands in the queue and contains it: writing this one could only undo it (invariant 4).
			w.pump.counters.Coalesced.Add(1)
			finished = append(finished, d)
		case w.lanes.take(d) == done:
			finished = append(finished, d)
		}
	}
	w.wake()
	w.mu.Unlock()
	w.ack(finished)
}

// wake wakes as many workers as there is work for. The caller holds the lock.
func (w *writer) wake() {
	for range min(len(w.lanes.ready), w.pump.cfg.InFlight) {
		w.work.Signal()
	}
}

// write is one of the concurrent workers.
func (w *writer) write(ctx context.Context) {
	for {
		batch := w.next()
		if batch == nil {
			return
		}
		w.attempt(ctx, batch)
	}
}

// next waits for tasks that are ready and may be written now; nil when the writer stops.
func (w *writer) next() []*task {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.stopping {
		delay := max(time.Until(w.pace.until), w.lingerLocked()) // invariant 10
		switch {
		case len(w.lanes.ready) == 0:
			w.work.Wait()
		case delay > 0:
			timer := time.AfterFunc(delay, func() {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.work.Broadcast()
			})
			w.work.Wait()
			timer.Stop()
		default:
			batch := w.lanes.pop(w.pump.cfg.BatchSize)
			if w.roomyLocked() {
				w.room.Signal()
			}
			return batch
		}
	}
	return nil
}

// lingerLocked is how long what is ready may still wait for more to fill a batch.
func (w *writer) lingerLocked() time.Duration {
	if w.pump.cfg.Linger <= 0 || len(w.lanes.ready) >= w.pump.cfg.BatchSize || !w.roomyForMoreLocked() {
		return 0
	}
	return time.Until(w.lanes.since.Add(w.pump.cfg.Linger))
}

// roomyForMoreLocked reports whether more can come at all: a full window brings nothing.
func (w *writer) roomyForMoreLocked() bool { return w.lanes.held < w.pump.cfg.Window }

// laterLocked makes a task ready again after a pause.
func (w *writer) laterLocked(t *task, delay time.Duration) {
	if w.stopping {
		return // handBack finds it in its lane.
	}
	w.delayed[t] = time.AfterFunc(delay, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if _, waiting := w.delayed[t]; waiting {
			w.againLocked(t)
		}
	})
}

func (w *writer) againLocked(t *task) {
	delete(w.delayed, t)
	w.lanes.again(t)
	w.work.Signal()
}

// extend keeps what is held alive in the queue: it would be delivered again otherwise.
func (w *writer) extend(ctx context.Context) {
	ticker := time.NewTicker(w.pump.cfg.ExtendEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		w.mu.Lock()
		held := w.lanes.all()
		w.mu.Unlock()
		for _, d := range held {
			if err := d.Extend(); err != nil {
				w.pump.cfg.Log.Debug("a record could not be kept alive", zap.Uint64("sequence", d.Seq), zap.Error(err))
			}
		}
	}
}

// quiesce lets no further write begin.
func (w *writer) quiesce() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopping = true
	for t, timer := range w.delayed {
		timer.Stop()
		delete(w.delayed, t)
	}
	w.work.Broadcast()
}

// guardEvery is how often a draining writer asks whether its calls may go on.
const guardEvery = 100 * time.Millisecond

// drain waits for the calls under way. It cuts them off when they take too long, or when somebody else may write
// (invariant 5).
func (w *writer) drain(workers *sync.WaitGroup, cutOff func()) {
	quiet := make(chan struct{})
	go func() {
		defer close(quiet)
		workers.Wait()
	}()
	deadline := time.NewTimer(w.pump.cfg.DrainTimeout)
	defer deadline.Stop()
	ticker := time.NewTicker(guardEvery)
	defer ticker.Stop()
	for {
		select {
		case <-quiet:
			return
		case <-deadline.C:
			cutOff()
		case <-ticker.C:
			if w.pump.cfg.Guard() != nil {
				cutOff()
			}
		}
	}
}

// handBack returns what was not settled, in the order of the queue. The workers are gone.
func (w *writer) handBack() {
	w.mu.Lock()
	held := w.lanes.all()
	w.mu.Unlock()
	for _, d := range held {
		if err := d.Nak(); err != nil {
			w.pump.cfg.Log.Debug("a record could not be handed back", zap.Uint64("sequence", d.Seq), zap.Error(err))
		}
	}
}
