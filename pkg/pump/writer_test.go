package pump_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/record"
)

// writing is a world whose queue is filled by hand.
func writing(t *testing.T) *world {
	w := newWorld(t)
	w.cfg.Sources = nil
	return w
}

// nth answers the first calls one after the other, and then writes.
func nth(outcomes ...outcome) func(int, record.Record) outcome {
	return func(n int, _ record.Record) outcome {
		if n <= len(outcomes) {
			return outcomes[n-1]
		}
		return outcome{landed: true}
	}
}

func transient() error { return fault.New(fault.Transient, "connection reset") }

func TestARecordIsAcknowledgedAfterItsWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.dest.latency = time.Second
		w.dest.answer = func(n int, _ record.Record) outcome {
			if n%3 == 0 {
				return outcome{err: transient()}
			}
			return outcome{landed: true}
		}
		w.queue.onAck = func(d record.Delivery) {
			if w.dest.version(d.Key) < d.Version {
				t.Errorf("%s is acknowledged and not written", d.Key) // invariant 2
			}
		}
		for i, key := range keys(50) {
			w.queue.put(upsert(key, int64(i+1)))
		}
		w.start()
		quietly(5 * time.Minute)
		w.mustStop()
		if w.queue.backlog() != 0 {
			t.Errorf("%d records wait", w.queue.backlog())
		}
	})
}

func TestRetriesPauseLongerEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.dest.answer = nth(slices.Repeat([]outcome{{err: transient()}}, 10)...)
		w.queue.put(upsert("a", 1))
		w.start()
		synctest.Wait()
		if trouble := w.pump.Trouble(); !strings.HasPrefix(trouble, "writing: retrying since ") || !strings.HasSuffix(trouble, ": connection reset") {
			t.Errorf("trouble = %q", trouble)
		}
		quietly(10 * time.Minute)
		w.mustStop()
		calls := w.dest.seen()
		if len(calls) != 11 {
			t.Fatalf("%d calls, want 11", len(calls))
		}
		for i, want := 1, 200*time.Millisecond; i < len(calls); i, want = i+1, min(2*want, 10*time.Second) {
			got := calls[i].at.Sub(calls[i-1].at)
			// After some failures in a row the pause is that of all writes, and at most 10 s.
			if got < want || got > want*6/5 {
				t.Errorf("pause %d is %v, want about %v", i, got, want)
			}
		}
		if w.pump.Trouble() != "" || w.counters.Retries.Load() != 10 {
			t.Errorf("trouble %q, retries %d", w.pump.Trouble(), w.counters.Retries.Load())
		}
	})
}

func TestNothingIsWrittenInsideTheRemotesDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.cfg.InFlight = 8
		w.dest.latency = 10 * time.Millisecond
		const delay = 90 * time.Second
		w.dest.answer = func(n int, _ record.Record) outcome {
			if n == 20 || n == 60 {
				return outcome{err: fault.ThrottledFor(delay, "slow down")}
			}
			return outcome{landed: true}
		}
		for i, key := range keys(200) {
			w.queue.put(upsert(key, int64(i+1)))
		}
		w.start()
		quietly(30 * time.Minute)
		w.mustStop()
		calls := w.dest.seen()
		if len(calls) != 202 || w.counters.Throttled.Load() != 2 || w.counters.Retries.Load() != 2 {
			t.Fatalf("%d calls, throttled %d, retries %d", len(calls), w.counters.Throttled.Load(), w.counters.Retries.Load())
		}
		for _, n := range []int{20, 60} {
			said := calls[n-1].at.Add(w.dest.latency)
			for _, c := range calls {
				if c.at.After(said) && c.at.Before(said.Add(delay)) { // invariant 10
					t.Errorf("%s is written %v after the remote asked for %v", c.key, c.at.Sub(said), delay)
				}
			}
		}
	})
}

func TestARemoteThatThrottlesWithoutADelayIsNotHammered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.dest.answer = always(outcome{err: fault.New(fault.Throttled, "slow down")})
		for i, key := range keys(100) {
			w.queue.put(upsert(key, int64(i+1)))
		}
		w.start()
		quietly(10 * time.Minute)
		if n := len(w.dest.seen()); n > 400 {
			t.Errorf("%d calls in ten minutes", n)
		}
		w.mustStop()
	})
}

func TestPatienceEndsARunThatCannotWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.cfg.InFlight, w.cfg.Window = 16, 500
		w.dest.answer = always(outcome{err: transient()})
		for i, key := range keys(600) {
			w.queue.put(upsert(key, int64(i+1)))
		}
		begin := time.Now()
		w.start()
		<-w.ended
		if took := time.Since(begin); took < 15*time.Minute || took > 17*time.Minute {
			t.Errorf("it gave up after %v", took)
		}
		if !fault.Is(w.err, fault.Transient) || !strings.HasPrefix(fault.Message(w.err), "writing has failed for 15m") {
			t.Errorf("the run ended with %v", w.err)
		}
		if n := len(w.dest.seen()); n > 16*120 {
			t.Errorf("%d calls in 15 minutes to a remote that is down", n)
		}
		if w.queue.backlog() != 600 || len(w.queue.failed()) != 0 {
			t.Errorf("backlog %d, failures %d: nothing was written", w.queue.backlog(), len(w.queue.failed()))
		}
	})
}

func TestAnOutageIsOverWhenTheRemoteIsBack(t *testing.T) {
	for _, many := range []int{10, 500} {
		t.Run(fmt.Sprint(many), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := writing(t)
				w.cfg.InFlight = 16
				w.dest.answer = always(outcome{err: transient()})
				for i, key := range keys(many) {
					w.queue.put(upsert(key, int64(i+1)))
				}
				w.start()
				quietly(10 * time.Minute)
				w.dest.decide(nil)
				quietly(13 * time.Second)
				if n := len(w.dest.seen()); w.dest.size() != many || n > 2000 {
					t.Errorf("%d of %d are written 13 s after the outage, with %d calls", w.dest.size(), many, n)
				}
				w.mustStop()
				if n := len(w.queue.failed()); n != 0 {
					t.Errorf("an outage sent %d records to the failures", n)
				}
			})
		})
	}
}

func TestAFatalFaultEndsTheRunAtOnceWithTheRootCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.cfg.Sink = sinkFunc(func(ctx context.Context, batch []record.Record) []pump.Result {
			after, message := 50*time.Millisecond, "EOF"
			if batch[0].Key == "key-002" {
				after, message = 10*time.Millisecond, "the user may not write profiles"
			}
			w.dest.Write(ctx, batch)
			quiet := time.NewTimer(after)
			<-quiet.C
			return []pump.Result{{Err: fault.New(fault.Fatal, message)}}
		})
		for i, key := range keys(100) {
			w.queue.put(upsert(key, int64(i+1)))
		}
		begin := time.Now()
		w.start()
		<-w.ended
		if !fault.Is(w.err, fault.Fatal) || fault.Message(w.err) != "the user may not write profiles" {
			t.Errorf("the run ended with %v", w.err)
		}
		if took := time.Since(begin); took != 50*time.Millisecond {
			t.Errorf("it took %v, want as long as the calls under way", took)
		}
		if n := len(w.dest.seen()); n != w.cfg.InFlight {
			t.Errorf("%d calls: it went on after a fatal fault", n)
		}
		if len(w.queue.naks) != 100 || w.queue.backlog() != 100 {
			t.Errorf("%d of %d records were handed back", len(w.queue.naks), w.queue.backlog())
		}
	})
}

// TestTheFirstFaultIsTheReason even when the others end sooner: the writer drains while the reader fails.
func TestTheFirstFaultIsTheReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.source.edit("a", "b")
		w.cfg.PollInterval = 1500 * time.Millisecond
		w.source.fails = func(n int) error {
			if n > 1 {
				return fault.New(fault.Fatal, "a consequence")
			}
			return nil
		}
		w.cfg.Sink = sinkFunc(func(ctx context.Context, batch []record.Record) []pump.Result {
			if batch[0].Key == "a" {
				return []pump.Result{{Err: fault.New(fault.Fatal, "the root")}}
			}
			<-ctx.Done() // Keeps the writer draining beyond the reader's next poll.
			return []pump.Result{{Err: ctx.Err()}}
		})
		w.start()
		<-w.ended
		if fault.Message(w.err) != "the root" {
			t.Errorf("the run ended with %v", w.err)
		}
	})
}

type sinkFunc func(ctx context.Context, batch []record.Record) []pump.Result

func (f sinkFunc) Write(ctx context.Context, batch []record.Record) []pump.Result {
	return f(ctx, batch)
}

func TestASinkThatMiscountsEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.cfg.Sink = sinkFunc(func(context.Context, []record.Record) []pump.Result { return nil })
		w.queue.put(upsert("a", 1))
		w.start()
		<-w.ended
		if !fault.Is(w.err, fault.Fatal) || w.queue.backlog() != 1 {
			t.Errorf("the run ended with %v, backlog %d", w.err, w.queue.backlog())
		}
	})
}

