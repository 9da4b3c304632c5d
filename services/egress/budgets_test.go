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
	h.started()
	h.dynamics.Stats().Reset()
	for round := range 3 {
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
	h := newHouse(t, options{})
	h.cfg.Tuning.PollInterval = 0 // As it ships.
	h.started()
	for n := range 4 {
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

// TestTheRequestBudgetIsUsed: with a backlog and service protection on, at least 95 % of what the limit allows is used,
// and nothing is sent inside a Retry-After.
func TestTheRequestBudgetIsUsed(t *testing.T) {
	const perWindow, rows, windows = 60, 5, 5
	window := time.Second
	h := newHouse(t, options{dynamics: dynamicstest.Options{Limits: &dynamicstest.Limits{Window: window, Requests: perWindow, RetryAfter: 200 * time.Millisecond}}})
	h.cfg.Tuning.BatchSize = rows // So that there is a backlog of requests and not only of events.
	h.events(campaigntest.EventBatch{Count: 2 * perWindow * windows * rows})
	h.serve("e")
	h.command(workflow.Start)
	h.until("writing has begun", func() bool { return h.activities() > 0 })
	begin, before := time.Now(), h.activities()
	h.until("some windows have passed", func() bool { return time.Since(begin) >= windows*window })
	used := float64(h.activities()-before) / rows / (time.Since(begin).Seconds() / window.Seconds()) / perWindow
	t.Logf("%.1f %% of the budget", 100*used)
	if used < 0.95 {
		t.Errorf("%.1f %% of the request budget was used, want 95 %%", 100*used)
	}
	if n := h.dynamics.Stats().Get("duringRetryAfter"); n != 0 {
		t.Errorf("%d requests inside a Retry-After", n)
	}
}
