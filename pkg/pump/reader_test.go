package pump_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/record"
)

// quietly waits in the bubble's own time.
func quietly(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// always is one outcome for every write.
func always(o outcome) func(int, record.Record) outcome {
	return func(int, record.Record) outcome { return o }
}

func keys(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("key-%03d", i)
	}
	return list
}

func TestRecordsTravelFromSourceToSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.source.edit(keys(250)...)
		w.start()
		quietly(time.Minute)
		w.source.edit("key-007")
		quietly(2 * time.Second)
		w.mustStop()
		if w.dest.size() != 250 || w.dest.version("key-007") != 251 || w.queue.backlog() != 0 {
			t.Errorf("%d rows, key-007 at version %d, backlog %d", w.dest.size(), w.dest.version("key-007"), w.queue.backlog())
		}
		if read, written := w.counters.Read.Load(), w.counters.Written.Load(); read != 251 || written != 251 {
			t.Errorf("read %d, written %d; want 251 of both", read, written)
		}
	})
}

// TestAPageWhoseAnswerWasLostIsOfferedAgain, together with its position, until the queue has both (invariant 1).
func TestAPageWhoseAnswerWasLostIsOfferedAgain(t *testing.T) {
	for _, stored := range []bool{true, false} {
		t.Run(fmt.Sprint("stored=", stored), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.source.pageSize = 10
				w.source.edit(keys(50)...)
				w.queue.appendFails = func(n int) (bool, error) {
					if n%3 == 2 {
						return stored, fault.New(fault.Transient, "no answer")
					}
					return false, nil
				}
				w.start()
				quietly(time.Minute)
				w.mustStop()
				if w.queue.length() != 50 {
					t.Errorf("%d records are stored, want each of 50 once", w.queue.length())
				}
				if at := string(w.queue.stored("contact").Position); at != "50" {
					t.Errorf("the position is %s", at)
				}
				if w.counters.Read.Load() != 50 {
					t.Errorf("%d records are counted as read", w.counters.Read.Load())
				}
			})
		})
	}
}

func TestReadyIsSaidOnceAfterTheFirstReadOfEverySource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		slow := &source{fails: func(n int) error {
			if n < 4 {
				return fault.New(fault.Transient, "not yet")
			}
			return nil
		}}
		w.cfg.Sources["account"] = slow
		w.start()
		synctest.Wait()
		if w.ready() != 0 {
			t.Error("ready before every source was read")
		}
		if trouble := w.pump.Trouble(); !strings.HasPrefix(trouble, "reading account: retrying since ") || !strings.HasSuffix(trouble, ": not yet") {
			t.Errorf("trouble = %q", trouble)
		}
		quietly(10 * time.Second)
		if w.ready() != 1 {
			t.Errorf("ready was said %d times", w.ready())
		}
		if trouble := w.pump.Trouble(); trouble != "" {
			t.Errorf("trouble = %q after it has passed", trouble)
		}
		w.mustStop()
		if w.ready() != 1 {
			t.Errorf("ready was said %d times", w.ready())
		}
	})
}

func TestARunWhoseFirstReadFailsIsNeverReady(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.source.fails = func(int) error { return fault.New(fault.Fatal, "the secret is wrong") }
			w.start()
			<-w.ended
			if !fault.Is(w.err, fault.Fatal) || fault.Message(w.err) != "the secret is wrong" {
				t.Errorf("the run ended with %v", w.err)
			}
			if w.ready() != 0 {
				t.Error("it said that it was ready")
			}
		})
	}
}

func TestAFullQueueIsWaitedForWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.queue.capacity = 10
		w.source.pageSize = 10
		w.source.edit(keys(30)...)
		w.cfg.Patience = time.Minute
		w.dest.answer = always(outcome{err: fault.ThrottledFor(10*time.Second, "slow down")})
		w.start()
		quietly(50 * time.Second)
		if !w.running() || w.ready() != 1 {
			t.Fatalf("running %v, ready %d: a full queue is no failure: %v", w.running(), w.ready(), w.err)
		}
		if trouble := w.pump.Trouble(); !strings.Contains(trouble, "reading contact: waiting since ") || !strings.Contains(trouble, "writing: waiting since ") {
			t.Errorf("trouble = %q", trouble)
		}
		w.dest.decide(nil)
		quietly(30 * time.Second)
		w.mustStop()
		if w.dest.size() != 30 || w.pump.Trouble() != "" {
			t.Errorf("%d rows, trouble %q", w.dest.size(), w.pump.Trouble())
		}
		if w.counters.Read.Load() != 30 {
			t.Errorf("read %d", w.counters.Read.Load())
		}
	})
}

