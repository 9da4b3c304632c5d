package pump

import (
	"context"
	"sync"
	"time"
)

// lead bounds how far full reads run ahead of the writer. The queue is one, and first come is first written: a change of
// one table would wait behind everything that the replay of another has queued. So full reads take turns, one page each,
// and queue only what is written in a short time. Changes are never held up, and a run with one source has no other to
// hold up.
type lead struct {
	waiting func(context.Context) (uint64, error)
	within  time.Duration
	settled func() uint64

	turn sync.Mutex // held by the full read that may append its next page

	// What follows belongs to whoever has the turn.
	since time.Time // of the sample
	count uint64    // settled at that time
	rate  float64   // settled a second, lately
}

const (
	// smallestLead is one page: a writer that stands still must find something when it goes on.
	smallestLead = 1000
	// leadCheck is how often a full read that waits looks again.
	leadCheck = 50 * time.Millisecond
	// leadSample is the time over which the writer's rate is taken.
	leadSample = 250 * time.Millisecond
)

func newLead(cfg Config, counters *Counters) *lead {
	if cfg.Waiting == nil || cfg.Lead < 0 || len(cfg.Sources) < 2 {
		return nil
	}
	return &lead{waiting: cfg.Waiting, within: cfg.Lead, settled: counters.settled}
}

// settled counts all outcomes.
func (c *Counters) settled() uint64 {
	return c.Written.Load() + c.Unchanged.Load() + c.Coalesced.Load() + c.Rejected.Load()
}

// take waits until the next page of a full read may be appended, and returns what gives the turn on. It fails when ctx ends
// or the queue cannot be asked.
func (l *lead) take(ctx context.Context) (release func(), err error) {
	if l == nil {
		return func() {}, nil
	}
	l.turn.Lock()
	for {
		waiting, err := l.waiting(ctx)
		if err != nil {
			l.turn.Unlock()
			return nil, err
		}
		if waiting <= l.allowed(time.Now()) {
			return l.turn.Unlock, nil
		}
		if err := wait(ctx, leadCheck); err != nil {
			l.turn.Unlock()
			return nil, err
		}
	}
}

// allowed is how many records may wait before a full read adds to them.
func (l *lead) allowed(now time.Time) uint64 {
	if took := now.Sub(l.since); took >= leadSample {
		count := l.settled()
		if !l.since.IsZero() {
			l.rate = float64(count-l.count) / took.Seconds()
		}
		l.since, l.count = now, count
	}
	return max(smallestLead, uint64(l.rate*l.within.Seconds()))
}
