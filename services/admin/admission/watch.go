package admission

import (
	"context"
	"sync"
	"time"
)

// lookEvery is how long a stream can outlive the right to it.
const lookEvery = 5 * time.Second

// watch looks from time to time whether who asked for something may still have it, and ends what goes on for too long.
type watch struct {
	mu   sync.Mutex
	held map[*held]struct{}
}

type held struct {
	still func() bool
	end   context.CancelFunc
}

func newWatch() *watch { return &watch{held: map[*held]struct{}{}} }

// hold gives a context that ends when still is no longer true; the caller releases it.
func (w *watch) hold(ctx context.Context, still func() bool) (context.Context, func()) {
	ctx, end := context.WithCancel(ctx)
	h := &held{still: still, end: end}
	w.mu.Lock()
	w.held[h] = struct{}{}
	w.mu.Unlock()
	return ctx, func() {
		w.mu.Lock()
		delete(w.held, h)
		w.mu.Unlock()
		end()
	}
}

// run looks until ctx ends.
func (w *watch) run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.look()
		}
	}
}

func (w *watch) look() {
	w.mu.Lock()
	all := make([]*held, 0, len(w.held))
	for h := range w.held {
		all = append(all, h)
	}
	w.mu.Unlock()
	for _, h := range all {
		if !h.still() {
			h.end()
		}
	}
}
