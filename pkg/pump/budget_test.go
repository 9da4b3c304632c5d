package pump_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// budget lets so many requests pass in a sliding window, as Dataverse's service protection does, and asks for a pause of
// 2 s beyond that.
type budget struct {
	mu       sync.Mutex
	requests int
	window   time.Duration
	passed   []time.Time
	closed   time.Time // nothing may come before
	early    int
}

func (b *budget) ask() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if now.Before(b.closed) {
		b.early++
	}
	for len(b.passed) > 0 && now.Sub(b.passed[0]) >= b.window {
		b.passed = b.passed[1:]
	}
	if len(b.passed) >= b.requests {
		const pause = 2 * time.Second
		b.closed = now.Add(pause)
		return fault.ThrottledFor(pause, "slow down")
	}
	b.passed = append(b.passed, now)
	return nil
}

// TestTheBudgetOfTheRemoteIsUsed: with a backlog, at least 95 % of what a remote allows is used, in single writes and in
// batches, and nothing is written inside its delay (invariant 10).
func TestTheBudgetOfTheRemoteIsUsed(t *testing.T) {
	for _, batch := range []int{1, 40} {
		t.Run(fmt.Sprintf("batches of %d", batch), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const requests, windows, window = 60, 4, time.Minute
				b := &budget{requests: requests, window: window}
				w := writing(t)
				w.cfg.BatchSize, w.cfg.InFlight, w.cfg.Window = batch, 1, 10*batch // One at a time: each request is asked for by one answer.
				w.dest.latency = 100 * time.Millisecond
				var said error
				var at time.Time
				w.dest.answer = func(int, record.Record) outcome {
					if now := time.Now(); !now.Equal(at) { // The first record of a batch asks for all of it.
						at, said = now, b.ask()
					}
					return outcome{landed: said == nil, err: said}
				}
				for i, key := range keys((windows + 1) * requests * batch) {
					w.queue.put(upsert(key, int64(i+1)))
				}
				w.start()
				quietly(windows*window - time.Second)
				used := float64(w.dest.size()) / float64(windows*requests*batch)
				if used < 0.95 || used > 1 {
					t.Errorf("%.1f %% of the budget was used", 100*used)
				}
				if b.early > 0 {
					t.Errorf("%d requests inside the delay", b.early)
				}
				w.mustStop()
			})
		})
	}
}