func TestARejectedRecordIsAcknowledgedWhenItIsSafe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.dest.answer = func(_ int, r record.Record) outcome {
			if r.Key == "bad" {
				return outcome{err: fault.New(fault.Rejected, "field email is too long")}
			}
			return outcome{landed: true}
		}
		begin := time.Now()
		w.queue.rejectFails = func() error {
			if time.Since(begin) < time.Minute {
				return fault.New(fault.Transient, "no failures stream")
			}
			return nil
		}
		w.queue.onAck = func(d record.Delivery) {
			if d.Key == "bad" && len(w.queue.failures) == 0 {
				t.Error("acknowledged before it stands in the failures") // invariant 2
			}
		}
		w.queue.put(upsert("bad", 1), upsert("good", 2))
		w.start()
		quietly(30 * time.Second)
		if trouble := w.pump.Trouble(); !strings.HasPrefix(trouble, "storing failures: retrying since ") {
			t.Errorf("trouble = %q", trouble)
		}
		if w.dest.version("good") != 2 || w.queue.backlog() != 1 {
			t.Errorf("others wait for it: backlog %d", w.queue.backlog())
		}
		retries := w.counters.Retries.Load()
		if retries < 3 || retries > 10 {
			t.Errorf("the failures were tried %d times in 30 s", retries)
		}
		quietly(5 * time.Minute)
		w.mustStop()
		failed := w.queue.failed()
		if len(failed) != 1 || failed[0].Key != "bad" || failed[0].reason != "field email is too long" || failed[0].attempts != 1 {
			t.Fatalf("failures: %+v", failed)
		}
		if n := len(w.dest.seen()); n != 2 {
			t.Errorf("%d calls: a refused record was offered to the sink again", n)
		}
		if w.queue.backlog() != 0 || w.pump.Trouble() != "" || w.counters.Rejected.Load() != 1 || w.counters.Written.Load() != 1 {
			t.Errorf("backlog %d, trouble %q, rejected %d, written %d", w.queue.backlog(), w.pump.Trouble(), w.counters.Rejected.Load(), w.counters.Written.Load())
		}
	})
}

func TestFailuresThatStayUnreachableEndTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.dest.answer = always(outcome{err: fault.New(fault.Rejected, "no")})
		w.queue.rejectFails = func() error { return fault.New(fault.QueueFull, "the failures are full") }
		w.queue.put(upsert("a", 1), upsert("b", 2))
		w.start()
		<-w.ended
		if !fault.Is(w.err, fault.Transient) || !strings.HasPrefix(fault.Message(w.err), "storing failures has failed for 15m") {
			t.Errorf("the run ended with %v", w.err)
		}
		if w.queue.backlog() != 2 {
			t.Error("a record was acknowledged that stands nowhere")
		}
	})
}

// TestTroubleEndsWithTheRecordThatHadIt: nothing else comes to clear it.
func TestTroubleEndsWithTheRecordThatHadIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.dest.answer = nth(outcome{err: transient()}, outcome{err: transient()}, outcome{err: fault.New(fault.Rejected, "no")})
		w.queue.put(upsert("a", 1))
		w.start()
		quietly(time.Minute)
		if trouble := w.pump.Trouble(); trouble != "" {
			t.Errorf("trouble = %q and nothing waits", trouble)
		}
		w.mustStop()
		if failed := w.queue.failed(); len(failed) != 1 || failed[0].attempts != 3 {
			t.Errorf("failures: %+v", failed)
		}
	})
}

func TestAPoisonRecordIsRejectedWhileOthersSucceed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.dest.answer = func(_ int, r record.Record) outcome {
			if r.Key == "poison" {
				return outcome{err: transient()}
			}
			return outcome{landed: true}
		}
		w.source.edit("poison")
		w.start()
		for i := range 600 {
			w.source.edit(fmt.Sprint("key-", i))
			quietly(time.Second)
		}
		w.mustStop()
		failed := w.queue.failed()
		if len(failed) != 1 || failed[0].Key != "poison" || failed[0].attempts != 12 ||
			failed[0].reason != "failed 12 times while others were written, last: connection reset" {
			t.Errorf("failures: %+v", failed)
		}
		if w.queue.backlog() != 0 {
			t.Errorf("%d wait", w.queue.backlog())
		}
	})
}

func TestABrokenRecordGoesToTheFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.cfg.BatchSize = 10
		w.queue.put(record.Record{Source: "contact"}, upsert("a", 2), record.Record{Source: "contact"})
		w.start()
		quietly(time.Second)
		w.mustStop()
		failed := w.queue.failed()
		if len(failed) != 2 || failed[0].reason != "the record in the queue cannot be read: no key" || failed[0].attempts != 1 {
			t.Errorf("failures: %+v", failed)
		}
		if w.queue.backlog() != 0 || w.dest.version("a") != 2 {
			t.Errorf("backlog %d, a at %d", w.queue.backlog(), w.dest.version("a"))
		}
	})
}

// TestUnchangedIsNoSignOfLife: records that need no write do not make the others look like the odd ones out while the
// destination is away, nor end the trouble.
func TestUnchangedIsNoSignOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		away := true
		w.dest.answer = func(_ int, r record.Record) outcome {
			switch {
			case r.Key != "changed":
				return outcome{unchanged: true}
			case away:
				return outcome{err: transient()}
			}
			return outcome{landed: true}
		}
		w.source.edit("changed")
		w.start()
		for i := range 600 {
			w.source.edit(fmt.Sprint("key-", i))
			quietly(time.Second)
		}
		if trouble := w.pump.Trouble(); !strings.Contains(trouble, "connection reset") {
			t.Errorf("trouble = %q while the destination is away", trouble)
		}
		w.dest.mu.Lock()
		away = false
		w.dest.mu.Unlock()
		quietly(5 * time.Minute)
		w.mustStop()
		if failed := w.queue.failed(); len(failed) != 0 {
			t.Errorf("failures: %+v", failed)
		}
		if w.queue.backlog() != 0 || w.counters.Written.Load() != 1 {
			t.Errorf("%d wait, %d were written", w.queue.backlog(), w.counters.Written.Load())
		}
	})
}

func TestUnchangedIsCountedAndAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.dest.answer = always(outcome{unchanged: true})
		w.queue.put(upsert("a", 1), upsert("b", 2))
		w.start()
		quietly(time.Second)
		w.mustStop()
		if w.counters.Unchanged.Load() != 2 || w.counters.Written.Load() != 0 || w.queue.backlog() != 0 {
			t.Errorf("unchanged %d, written %d, backlog %d", w.counters.Unchanged.Load(), w.counters.Written.Load(), w.queue.backlog())
		}
	})
}

func TestBatchesHoldAtMostTheirSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.cfg.BatchSize, w.cfg.InFlight = 30, 2
		w.dest.latency = time.Second
		for i, key := range keys(100) {
			w.queue.put(upsert(key, int64(i+1)))
		}
		begin := time.Now()
		w.start()
		quietly(10 * time.Second)
		w.mustStop()
		last := begin
		for _, c := range w.dest.seen() {
			if c.batch > 30 {
				t.Errorf("a batch of %d", c.batch)
			}
			last = c.at
		}
		if took := last.Sub(begin); took > time.Second {
			t.Errorf("the last of 4 batches, two at a time, began after %v", took)
		}
	})
}

// A batch that is refused is one refusal, however many records it holds: what the remote asked for is waited for, and
// hardly longer.
func TestABatchThatFailsIsOneFailure(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		most time.Duration // until the last is written
	}{
		"throttled": {fault.ThrottledFor(5*time.Second, "slow down"), 6 * time.Second},
		"cut off":   {transient(), 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := writing(t)
				w.cfg.BatchSize, w.cfg.Window, w.cfg.InFlight = 500, 2000, 4
				const records = 2000
				begin := time.Now()
				w.dest.answer = func(int, record.Record) outcome {
					if time.Now().Equal(begin) {
						return outcome{err: tc.err}
					}
					return outcome{landed: true}
				}
				for i, key := range keys(records) {
					w.queue.put(upsert(key, int64(i+1)))
				}
				w.start()
				quietly(tc.most)
				if n := w.dest.size(); n != records {
					t.Errorf("%d of %d records are written %v after the start", n, records, time.Since(begin))
				}
				w.mustStop()
			})
		})
	}
}

// TestExpectedRejectionsEndNothing: they go to the failures like others, and count towards no limit.
func TestExpectedRejectionsEndNothing(t *testing.T) {
	for _, expected := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := writing(t)
			w.dest.answer = always(outcome{err: fault.New(fault.Rejected, "nobody knows it"), expected: expected})
			for i, key := range keys(200) {
				w.queue.put(upsert(key, int64(i+1)))
			}
			w.start()
			quietly(time.Minute)
			if w.running() != expected {
				t.Fatalf("expected %v, and the run goes on: %v (%v)", expected, w.running(), w.err)
			}
			if expected {
				w.mustStop()
				if n := w.counters.Rejected.Load(); n != 200 {
					t.Errorf("%d were rejected", n)
				}
			}
		})
	}
}
