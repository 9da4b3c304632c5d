package dynamics

import (
	"context"
	"slices"
	"sync"

	"github.com/causeway-sync/causeway/pkg/fault"
)

const (
	// mostParallel is the vendor's limit of concurrent requests (Dataverse docs, Service protection API limits).
	mostParallel = 52
	// firstParallel is where the search begins: the vendor asks to start low.
	firstParallel = 4
)

// parallel finds how many requests may be under way at the same time: one more after every round that went well, half
// when the server says that it was too much.
type parallel struct {
	mu      sync.Mutex
	limit   float64
	most    int
	running int
	// cuts counts the halvings. A request remembers the count it was sent at: of many that were under way together and
	// were all too many, only the first halves the limit.
	cuts    int
	waiting []chan struct{}
}

func newParallel(most int) *parallel {
	if most <= 0 || most > mostParallel {
		most = mostParallel
	}
	return &parallel{limit: float64(min(firstParallel, most)), most: most}
}

// slot is one request under way.
type slot struct{ cuts int }

// acquire waits for a slot. A slot has to be released.
func (p *parallel) acquire(ctx context.Context) (slot, error) {
	p.mu.Lock()
	for p.running >= int(p.limit) {
		turn := make(chan struct{})
		p.waiting = append(p.waiting, turn)
		p.mu.Unlock()
		select {
		case <-turn:
		case <-ctx.Done():
			p.forget(turn)
			return slot{}, fault.Wrap(fault.Transient, ctx.Err(), "interrupted")
		}
		p.mu.Lock()
	}
	p.running++
	defer p.mu.Unlock()
	return slot{p.cuts}, nil
}

// forget takes back a caller that does not wait any more. The turn may already have been its own.
func (p *parallel) forget(turn chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = slices.DeleteFunc(p.waiting, func(c chan struct{}) bool { return c == turn })
	p.wakeLocked()
}

// verdict is what a request learned about the load.
type verdict int

const (
	unsure  verdict = iota // it failed for a reason of its own
	fine                   // it was served
	crowded                // it was throttled
)

// release ends a request. hint is the server's own suggestion, 0 for none.
func (p *parallel) release(s slot, learned verdict, hint int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running--
	switch {
	case learned == crowded && s.cuts == p.cuts:
		p.limit = max(1, float64(int(p.limit)/2))
		p.cuts++
	case learned == fine && s.cuts == p.cuts:
		ceiling := p.most
		if hint > 0 {
			ceiling = min(ceiling, hint)
		}
		p.limit = max(1, min(float64(ceiling), p.limit+1/p.limit))
	}
	p.wakeLocked()
}

// wakeLocked gives turns to as many callers as there are free slots. A caller that finds its slot taken waits again.
func (p *parallel) wakeLocked() {
	for free := int(p.limit) - p.running; free > 0 && len(p.waiting) > 0; free-- {
		close(p.waiting[0])
		p.waiting = p.waiting[1:]
	}
}
