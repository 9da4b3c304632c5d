package pump

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// attempt brings a batch to the sink, and each of its records to an outcome or to its next attempt.
func (w *writer) attempt(ctx context.Context, batch []*task) {
	if err := w.pump.cfg.Guard(); err != nil { // invariant 5
		w.fail(err)
		return
	}
	batch = w.rejectRefused(ctx, batch)
	if len(batch) == 0 {
		return
	}
	records := make([]record.Record, len(batch))
	for i, t := range batch {
		records[i] = t.Record
	}
	results := w.pump.cfg.Sink.Write(ctx, records)
	if len(results) != len(batch) {
		w.fail(fault.New(fault.Fatal, fmt.Sprintf("a defect of this program: the sink answered %d of %d records", len(results), len(batch))))
		return
	}
	w.settleWritten(batch, results)
	first := true // of the records of this write that failed for a passing reason
	for i, t := range batch {
		switch err := results[i].Err; {
		case err == nil:
		case fault.Is(err, fault.Rejected):
			t.refusal = &refusal{reason: fault.Message(err), attempts: t.attempts + 1, expected: results[i].Expected}
			w.reject(ctx, t)
		case fault.Is(err, fault.Waiting):
			t.refusal = &refusal{reason: fault.Message(err), attempts: t.attempts + 1, park: true}
			w.reject(ctx, t)
		case ctx.Err() != nil:
			// Cut off by a stop: the outcome is not known, handBack finds the record in its lane.
		case passing(err):
			w.retry(ctx, t, err, first)
			first = false
		default:
			w.fail(err)
		}
	}
}

// fail ends the run. The tasks that have no outcome stay in their lanes and are handed back.
func (w *writer) fail(err error) {
	w.end(err)
	w.quiesce() // At once: the run notices its end a little later.
}

// rejectRefused deals with the tasks that are not for the sink, and returns the others.
func (w *writer) rejectRefused(ctx context.Context, batch []*task) []*task {
	good := batch[:0]
	for _, t := range batch {
		if t.Broken != nil && t.refusal == nil {
			t.refusal = &refusal{reason: "the record in the queue cannot be read: " + t.Broken.Error(), attempts: 1}
		}
		if t.refusal != nil {
			w.reject(ctx, t)
			continue
		}
		good = append(good, t)
	}
	return good
}

// reject moves a record to the failures, or to the parked ones, and settles it when it is safe there (invariant 2).
func (w *writer) reject(ctx context.Context, t *task) {
	err := w.putAside(ctx, t)
	switch {
	case err == nil && t.refusal.park:
		w.pump.trouble.clear(partFailures)
		w.settle([]*task{t}, false)
	case err == nil:
		w.pump.trouble.clear(partFailures)
		w.pump.counters.Rejected.Add(1)
		if !t.refusal.expected {
			t.cause = record.Cause(t.refusal.reason, t.Source, t.Key)
		}
		w.settle([]*task{t}, false)
		if err := w.tooMany(); err != nil {
			w.fail(err) // What was not rejected yet stays in the queue.
		}
	case ctx.Err() != nil: // Cut off by a stop.
	case !passing(err):
		w.fail(err)
	default:
		w.postpone(t, err)
	}
}

func (w *writer) putAside(ctx context.Context, t *task) error {
	if t.refusal.park {
		return w.pump.cfg.Queue.Park(ctx, t.Delivery, t.refusal.reason)
	}
	return w.pump.cfg.Queue.Reject(ctx, t.Delivery, t.refusal.reason, t.refusal.attempts)
}

// tooMany is the fault of a run that rejects too much.
func (w *writer) tooMany() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tally.exceeded()
}

// postpone tries again later to store a refused record.
func (w *writer) postpone(t *task, err error) {
	w.pump.countRetry(err)
	if lasting := w.pump.trouble.set(partFailures, err, time.Now()); lasting > w.pump.cfg.Patience {
		w.fail(outlasted(partFailures, lasting, err))
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.laterLocked(t, pause(t.refusal.delays, err))
	t.refusal.delays++
}

// retry puts a task that failed for a passing reason aside, and slows everything down while nothing succeeds. First says
// that it is the first of its batch.
func (w *writer) retry(ctx context.Context, t *task, err error, first bool) {
	w.pump.countRetry(err)
	if lasting, bearable := w.bear(t, err); !bearable {
		w.fail(outlasted(partWriting, lasting, err))
		return
	}
	if w.delay(t, err, first) {
		return
	}
	t.refusal = &refusal{attempts: t.attempts,
		reason: fmt.Sprintf("failed %d times while others were written, last: %s", t.attempts, fault.Message(err))}
	w.reject(ctx, t)
}

// bear notes trouble, and reports for how long it has lasted and whether there is patience left.
func (w *writer) bear(t *task, err error) (lasting time.Duration, bearable bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !t.troubled {
		t.troubled = true
		w.troubled++
	}
	lasting = w.pump.trouble.set(partWriting, err, time.Now())
	return lasting, lasting <= w.pump.cfg.Patience
}

// delay sets the time of the next attempt. It reports false for a record that deserves none.
func (w *writer) delay(t *task, err error, first bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if fault.Is(err, fault.Throttled) {
		w.pace.throttled(err, first, time.Now()) // It holds all writes, this one too.
		w.againLocked(t)
		return true
	}
	allFail := w.pace.failure(t, first, time.Now())
	switch {
	case w.pace.poisoned(t):
		return false
	case allFail:
		w.againLocked(t) // The pace holds all writes; when the remote is back, none waits longer than that.
	default:
		w.laterLocked(t, pause(t.attempts-1, nil))
	}
	return true
}

// settleWritten settles what the sink has confirmed (invariant 2). What needed no write is no sign that writing works: it
// must not end a trouble, nor make a record that fails look like the odd one out.
func (w *writer) settleWritten(batch []*task, results []Result) {
	var written, unchanged []*task
	for i, t := range batch {
		switch {
		case results[i].Err != nil:
		case results[i].Unchanged:
			unchanged = append(unchanged, t)
		default:
			written = append(written, t)
		}
	}
	if len(unchanged) > 0 {
		w.pump.counters.Unchanged.Add(uint64(len(unchanged)))
		w.settle(unchanged, false)
	}
	if len(written) > 0 {
		w.pump.counters.Written.Add(uint64(len(written)))
		w.settle(written, true)
	}
}

// settle ends tasks that are at the destination, or safe among the failures.
func (w *writer) settle(tasks []*task, written bool) {
	w.ack(w.finish(tasks, written))
}

func (w *writer) finish(tasks []*task, written bool) (settled []record.Delivery) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range tasks {
		if t.troubled {
			w.troubled--
		}
		w.tally.note(t.cause)
		list := w.lanes.finish(t)
		w.pump.counters.Coalesced.Add(uint64(len(list) - 1))
		settled = append(settled, list...)
	}
	if written {
		w.pace.success(len(tasks))
	}
	if written || w.troubled == 0 {
		w.pump.trouble.clear(partWriting)
	}
	w.wake()
	if w.roomyLocked() {
		w.room.Signal()
	}
	return settled
}

func (w *writer) ack(list []record.Delivery) {
	for _, d := range list {
		if err := d.Ack(); err != nil {
			// The record comes again and is written again, which is harmless (invariant 3).
			w.pump.cfg.Log.Debug("an acknowledgement was lost", zap.Uint64("sequence", d.Seq), zap.Error(err))
		}
	}
}
