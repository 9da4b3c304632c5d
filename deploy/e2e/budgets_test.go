package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// spread are durations of the same thing, measured several times.
type spread []time.Duration

// at is the smallest duration that a share of them does not exceed.
func (s spread) at(share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

// within prints median and p99 and compares the latter with the budget.
func (s spread) within(t *testing.T, what string, budget time.Duration) bool {
	t.Helper()
	p50, p99 := s.at(0.5), s.at(0.99)
	t.Logf("%s: p50 %s, p99 %s of %d (budget: p99 < %s)", what, p50.Round(time.Millisecond), p99.Round(time.Millisecond), len(s), budget)
	if p99 >= budget {
		t.Logf("%s: the p99 of %s is not within %s: %s", what, p99, budget, s)
	}
	return p99 < budget
}

// bestOfThree wants one of three series to be within its budgets; the others are measured only when the first is not. The
// p99 of so few is the slowest one, and the machine that runs the tests may do something else for a moment.
func bestOfThree(t *testing.T, series func(n int) bool) {
	t.Helper()
	for n := range 3 {
		if series(n) || t.Failed() {
			return
		}
	}
	t.Error("no series of three is within its budgets")
}

// promptly waits for a condition without the pauses of until, which would be a part of what is measured.
func (in *installation) promptly(what string, condition func() bool) time.Duration {
	in.t.Helper()
	began := time.Now()
	for !condition() {
		if time.Since(began) > 20*time.Second {
			in.t.Fatalf("not within 20 s: %s\n%s", what, in.report())
		}
		<-time.After(3 * time.Millisecond)
	}
	return time.Since(began)
}

// TestStartAndStopAreQuick starts and stops under a load of 100 changes a second.
func TestStartAndStopAreQuick(t *testing.T) {
	in := newStandalone(t, 500, "--sandbox-traffic", "100")
	in.command("start")
	in.until(patience, "the first load is done", func() bool { return in.writes() >= 500 })
	in.command("stop")
	in.untilStatus(patience, "STOPPED")
	bestOfThree(t, func(int) bool { return in.startAndStop() })
}

// startAndStop measures a series of starts and stops.
func (in *installation) startAndStop() bool {
	var starts, stops spread
	for range 20 {
		before := in.writes()
		began := time.Now()
		in.command("start")
		in.promptly("the first write", func() bool { return in.writes() > before })
		starts = append(starts, time.Since(began))
		in.until(patience, "records flow", func() bool { return in.writes() > before+20 })

		began = time.Now()
		in.command("stop")
		in.promptly("STOPPED", func() bool { return in.workflow("ingress").Status == "STOPPED" })
		stops = append(stops, time.Since(began))
		quiet := in.writes()
		<-time.After(200 * time.Millisecond)
		if n := in.writes() - quiet; n > 0 {
			in.t.Errorf("%d writes after STOPPED", n)
		}
	}
	startsQuickly := starts.within(in.t, "start to first write", time.Second)
	return stops.within(in.t, "stop to quiet", 2*time.Second) && startsQuickly
}

// TestAChangeIsSoonVisible measures an idle system from a PATCH in Dynamics to what a reader of Campaign sees. The
// changes come at any moment between two polls.
func TestAChangeIsSoonVisible(t *testing.T) {
	in := newStandalone(t, 200)
	in.command("start")
	in.untilEqual(patience)
	ids := in.someContacts(30)
	bestOfThree(t, func(n int) bool {
		var latencies spread
		for i, id := range ids {
			<-time.After(rand.N(time.Second))
			name := fmt.Sprintf("Latency %d of series %d", i, n)
			began := time.Now()
			in.patch(id, map[string]any{"lastname": name})
			in.promptly("the change is visible", func() bool { return in.profile(id)["lastName"] == name })
			latencies = append(latencies, time.Since(began))
		}
		return latencies.within(t, "a change in Dynamics to visible in Campaign", 2*time.Second)
	})
}
