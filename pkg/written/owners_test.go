package written_test

import (
	"context"
	"sync"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// owners is the bus's part, in memory: pkg/bus has its own tests for it.
type owners struct {
	mu       sync.Mutex
	name     string
	revision uint64
	puts     int
	failing  bool
	effect   bool // what fails has happened nevertheless
	between  func()
}

func (o *owners) fails(failing, effect bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failing, o.effect = failing, effect
}

func (o *owners) Last(context.Context) (string, uint64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failing && !o.effect {
		return "", 0, fault.New(fault.Transient, "the bus is away")
	}
	return o.name, o.revision, nil
}

func (o *owners) Put(_ context.Context, name string, revision uint64) error {
	if between := o.between; between != nil {
		o.between = nil
		between()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failing && !o.effect {
		return fault.New(fault.Transient, "the bus is away")
	}
	if revision != o.revision {
		return fault.New(fault.Stale, "somebody else was quicker")
	}
	o.name, o.puts = name, o.puts+1
	o.revision++
	if o.failing {
		return fault.New(fault.Transient, "the answer was lost")
	}
	return nil
}
