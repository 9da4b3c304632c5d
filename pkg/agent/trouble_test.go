package agent_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

func always(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// pauses are the times between the starts.
func (r *rig) pauses() []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []time.Duration
	for i := 1; i < len(r.prepares); i++ {
		list = append(list, r.prepares[i].Sub(r.prepares[i-1]))
	}
	return list
}

func TestTransientTroubleIsTriedAgainWithGrowingPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.prepare = always(fault.New(fault.Transient, "connection refused"))
		r.start()
		r.command(toRun)
		r.expect(workflow.Failed, "connection refused")
		if hb := r.last(); hb.Attempt != 1 || hb.Role != workflow.Standby || r.board.active() != "" {
			t.Errorf("heartbeat %+v, lease of %q", hb, r.board.active())
		}
		quietly(2 * time.Hour)
		for i, got := range r.pauses() {
			want := min(time.Second<<i, 10*time.Minute)
			if got < want || got > want+time.Second {
				t.Errorf("pause %d is %v, want %v", i, got, want)
			}
		}
		if n := r.starts(); n < 15 || n > 25 {
			t.Errorf("%d starts in two hours", n)
		}
		r.with(func() { r.prepare = nil })
		quietly(11 * time.Minute)
		r.expect(workflow.Running, "")
		if hb := r.last(); hb.Attempt != 0 {
			t.Errorf("attempt %d of a run that works", hb.Attempt)
		}
		r.shut()
	})
}

func TestFatalTroubleWaitsForAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.prepare = always(fault.New(fault.Fatal, "the secret is wrong"))
		r.start()
		r.command(toRun)
		quietly(time.Hour)
		r.expect(workflow.Failed, "the secret is wrong")
		if r.starts() != 1 {
			t.Errorf("%d starts", r.starts())
		}
		r.command(toRun) // A newer start tries again, at once.
		if r.starts() != 2 {
			t.Errorf("%d starts after a newer command", r.starts())
		}
		r.with(func() { r.prepare = nil })
		quietly(time.Hour)
		r.expect(workflow.Failed, "the secret is wrong")
		r.command(toRun)
		r.expect(workflow.Running, "")
		r.expectStory("STARTING FAILED(the secret is wrong) STARTING FAILED(the secret is wrong) STARTING RUNNING")
		r.shut()
	})
}

func TestANewerStartEndsThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.prepare = always(fault.New(fault.Transient, "connection refused"))
		r.start()
		r.command(toRun)
		quietly(time.Hour)
		before := r.starts()
		r.command(toRun)
		if r.starts() != before+1 || r.last().Attempt != 1 {
			t.Errorf("%d starts at once, attempt %d", r.starts()-before, r.last().Attempt)
		}
		quietly(1500 * time.Millisecond)
		if r.starts() != before+2 {
			t.Error("the pauses do not begin anew")
		}
		r.shut()
	})
}

// TestACommandFromBeforeAFailureIsNoNewOne: it was given while all was well.
func TestACommandFromBeforeAFailureIsNoNewOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.start()
		r.command(toRun)
		r.command(toRun)
		r.fail <- fault.New(fault.Fatal, "the table is gone")
		quietly(time.Minute)
		r.expect(workflow.Failed, "the table is gone")
		r.shut()
	})
}

// TestAShortSuccessForgivesNothing: a run that dies after some seconds, again and again, pauses longer and longer.
func TestAShortSuccessForgivesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.start()
		r.command(toRun)
		for i := range 5 {
			quietly(20 * time.Second)
			r.expect(workflow.Running, "")
			r.fail <- fault.New(fault.Transient, "the pull ended")
			synctest.Wait()
			if got := r.last().Attempt; got != i+1 {
				t.Errorf("attempt %d after %d failures", got, i+1)
			}
			quietly(time.Second << i)
		}
		r.shut()
	})
}

func TestStopEndsFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.prepare = always(fault.New(fault.Fatal, "no"))
		r.start()
		r.command(toRun)
		r.command(toStop)
		r.expect(workflow.Stopped, "")
		r.expectStory("STARTING FAILED(no) STOPPED")
		r.shut()
	})
}

func TestARunThatEndsSaysItsRootCause(t *testing.T) {
	for name, tc := range map[string]struct {
		err    error
		reason string
		starts int // after a minute
	}{
		"fatal":     {fault.New(fault.Fatal, "the table is gone"), "the table is gone", 1},
		"nothing":   {nil, "", 2},
		"throttled": {fault.ThrottledFor(30*time.Second, "slow down"), "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, newBoard(), "one")
				r.start()
				r.command(toRun)
				r.fail <- tc.err
				synctest.Wait()
				reason := tc.reason
				if reason == "" {
					reason = fault.Message(tc.err)
				}
				if tc.err == nil {
					reason = "the run ended by itself"
				}
				r.expect(workflow.Failed, reason)
				quietly(time.Minute)
				if r.starts() != tc.starts {
					t.Errorf("%d starts, want %d", r.starts(), tc.starts)
				}
				if after := fault.After(tc.err); tc.starts > 1 && r.pauses()[0] < after { // invariant 10
					t.Errorf("started again after %v, the remote asked for %v", r.pauses()[0], after)
				}
				r.shut()
			})
		})
	}
}