// TestWaitingForRoomUsesUpNoPatience: a passing fault after a long wait is the first of its kind.
func TestWaitingForRoomUsesUpNoPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.source.edit("a")
		w.cfg.Patience = time.Minute
		begin := time.Now()
		w.queue.appendFails = func(n int) (bool, error) {
			switch passed := time.Since(begin); {
			case passed < time.Hour:
				return false, fault.New(fault.QueueFull, "full")
			case passed < time.Hour+30*time.Second:
				return false, fault.New(fault.Transient, "no answer")
			}
			return false, nil
		}
		w.start()
		quietly(2 * time.Hour)
		if w.dest.version("a") != 1 {
			t.Errorf("not written; the run says %v", w.err)
		}
		if n := w.counters.Retries.Load(); n < 5 || n > 10 {
			t.Errorf("%d attempts in the 30 s after the wait: the pauses do not begin anew", n)
		}
		w.mustStop()
	})
}

func TestPatienceEndsARunThatCannotRead(t *testing.T) {
	for name, tc := range map[string]struct {
		err   error
		kind  fault.Kind
		after time.Duration
	}{
		"transient": {fault.New(fault.Transient, "connection refused"), fault.Transient, 0},
		"throttled": {fault.ThrottledFor(7*time.Minute, "slow down"), fault.Throttled, 7 * time.Minute},
		"unnamed":   {fault.New(fault.Throttled, "slow down"), fault.Transient, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.source.fails = func(int) error { return tc.err }
				begin := time.Now()
				w.start()
				<-w.ended
				if took := time.Since(begin); took < 15*time.Minute || took > 23*time.Minute {
					t.Errorf("it gave up after %v", took)
				}
				if fault.KindOf(w.err) != tc.kind || fault.After(w.err) != tc.after {
					t.Errorf("kind %v, after %v; want %v, %v", fault.KindOf(w.err), fault.After(w.err), tc.kind, tc.after)
				}
				if message := fault.Message(w.err); !strings.HasPrefix(message, "reading contact has failed for ") || !strings.HasSuffix(message, fault.Message(tc.err)) {
					t.Errorf("the reason is %q", message)
				}
				if n := w.counters.Retries.Load(); n > 60 {
					t.Errorf("it knocked %d times in 15 minutes", n)
				}
			})
		})
	}
}

func TestAThrottledSourceIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.source.fails = func(n int) error {
			if n == 1 {
				return fault.ThrottledFor(5*time.Minute, "slow down")
			}
			return nil
		}
		w.start()
		quietly(5*time.Minute - time.Millisecond)
		if w.source.count() != 1 {
			t.Errorf("%d reads inside the delay", w.source.count()-1)
		}
		quietly(time.Minute)
		if w.source.count() < 2 || w.counters.Throttled.Load() != 1 || w.counters.Retries.Load() != 1 {
			t.Errorf("reads %d, throttled %d, retries %d", w.source.count(), w.counters.Throttled.Load(), w.counters.Retries.Load())
		}
		w.mustStop()
	})
}

func TestIdlePositionsAreStoredNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.source.restless = true
		w.start()
		quietly(100 * time.Millisecond)
		if revision := w.queue.stored("contact").Revision; revision != 1 {
			t.Errorf("the first position is stored %d times", revision)
		}
		quietly(10 * time.Minute)
		if revision := w.queue.stored("contact").Revision; revision < 9 || revision > 12 {
			t.Errorf("an idle source stored %d positions in ten minutes", revision)
		}
		before := w.queue.stored("contact").Revision
		w.source.edit("a", "b")
		quietly(2 * time.Second)
		after := w.queue.stored("contact")
		if after.Revision != before+1 || !strings.HasPrefix(string(after.Position), "2/") {
			t.Errorf("records and their position: revision %d after %d, position %s", after.Revision, before, after.Position)
		}
		w.mustStop()
	})
}

func TestAnUnchangedPositionIsNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.source.edit("a")
		w.start()
		quietly(time.Hour)
		w.mustStop()
		if w.queue.offers != 1 {
			t.Errorf("%d pages were offered for one record", w.queue.offers)
		}
		if reads := w.source.count(); reads < 3590 || reads > 3602 {
			t.Errorf("%d reads in an hour at one a second", reads)
		}
	})
}

func TestAnExpiredPositionIsReadFromTheBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.source.edit("a", "b")
		var notices []string
		w.cfg.Notice = func(message string) { notices = append(notices, message) }
		w.source.fails = func(n int) error {
			if n == 2 {
				return fault.New(fault.Expired, "the link is too old")
			}
			return nil
		}
		w.start()
		quietly(10 * time.Second)
		w.mustStop()
		if len(notices) != 1 || !strings.Contains(notices[0], "contact has expired") {
			t.Errorf("notices: %q", notices)
		}
		if w.queue.length() != 4 || w.queue.backlog() != 0 {
			t.Errorf("%d records are stored, %d wait", w.queue.length(), w.queue.backlog())
		}
	})
}

func TestASourceThatExpiresAtItsBeginningEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.source.fails = func(int) error { return fault.New(fault.Expired, "for ever") }
		w.start()
		<-w.ended
		if !fault.Is(w.err, fault.Expired) {
			t.Errorf("the run ended with %v", w.err)
		}
	})
}

func TestASecondReaderIsFenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.source.edit("a")
		w.start()
		quietly(time.Second / 2)
		w.queue.mu.Lock()
		w.queue.storeLocked("contact", nil, record.Position("9"), "another's")
		w.queue.mu.Unlock()
		w.source.edit("b")
		<-w.ended
		if !fault.Is(w.err, fault.Fenced) {
			t.Errorf("the run ended with %v", w.err)
		}
		if w.queue.length() != 1 {
			t.Errorf("%d records are stored", w.queue.length())
		}
	})
}

func TestLoadsAndNoticesAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		heard := 0
		w.cfg.Notice = func(message string) {
			if message == "reading everything again" {
				heard++
			}
		}
		w.source.notice, w.source.progress = "reading everything again", record.Progress{Read: 3, Expected: 10}
		w.start()
		synctest.Wait()
		if got := w.pump.Loads(); len(got) != 1 || got["contact"] != (record.Progress{Read: 3, Expected: 10}) {
			t.Errorf("loads = %v", got)
		}
		w.source.mu.Lock()
		w.source.notice, w.source.progress = "", record.Progress{}
		w.source.mu.Unlock()
		quietly(2 * time.Second)
		if got := w.pump.Loads(); len(got) != 0 || heard != 1 {
			t.Errorf("loads after the full read: %v; the notice was heard %d times", got, heard)
		}
		w.mustStop()
	})
}

func TestOpeningIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.source.edit("a")
		begin := time.Now()
		w.queue.openFails = func() error {
			if time.Since(begin) < 10*time.Second {
				return fault.New(fault.Transient, "NATS is away")
			}
			return nil
		}
		w.start()
		synctest.Wait()
		if trouble := w.pump.Trouble(); !strings.HasPrefix(trouble, "opening the queue: retrying since ") {
			t.Errorf("trouble = %q", trouble)
		}
		quietly(30 * time.Second)
		if w.dest.version("a") != 1 || w.ready() != 1 {
			t.Error("the run did not begin when the queue was there again")
		}
		w.mustStop()

		w.queue.openFails = func() error { return fault.New(fault.Fatal, "there is no consumer") }
		w.start()
		<-w.ended
		if !fault.Is(w.err, fault.Fatal) {
			t.Errorf("the run ended with %v", w.err)
		}
	})
}

var _ pump.Source = (*source)(nil)
