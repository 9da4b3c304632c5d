package egress_test

import (
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// TestRequestsForAThousandEvents: at most two when nothing goes wrong, from a backlog and from an idle system.
func TestRequestsForAThousandEvents(t *testing.T) {
	h := newHouse(t, options{})
	h.cfg.Tuning.Linger = time.Second // A machine that is busy with other tests is slower than a network.
	h.started()
	h.dynamics.Stats().Reset()
	for round := range 2 {
		before := h.requests()
		h.events(campaigntest.EventBatch{Count: 1000, Duplicates: 0.1, Disorder: true})
		want := 1000 * (round + 1)
		h.Until("they are written", func() bool { return h.activities() == want })
		h.settled()
		if n := h.requests() - before; n > 2 {
			t.Errorf("round %d: %d requests for 1,000 events, at most 2 are allowed", round, n)
		} else {
			t.Logf("round %d: %d requests for 1,000 events", round, n)
		}
	}
}

// TestAnEventIsSoonOnTheTimeline, on an idle system with the journal polled as its answers ask.
func TestAnEventIsSoonOnTheTimeline(t *testing.T) {
	h := newHouse(t, options{campaign: campaigntest.Options{Journal: campaigntest.JournalOptions{RetryAfter: time.Second}}})
	h.cfg.Tuning.PollInterval = 0 // As it ships.
	h.started()
	for n := range 3 {
		begin := time.Now()
		h.events(campaigntest.EventBatch{Count: 1})
		h.Until("it is written", func() bool { return h.activities() == n+1 })
		took := time.Since(begin)
		t.Logf("%s", took.Round(time.Millisecond))
		if took > 5*time.Second { // The promise is 2 s, which only a machine can keep that does nothing else: deploy/e2e asks for it.
			t.Errorf("it took %s", took)
		}
	}
	if n := h.campaign.JournalPolledEarly(); n != 0 {
		t.Errorf("the journal was polled %d times before it wanted to", n)
	}
}

// TestServiceProtection: under the limits of Dynamics the backlog is written as fast as they allow, and nothing is sent
// inside a Retry-After (invariant 10). How much of a budget is used in the long run is measured where time is simulated,
// in pkg/pump and pkg/dynamics: the vendor counts in whole seconds.
func TestServiceProtection(t *testing.T) {
	const perWindow, rows, windows, window = 100, 5, 3, 2 * time.Second
	h := newHouse(t, options{dynamics: dynamicstest.Options{Limits: &dynamicstest.Limits{Window: window, Requests: perWindow, RetryAfter: time.Second}}})
	h.cfg.Tuning.BatchSize = rows // So that there is a backlog of requests and not only of events.
	h.events(campaigntest.EventBatch{Count: 2 * perWindow * windows * rows})
	h.serve("e")
	h.Command(workflow.Start)
	h.Until("writing has begun", func() bool { return h.activities() > 0 })
	begin, before := time.Now(), h.activities()
	h.Until("more than one window has passed", func() bool { return h.activities()-before > 2*perWindow*rows })
	used := float64(h.activities()-before) / (perWindow * rows)
	passed := float64(time.Since(begin))/float64(window) + 1 // A window more than fits, where one had just begun.
	t.Logf("%.2f windows of the budget in %.2f windows", used, passed)
	if used > passed+0.2 { // The batch that is under way.
		t.Errorf("%.2f windows of the request budget were used in %.2f windows", used, passed)
	}
	h.Until("the limits were felt", func() bool { return h.Beat("e").Counters.Throttled > 0 })
	if n := h.dynamics.Stats().Get("duringRetryAfter"); n != 0 {
		t.Errorf("%d requests inside a Retry-After", n)
	}
}
