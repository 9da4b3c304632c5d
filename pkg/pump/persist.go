package pump

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// The pauses between attempts at something that fails for a passing reason.
const (
	firstPause = 200 * time.Millisecond
	lastPause  = 30 * time.Second
	// fullPause is how long a reader waits before it offers a page to a full queue again.
	fullPause = 500 * time.Millisecond
)

// pause is how long to wait after failed attempt 0, 1, ...: doubling from firstPause to lastPause with a fifth of jitter,
// and never less than the remote asked for (invariant 10).
func pause(attempt int, err error) time.Duration {
	d := lastPause
	if attempt < 8 {
		d = min(firstPause<<attempt, lastPause)
	}
	d += time.Duration(rand.Int64N(int64(d)/5 + 1))
	return max(d, fault.After(err))
}

// wait sleeps, or returns early when ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// passing reports whether an error may mend by itself.
func passing(err error) bool {
	kind := fault.KindOf(err)
	return kind == fault.Transient || kind == fault.Throttled || kind == fault.QueueFull
}

// persist repeats a step while it fails for passing reasons, within the patience of the run. The part names it among the
// troubles.
func (p *Pump) persist(ctx context.Context, part string, step func() error) error {
	for attempt := 0; ctx.Err() == nil; attempt++ {
		err := step()
		switch {
		case err == nil:
			p.trouble.clear(part)
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !passing(err):
			return err
		}
		lasting := p.trouble.set(part, err, time.Now())
		delay := pause(attempt, err)
		if fault.Is(err, fault.QueueFull) {
			// Waiting for the writer is no failure of the reader: the writer's own patience decides.
			attempt, delay = -1, fullPause
		} else {
			p.countRetry(err)
			if lasting > p.cfg.Patience {
				return outlasted(part, lasting, err)
			}
		}
		// Only the message: a cause may quote what a remote system said, personal data included (invariant 9).
		p.cfg.Log.Debug("retrying", zap.String("part", part), zap.Duration("pause", delay), zap.String("why", fault.Message(err)))
		if err := wait(ctx, delay); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (p *Pump) countRetry(err error) {
	p.counters.Retries.Add(1)
	if fault.Is(err, fault.Throttled) {
		p.counters.Throttled.Add(1)
	}
}

// outlasted is the fault of trouble that did not pass in time. It may still pass: whoever runs the pump tries again
// later, and not inside a delay that the remote asked for (invariant 10).
func outlasted(part string, lasting time.Duration, err error) error {
	message := fmt.Sprintf("%s has failed for %s: %s", part, lasting.Round(time.Second), fault.Message(err))
	if after := fault.After(err); after > 0 {
		return &fault.Error{Kind: fault.Throttled, Message: message, After: after, Err: err}
	}
	return fault.Wrap(fault.Transient, err, message)
}
