package bus_test

import (
	"sync/atomic"
	"testing"

	"github.com/causeway-sync/causeway/pkg/bus"
)

// TestAnsweringEnds: what is under way is waited for, and what comes afterwards is not begun.
func TestAnsweringEnds(t *testing.T) {
	var answers bus.Answering
	var done, late atomic.Int32
	open := make(chan struct{})
	for range 10 {
		answers.Go(func() { <-open; done.Add(1) })
	}
	close(open)
	answers.Stop()
	answers.Go(func() { late.Add(1) })
	answers.Stop()
	if done.Load() != 10 || late.Load() != 0 {
		t.Errorf("%d answers were given, %d after the end", done.Load(), late.Load())
	}
}
