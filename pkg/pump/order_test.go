package pump_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/record"
)

func TestWaitingVersionsAreCoalescedIntoTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.dest.latency = time.Second
		w.start()
		for v := range 10 {
			w.queue.put(upsert("a", int64(v+1)))
			synctest.Wait()
		}
		quietly(1500 * time.Millisecond)
		if n := 10 - w.queue.backlog(); n != 1 {
			t.Errorf("%d acknowledgements while the newest version is being written", n)
		}
		quietly(time.Minute)
		w.mustStop()
		calls := w.dest.seen()
		if len(calls) != 2 || calls[0].version != 1 || calls[1].version != 10 {
			t.Errorf("calls: %+v; want the first and the newest version", calls)
		}
		if w.queue.backlog() != 0 || w.counters.Coalesced.Load() != 8 || w.counters.Written.Load() != 2 {
			t.Errorf("backlog %d, coalesced %d, written %d", w.queue.backlog(), w.counters.Coalesced.Load(), w.counters.Written.Load())
		}
	})
}

func TestANewerVersionTakesThePlaceOfAFailingOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.dest.answer = func(_ int, r record.Record) outcome {
			if r.Version < 3 {
				return outcome{err: transient()}
			}
			return outcome{landed: true}
		}
		w.queue.put(upsert("a", 1))
		w.start()
		quietly(100 * time.Millisecond)
		w.queue.put(upsert("a", 2), upsert("a", 3))
		quietly(time.Minute)
		w.mustStop()
		if calls := w.dest.seen(); len(calls) != 2 || calls[1].version != 3 {
			t.Errorf("calls: %+v", calls)
		}
		if w.queue.backlog() != 0 || w.counters.Coalesced.Load() != 2 {
			t.Errorf("backlog %d, coalesced %d", w.queue.backlog(), w.counters.Coalesced.Load())
		}
	})
}

// TestARefusedVersionIsStoredBeforeTheNextIsWritten: what was refused is shown, also when a newer version follows.
func TestARefusedVersionIsStoredBeforeTheNextIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.dest.answer = nth(outcome{err: fault.New(fault.Rejected, "no")})
		fails := 0
		w.queue.rejectFails = func() error {
			if fails++; fails < 4 {
				return transient()
			}
			return nil
		}
		w.queue.put(upsert("a", 1))
		w.start()
		synctest.Wait()
		w.queue.put(upsert("a", 2))
		quietly(time.Minute)
		w.mustStop()
		if failed := w.queue.failed(); len(failed) != 1 || failed[0].Version != 1 || w.dest.version("a") != 2 || w.pump.Trouble() != "" {
			t.Errorf("failures %+v, a at %d, trouble %q", failed, w.dest.version("a"), w.pump.Trouble())
		}
	})
}

func TestKeysRunInParallelAndEachInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cfg.InFlight = 8
		w.dest.latency = 100 * time.Millisecond
		var most, active int
		w.cfg.Sink = sinkFunc(func(ctx context.Context, batch []record.Record) []pump.Result {
			w.dest.mu.Lock()
			active++
			most = max(most, active)
			w.dest.mu.Unlock()
			results := w.dest.Write(ctx, batch)
			w.dest.mu.Lock()
			active--
			w.dest.mu.Unlock()
			return results
		})
		w.start()
		for range 30 {
			w.source.edit(keys(20)...)
			quietly(50 * time.Millisecond)
		}
		quietly(time.Minute)
		w.mustStop() // Reports two writes of a key at a time, and older versions over newer ones.
		if most != 8 {
			t.Errorf("at most %d writes ran at the same time, want 8", most)
		}
		for i, key := range keys(20) {
			if got, want := w.dest.version(key), int64(29*20+i+1); got != want {
				t.Errorf("%s is at version %d, want %d", key, got, want)
			}
		}
	})
}

func TestAFailingKeyDoesNotHoldUpTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.dest.answer = func(_ int, r record.Record) outcome {
			if r.Key == "key-000" {
				return outcome{err: transient()}
			}
			return outcome{landed: true}
		}
		for i, key := range keys(300) {
			w.queue.put(upsert(key, int64(i+1)))
		}
		w.start()
		quietly(100 * time.Millisecond)
		if w.dest.size() != 299 {
			t.Errorf("%d of 299 others are written", w.dest.size())
		}
		w.mustStop()
	})
}

