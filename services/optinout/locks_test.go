package optinout

import (
	"sync"
	"sync/atomic"
	"testing"
)

// A contact is held by one at a time, whatever else those want that wait for it, and nothing is left behind.
func TestLocks(t *testing.T) {
	var l locks
	var holders [3]atomic.Int64
	var working sync.WaitGroup
	for i := range 60 {
		working.Go(func() {
			first, second := i%3, (i+1+i%2)%3
			names := []string{"a", "b", "c"}
			release := l.take([]string{names[first], names[second], names[first]})
			for _, held := range []int{first, second} {
				if n := holders[held].Add(1); n != 1 {
					t.Errorf("%s is held by %d", names[held], n)
				}
			}
			for _, held := range []int{first, second} {
				holders[held].Add(-1)
			}
			release()
		})
	}
	working.Wait()
	if len(l.held) > 0 {
		t.Errorf("%d locks are left", len(l.held))
	}
}