// TestARunThatReadsAndCannotWritePausesLonger: its first read succeeds every time, and is no proof that it works.
func TestARunThatReadsAndCannotWritePausesLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.start()
		r.command(toRun)
		r.with(func() { r.trouble = "writing: retrying" })
		var ended time.Time
		for range 5 {
			quietly(15 * time.Minute)
			ended = time.Now()
			r.fail <- fault.New(fault.Transient, "writing has failed for 15m")
		}
		quietly(15 * time.Minute)
		r.mu.Lock()
		if last := r.prepares[5].Sub(ended); last < 16*time.Second {
			t.Errorf("the fifth pause is %v", last)
		}
		r.mu.Unlock()
		// Well for a minute: forgiven, also while a source has something to tell.
		for _, trouble := range []string{"", told} {
			r.with(func() { r.trouble = trouble })
			quietly(2 * time.Minute)
			r.fail <- fault.New(fault.Transient, "once more")
			quietly(1500 * time.Millisecond)
			r.expect(workflow.Running, trouble)
		}
		r.shut()
	})
}

func TestAnAcquireErrorBacksOffQuietly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.board.acquireErr = fault.New(fault.Fatal, "the bus is not set up")
		r.start()
		r.command(toRun)
		r.expect(workflow.Failed, "the bus is not set up")
		quietly(time.Hour)
		r.expectStory("STARTING FAILED(the bus is not set up)")
		r.with(func() {
			if r.acquires < 10 || r.acquires > 20 {
				t.Errorf("%d attempts in an hour", r.acquires)
			}
		})
		r.board.with(func() { r.board.acquireErr = nil })
		quietly(10 * time.Minute)
		r.expect(workflow.Running, "") // Whatever its kind: it mends without a command.
		r.shut()
	})
}

func TestAStandbyTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		b.say(toRun)
		one, two := newRig(t, b, "one"), newRig(t, b, "two")
		one.start()
		two.start()
		one.expect(workflow.Running, "")
		two.expect(workflow.Stopped, "standby: one is active")
		quietly(time.Hour)
		two.expectStory("STOPPED(standby: one is active)")
		if two.starts() != 0 || two.last().Role != workflow.Standby {
			t.Errorf("the standby started %d times: %+v", two.starts(), two.last())
		}
		one.shut()
		quietly(time.Second)
		two.expect(workflow.Running, "")
		two.shut()
	})
}

func TestALostLeaseFencesTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		r := newRig(t, b, "one")
		r.start()
		r.command(toRun)
		b.with(func() { b.holder = "two" })
		r.lose()
		synctest.Wait()
		r.expect(workflow.Stopped, "standby: the lease was lost")
		r.with(func() {
			if len(r.causes) != 1 || !fault.Is(r.causes[0], fault.Fenced) {
				t.Errorf("the run was stopped because of %v, want the fence", r.causes)
			}
		})
		quietly(2 * time.Second)
		r.expect(workflow.Stopped, "standby: two is active")
		b.with(func() { b.holder = "" })
		quietly(time.Second)
		r.expect(workflow.Running, "")
		r.expectStory("STARTING RUNNING STOPPED(standby: the lease was lost) STOPPED(standby: two is active) STARTING RUNNING")
		r.shut()
	})
}

func TestALeaseLostWhilePreparing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.prepare = func(ctx context.Context) error { <-ctx.Done(); return fault.New(fault.Fatal, "a consequence") }
		r.start()
		r.command(toRun)
		r.lose()
		synctest.Wait()
		r.expect(workflow.Stopped, "standby: the lease was lost")
		r.shut()
	})
}

// TestAReaderThatIsFencedAgainAndAgain backs off: it holds the lease, and somebody moves its position all the same.
func TestAReaderThatIsFencedAgainAndAgainBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.prepare = always(fault.New(fault.Fenced, "its position has moved"))
		r.start()
		r.command(toRun)
		quietly(time.Hour)
		if n := r.starts(); n > 15 {
			t.Errorf("%d starts in an hour", n)
		}
		r.expect(workflow.Stopped, "standby: its position has moved")
		r.shut()
	})
}

// TestEveryEventIsAStepOfTheDiagram over a long and unlucky life.
func TestEveryEventIsAStepOfTheDiagram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.start()
		faults := []error{nil, fault.New(fault.Transient, "a"), fault.New(fault.Fatal, "b"), fault.New(fault.Fenced, "c")}
		for i := range 60 {
			r.with(func() { r.prepare = always(faults[i%len(faults)]) })
			r.command([]workflow.Desired{toRun, toRun, toStop}[i%3])
			quietly(time.Duration(i) * 300 * time.Millisecond)
		}
		r.shut()
		before, message := workflow.Stopped, ""
		for i, e := range r.events {
			if e.Status == before && e.Message == message {
				t.Errorf("event %d repeats %s", i, e.Status)
			}
			if e.Status != before && !before.CanBecome(e.Status) {
				t.Errorf("event %d: %s to %s", i, before, e.Status)
			}
			before, message = e.Status, e.Message
		}
		if story := r.story(); strings.Count(story, "RUNNING") < 5 || strings.Count(story, "FAILED") < 5 {
			t.Errorf("too little happened: %s", story)
		}
	})
}
