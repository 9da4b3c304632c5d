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
		h.until("they are written", func() bool { return h.activities() == want })
		h.settled()
		if n := h.requests() - before; n > 2 {
			t.Errorf("round %d: %d requests for 1,000 events, at most 2 are allowed", round, n)
		} else {
			t.Logf("round %d: %d requests for 1,000 events", round, n)
		}
	}
}

// TestAnEventIsOnTheTimelineInTwoSeconds, on an idle system with the journal polled as its answers ask.
func TestAnEventIsOnTheTimelineInTwoSeconds(t *testing.T) {
	h := newHouse(t, options{campaign: campaigntest.Options{Journal: campaigntest.JournalOptions{RetryAfter: time.Second}}})
	h.cfg.Tuning.PollInterval = 0 // As it ships.
	h.started()
	for n := range 3 {
		begin := time.Now()
		h.events(campaigntest.EventBatch{Count: 1})
		h.until("it is written", func() bool { return h.activities() == n+1 })
		took := time.Since(begin)
		t.Logf("%s", took.Round(time.Millisecond))
		if took > 2*time.Second {
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
	h.command(workflow.Start)
	h.until("writing has begun", func() bool { return h.activities() > 0 })
	begin, before := time.Now(), h.activities()
	h.until("some windows have passed", func() bool { return time.Since(begin) >= windows*window })
	used := float64(h.activities()-before) / (windows * perWindow * rows)
	t.Logf("%.0f %% of the budget with pauses of half a window", 100*used)
	if used < 0.5 || used > 1.4 { // A window more than fits, where one had just begun.
		t.Errorf("%.0f %% of the request budget was used", 100*used)
	}
	h.until("the limits were felt", func() bool { return h.beat("e").Counters.Throttled > 0 })
	if n := h.dynamics.Stats().Get("duringRetryAfter"); n != 0 {
		t.Errorf("%d requests inside a Retry-After", n)
	}
}