// TestForgottenAcknowledgementsUndoNothing: the server dies, and delivers again what was settled, behind what came later.
func TestForgottenAcknowledgementsUndoNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.cfg.Window = 10
		w.start()
		for v := range 20 {
			w.queue.put(upsert("a", int64(3*v+1)), upsert("b", int64(3*v+2)), upsert(fmt.Sprint("key-", v), int64(3*v+3)))
			quietly(10 * time.Millisecond)
		}
		calls := len(w.dest.seen())
		w.queue.killServer(25)
		quietly(time.Second)
		if w.queue.backlog() != 0 {
			t.Errorf("%d records wait after a server was killed", w.queue.backlog())
		}
		if again := len(w.dest.seen()) - calls; again != 0 {
			t.Errorf("%d records were written again in the same run", again)
		}
		w.mustStop()
		if settled := w.counters.Written.Load() + w.counters.Coalesced.Load(); settled != 60 {
			t.Errorf("%d records are counted as settled, want each of 60 once", settled)
		}
	})
}

// TestARecordThatComesLateIsNotWrittenOverANewerOne: a delivery was lost, and is repeated when the newer one is done.
func TestARecordThatComesLateIsNotWrittenOverANewerOne(t *testing.T) {
	for name, latency := range map[string]time.Duration{"the newer one is settled": 0, "the newer one is being written": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := writing(t)
				w.dest.latency = latency
				w.queue.put(upsert("a", 1), upsert("a", 2))
				open := w.queue.Open
				w.cfg.Open = func(ctx context.Context, size int) (pump.Window, error) {
					opened, err := open(ctx, size)
					opened.(*window).next = 2 // The first delivery was lost on the way.
					opened.(*window).newest = nil
					return opened, err
				}
				w.start()
				synctest.Wait()
				w.queue.mu.Lock()
				w.queue.window.again = []uint64{1}
				w.queue.tellLocked()
				w.queue.mu.Unlock()
				quietly(time.Minute)
				w.mustStop()
				if calls := w.dest.seen(); len(calls) != 1 || w.queue.backlog() != 0 {
					t.Errorf("calls %+v, backlog %d", calls, w.queue.backlog())
				}
			})
		})
	}
}

func TestARecordThatComesAgainWhileItIsHeldIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.dest.latency = time.Minute
		w.start()
		w.queue.put(upsert("a", 1))
		synctest.Wait()
		w.queue.put(upsert("a", 2), upsert("a", 3), upsert("b", 4))
		synctest.Wait()
		w.queue.mu.Lock()
		w.queue.window.again = []uint64{1, 2, 3, 4}
		w.queue.tellLocked()
		w.queue.mu.Unlock()
		quietly(time.Hour)
		w.mustStop()
		if calls := w.dest.seen(); len(calls) != 3 {
			t.Errorf("calls: %+v; want a at 1 and 3, b", calls)
		}
		if acks := w.queue.acks; len(acks) != 4 {
			t.Errorf("acknowledged: %v", acks)
		}
	})
}

func TestARestartWritesNothingOldOverNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		// b fails, so that the ack floor stays in front of it while a is settled behind.
		w.dest.answer = func(_ int, r record.Record) outcome {
			if r.Key == "b" {
				return outcome{err: transient()}
			}
			return outcome{landed: true}
		}
		w.queue.put(upsert("b", 1))
		w.start()
		for v := range 5 {
			w.queue.put(upsert("a", int64(v+2)))
			quietly(100 * time.Millisecond)
		}
		w.mustStop()
		w.dest.decide(nil)
		before := len(w.dest.seen())
		w.start()
		quietly(time.Second)
		w.mustStop()
		var versions []int64
		for _, c := range w.dest.seen()[before:] {
			versions = append(versions, c.version)
		}
		slices.Sort(versions)
		if !slices.Equal(versions, []int64{1, 6}) {
			t.Errorf("written after the restart: versions %v; want b and the newest of a", versions)
		}
		if w.queue.backlog() != 0 {
			t.Errorf("%d wait", w.queue.backlog())
		}
	})
}

func TestTheWindowBoundsWhatIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.cfg.Window = 20
		w.dest.answer = always(outcome{err: transient()})
		for i, key := range keys(100) {
			w.queue.put(upsert(key, int64(i+1)))
		}
		w.start()
		quietly(5 * time.Second)
		w.queue.mu.Lock()
		taken := w.queue.window.next - 1
		w.queue.mu.Unlock()
		if taken != 20 {
			t.Errorf("%d records are held, want 20", taken)
		}
		quietly(25 * time.Second)
		w.queue.mu.Lock()
		if n := len(w.queue.extended); n != 20 || w.queue.extended[1] != 3 {
			t.Errorf("%d records are kept alive, the first %d times; want 20, 3 times in 30 s", n, w.queue.extended[1])
		}
		w.queue.mu.Unlock()
		w.mustStop()
	})
}
