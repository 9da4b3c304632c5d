package agent_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/agent"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

const (
	toRun  = workflow.DesiredRunning
	toStop = workflow.DesiredStopped
)

func TestStartAndStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.start()
		r.expect(workflow.Stopped, "")
		r.command(toRun)
		r.expect(workflow.Running, "")
		if hb := r.last(); hb.Role != workflow.Active || hb.ConfigRevision != 1 || hb.Counters.Read != 7 || len(hb.Loads) != 1 ||
			hb.Workflow != workflow.Ingress || hb.Instance != "one" || hb.Version != "test" || hb.StartedAt.IsZero() || hb.At.Before(hb.Since) {
			t.Errorf("heartbeat %+v", hb)
		}
		r.command(toStop)
		r.expect(workflow.Stopped, "")
		if hb := r.last(); hb.Role != workflow.Standby || hb.ConfigRevision != 0 || hb.Loads != nil || r.board.active() != "" {
			t.Errorf("after a stop: %+v, lease of %q", hb, r.board.active())
		}
		r.command(toRun)
		r.expect(workflow.Running, "")
		r.shut()
		r.expect(workflow.Stopped, "the service was shut down")
		r.expectStory("STARTING RUNNING STOPPED STARTING RUNNING STOPPED(the service was shut down)")
	})
}

func TestALostNudgeCostsATick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.start()
		r.board.say(toRun)
		quietly(time.Second)
		r.expect(workflow.Running, "")
		r.board.say(toStop)
		quietly(time.Second)
		r.expect(workflow.Stopped, "")
		r.shut()
	})
}

func TestAServiceThatWasDownLearnsWhatToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.board.say(toRun)
		r.start()
		r.expect(workflow.Running, "")
		r.shut()
	})
}

func TestARepeatedCommandChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.start()
		for range 5 {
			r.command(toRun)
		}
		since := r.last().Since
		quietly(time.Minute)
		if r.starts() != 1 || r.last().Since != since {
			t.Errorf("%d starts for five start commands", r.starts())
		}
		for range 5 {
			r.command(toStop)
		}
		r.expectStory("STARTING RUNNING STOPPED")
		r.shut()
	})
}

// TestARunKeepsItsRevision until it is stopped and started (invariant 7).
func TestARunKeepsItsRevision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.start()
		r.command(toRun)
		r.board.with(func() { r.board.revision = 2 })
		r.command(toRun)
		quietly(time.Hour)
		if got := r.last().ConfigRevision; got != 1 {
			t.Errorf("it runs on revision %d", got)
		}
		r.command(toStop)
		r.command(toRun)
		if got := r.last().ConfigRevision; got != 2 {
			t.Errorf("after stop and start it runs on revision %d", got)
		}
		r.shut()
	})
}

func TestStopWhileStartingIsPrompt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.prepare = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		r.start()
		r.command(toRun)
		r.expect(workflow.Starting, "")
		quietly(time.Hour)
		r.expect(workflow.Starting, "")
		begin := time.Now()
		r.command(toStop)
		r.expect(workflow.Stopped, "")
		if time.Since(begin) != 0 {
			t.Errorf("it took %v", time.Since(begin))
		}
		r.expectStory("STARTING STOPPED")
		r.shut()
	})
}

func TestARunThatIsNeverReadyStaysStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.unready, r.trouble = true, "reading contact: waiting"
		r.start()
		r.command(toRun)
		quietly(time.Hour)
		r.expect(workflow.Starting, "reading contact: waiting")
		r.shut()
		r.expectStory("STARTING STOPPED(the service was shut down)")
	})
}

func TestHeartbeatsGoOnWhileARunDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.drain = 10 * time.Second
		r.start()
		r.command(toRun)
		r.command(toStop)
		r.with(func() { r.beats = r.beats[len(r.beats)-1:] })
		r.expect(workflow.Running, "stopping: finishing the writes under way")
		quietly(9 * time.Second)
		r.mu.Lock()
		if beats := len(r.beats) - 1; beats < 9 {
			t.Errorf("%d heartbeats in 9 s of draining", beats)
		}
		r.mu.Unlock()
		r.command(toRun) // Meanwhile somebody starts it again.
		quietly(2 * time.Second)
		r.expect(workflow.Running, "")
		if r.starts() != 2 {
			t.Errorf("%d starts", r.starts())
		}
		r.with(func() { r.drain = 0 })
		r.shut()
		r.expectStory("STARTING RUNNING STOPPED STARTING RUNNING STOPPED(the service was shut down)")
	})
}

func TestAHeartbeatAtEveryTickAndChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.start()
		quietly(10*time.Second + time.Millisecond)
		r.with(func() {
			if n := len(r.beats); n != 11 {
				t.Errorf("%d heartbeats in ten seconds and at the start", n)
			}
			r.beats = nil
		})
		r.command(toRun)
		seen := map[workflow.Status]bool{}
		r.with(func() {
			for i, hb := range r.beats {
				seen[hb.Status] = true
				if i > 0 && hb.At.Before(r.beats[i-1].At) {
					t.Error("heartbeats out of order")
				}
			}
		})
		if !seen[workflow.Starting] || !seen[workflow.Running] {
			t.Errorf("the change was not said at once: %v", seen)
		}
		r.with(func() { r.trouble = "writing: retrying" })
		quietly(time.Second)
		r.expect(workflow.Running, "writing: retrying")
		r.shut()
	})
}

func TestAnUnreadableDesireChangesNothingAndIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		away := fault.New(fault.Transient, "NATS failed")
		r.board.unreadable = away
		r.start()
		r.expect(workflow.Stopped, "commands cannot be read: NATS failed")
		r.board.with(func() { r.board.unreadable = nil })
		r.command(toRun)
		r.expect(workflow.Running, "")
		r.board.with(func() { r.board.unreadable, r.board.desired = away, toStop })
		quietly(time.Hour)
		r.expect(workflow.Running, "commands cannot be read: NATS failed")
		if r.starts() != 1 {
			t.Errorf("%d starts", r.starts())
		}
		r.board.with(func() { r.board.unreadable = nil })
		quietly(time.Second)
		r.expect(workflow.Stopped, "")
		r.shut()
	})
}

func TestABusThatDoesNotAnswerHoldsUpNoHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.cfg.Desired = func(ctx context.Context) (agent.Wish, error) {
			<-ctx.Done()
			return agent.Wish{}, ctx.Err()
		}
		r.start()
		quietly(20*time.Second + time.Millisecond)
		r.with(func() {
			if n := len(r.beats); n != 22 { // one a second, the first at once, and one that says the trouble
				t.Errorf("%d heartbeats in 20 s", n)
			}
		})
		r.expect(workflow.Stopped, "commands cannot be read: timed out")
		begin := time.Now()
		r.cancel()
		<-r.done
		if time.Since(begin) != 0 {
			t.Errorf("shutting down took %v", time.Since(begin))
		}
	})
}

func TestAShutdownWhileStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.prepare = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		r.board.say(toRun)
		r.start()
		r.shut()
		r.expectStory("STARTING STOPPED(the service was shut down)")
	})
}

// A stop that was followed by a start before anybody looked is a restart all the same: the edit that it was for takes
// effect.
func TestAStopThatNobodySawRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBoard(), "one")
		r.start()
		r.command(toRun)
		r.expect(workflow.Running, "")
		r.board.with(func() { r.board.revision = 2 })
		r.board.say(toStop)
		r.command(toRun)
		r.expect(workflow.Running, "")
		if got := r.last().ConfigRevision; got != 2 {
			t.Errorf("it runs on revision %d after stop and start, want 2", got)
		}
		r.board.with(func() { r.board.revision = 3 })
		r.command(toRun)
		if got := r.last().ConfigRevision; got != 2 {
			t.Errorf("a start given twice moved it to revision %d", got)
		}
		r.shut()
	})
}
