package admission

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestWatchEndsWhatMayNoLonger, within its time, and nothing else.
func TestWatchEndsWhatMayNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		w := newWatch()
		done := make(chan struct{})
		go func() { defer close(done); w.run(ctx) }()
		var may atomic.Bool
		may.Store(true)
		watched, release := w.hold(ctx, may.Load)
		other, releaseOther := w.hold(ctx, func() bool { return true })
		time.Sleep(time.Hour)
		if watched.Err() != nil {
			t.Error("it ends what may go on")
		}
		may.Store(false)
		began := time.Now()
		<-watched.Done()
		if took := time.Since(began); took > lookEvery {
			t.Errorf("it took %s", took)
		}
		if other.Err() != nil {
			t.Error("it ends another too")
		}
		release()
		releaseOther()
		if len(w.held) != 0 {
			t.Errorf("%d are remembered after their end", len(w.held))
		}
		stop()
		<-done
	})
}
