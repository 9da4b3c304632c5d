package pump_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

func TestAStopFinishesWhatIsUnderWayAndHandsBackTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.dest.latency = 2 * time.Second
		for i, key := range keys(100) {
			w.queue.put(upsert(key, int64(i+1)))
		}
		w.start()
		quietly(time.Second)
		took, err := w.stop()
		if err != nil || took != time.Second {
			t.Errorf("stop: %v after %v, want the second that the calls still needed", err, took)
		}
		if len(w.dest.landed) != 4 || len(w.queue.acks) != 4 {
			t.Errorf("%d written, %d acknowledged; want the 4 that were under way", len(w.dest.landed), len(w.queue.acks))
		}
		if len(w.queue.naks) != 96 || !slices.IsSorted(w.queue.naks) {
			t.Errorf("handed back: %d, in order %v", len(w.queue.naks), slices.IsSorted(w.queue.naks))
		}
		w.check()
	})
}

func TestAStopCutsOffWhatTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.cfg.DrainTimeout = 3 * time.Second
		w.dest.latency = time.Hour
		w.queue.put(upsert("a", 1), upsert("b", 2))
		w.start()
		quietly(time.Second)
		took, err := w.stop()
		if err != nil || took != 3*time.Second {
			t.Errorf("stop: %v after %v", err, took)
		}
		if !slices.Equal(w.queue.naks, []uint64{1, 2}) || len(w.queue.acks) != 0 {
			t.Errorf("handed back %v, acknowledged %v", w.queue.naks, w.queue.acks)
		}
		if w.counters.Retries.Load() != 0 || w.pump.Trouble() != "" {
			t.Errorf("a cut call counts as a failure: %q", w.pump.Trouble())
		}
	})
}

func TestAStopWaitsForNoPause(t *testing.T) {
	for name, err := range map[string]error{"throttled": fault.ThrottledFor(time.Hour, "slow down"), "failing": transient()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.source.edit(keys(10)...)
				w.dest.answer = always(outcome{err: err})
				w.cfg.Sources["account"] = &source{fails: func(int) error { return err }}
				w.start()
				quietly(time.Minute)
				if took, err := w.stop(); err != nil || took != 0 {
					t.Errorf("stop: %v after %v", err, took)
				}
				if len(w.queue.naks) != 10 {
					t.Errorf("%d of 10 were handed back", len(w.queue.naks))
				}
			})
		})
	}
}

func TestAStopWhileTheQueueIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.queue.openFails = func() error { return fault.New(fault.Transient, "NATS is away") }
		w.start()
		quietly(time.Minute)
		if took, err := w.stop(); err != nil || took != 0 {
			t.Errorf("stop: %v after %v", err, took)
		}
		if w.ready() != 0 || w.source.count() != 0 {
			t.Error("something was read without a window")
		}
	})
}

func TestNothingHappensAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.dest.latency = 30 * time.Millisecond
		w.dest.answer = func(n int, _ record.Record) outcome {
			if n%2 == 0 {
				return outcome{err: transient()}
			}
			return outcome{landed: true}
		}
		w.source.edit(keys(300)...)
		w.start()
		quietly(time.Second)
		w.mustStop()
		calls, reads, offers, acks := len(w.dest.seen()), w.source.count(), w.queue.offers, len(w.queue.acks)
		w.source.edit("late")
		quietly(time.Hour)
		if len(w.dest.seen()) != calls || w.source.count() != reads || w.queue.offers != offers || len(w.queue.acks) != acks {
			t.Error("the run goes on after its end")
		}
		if w.ready() != 1 {
			t.Errorf("ready was said %d times", w.ready())
		}
	})
}

func TestAFenceCutsOffEvenWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.dest.latency = time.Hour
		w.source.edit(keys(10)...)
		w.start()
		quietly(time.Second)
		w.stopWith(fault.New(fault.Fenced, "another instance is active"))
		begin := time.Now()
		<-w.ended
		if !fault.Is(w.err, fault.Fenced) || time.Since(begin) != 0 {
			t.Errorf("the run ended with %v after %v", w.err, time.Since(begin))
		}
		if len(w.dest.landed) != 0 || len(w.queue.acks) != 0 || len(w.queue.naks) != 10 {
			t.Errorf("written %d, acknowledged %d, handed back %d", len(w.dest.landed), len(w.queue.acks), len(w.queue.naks))
		}
	})
}

// guard consents until its time.
func guard(until time.Time) func() error {
	return func() error {
		if time.Now().Before(until) {
			return nil
		}
		return fault.New(fault.Fenced, "the lease is lost")
	}
}

func TestNothingIsWrittenOrStoredWithoutTheGuardsConsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		lost := time.Now().Add(10 * time.Second)
		w.cfg.Guard = guard(lost)
		w.dest.latency = 300 * time.Millisecond
		w.source.edit(keys(500)...)
		w.start()
		<-w.ended
		if !fault.Is(w.err, fault.Fenced) {
			t.Errorf("the run ended with %v", w.err)
		}
		for _, c := range w.dest.seen() {
			if !c.at.Before(lost) { // invariant 5
				t.Errorf("%s is written %v after the lease was lost", c.key, c.at.Sub(lost))
			}
		}
		if time.Since(lost) > time.Second {
			t.Errorf("it noticed %v late", time.Since(lost))
		}
	})
}

func TestAReaderWithoutConsentStoresNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cfg.Guard = guard(time.Now().Add(time.Minute))
		w.start()
		quietly(time.Minute)
		w.source.edit("a")
		<-w.ended
		if !fault.Is(w.err, fault.Fenced) || w.queue.length() != 0 {
			t.Errorf("the run ended with %v, %d records are stored", w.err, w.queue.length())
		}
	})
}

func TestALeaseLostWhileDrainingCutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.cfg.Guard = guard(time.Now().Add(3 * time.Second))
		w.dest.latency = time.Hour
		w.queue.put(upsert("a", 1))
		w.start()
		quietly(time.Second)
		if took, err := w.stop(); err != nil || took < 2*time.Second || took > 2200*time.Millisecond {
			t.Errorf("stop: %v after %v, want the two seconds that were left of the lease", err, took)
		}
	})
}

func TestTheWindowsFailureEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		quietly(time.Second)
		w.queue.mu.Lock()
		w.queue.window.closed = true // Next fails from now on.
		w.queue.tellLocked()
		w.queue.mu.Unlock()
		<-w.ended
		if !fault.Is(w.err, fault.Fatal) {
			t.Errorf("the run ended with %v", w.err)
		}
	})
}

func TestAStopBeforeTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w.start()
		w.stopWith(context.Cause(ctx))
		<-w.ended
		if w.err != nil {
			t.Errorf("the run ended with %v", w.err)
		}
	})
}

// endless is a source that has more for ever and does not look at its context.
type endless struct{}

func (endless) Read(context.Context, record.Position) (record.Page, error) {
	return record.Page{More: true}, nil
}

func TestAStopEndsASourceThatNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cfg.Sources["contact"] = endless{}
		w.start()
		w.mustStop()
	})
}
