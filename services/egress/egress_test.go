package egress_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
	"github.com/causeway-sync/causeway/pkg/timeline"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// TestEventsFlow is the workflow in short: what the journal holds, twice and in disorder, is one activity each, with all
// that the event says, owned by the application.
func TestEventsFlow(t *testing.T) {
	h := newHouse(t, options{})
	done := h.events(campaigntest.EventBatch{Count: 1500, Duplicates: 0.1, Disorder: true, SoftBounces: 0.3, UnknownTypes: 0.05})
	h.started()
	h.Until("all are written", func() bool { return h.activities() >= len(h.wanted()) && h.waiting().Total() == 0 })
	if diff := cmp.Diff(linesOf(h.wanted()), h.lines()); diff != "" {
		t.Error(diff)
	}
	for kind, table := range tables() {
		for id, times := range h.dynamics.Creations(table) {
			if times != 1 {
				t.Errorf("%s %s was created %d times", kind, id, times)
			}
		}
		for _, row := range h.dynamics.Rows(table) {
			if row["_ownerid_value"] == nil {
				t.Errorf("a %s has no owner", kind)
			}
			break
		}
	}
	beat := h.Status("e", workflow.Running, "")
	h.Until("the skipped are counted", func() bool {
		beat = h.Beat("e")
		return beat.Counters.Skipped["soft bounces"] >= uint64(done.SoftBounces) && beat.Counters.Written == uint64(len(h.wanted()))
	})
	// Deliveries, not events: an event that is skipped is counted as often as it is delivered.
	skipped := beat.Counters.Skipped["soft bounces"] + beat.Counters.Skipped["of an unknown type"] + beat.Counters.Skipped["delivered more than once"]
	if total := skipped + beat.Counters.Read; total != uint64(done.Written) {
		t.Errorf("%d entries of the journal are accounted for, it holds %d: %+v", total, done.Written, beat.Counters)
	}
}

// TestOnlyWhatIsSwitchedOnIsQueued, and all else is counted by its reason.
func TestOnlyWhatIsSwitchedOnIsQueued(t *testing.T) {
	h := newHouse(t, options{})
	h.edit(func(doc *config.EgressDoc) { doc.Events = config.Events{Click: true} })
	done := h.events(campaigntest.EventBatch{Count: 400})
	h.started()
	h.Until("the clicks are written", func() bool { return h.dynamics.Count(tables()[timeline.Click]) == done.Distinct["click"] })
	h.settled()
	if n := h.activities(); n != done.Distinct["click"] {
		t.Errorf("%d activities, want %d clicks and nothing else", n, done.Distinct["click"])
	}
	h.Until("the others are counted", func() bool {
		c := h.Beat("e").Counters
		return c.Skipped["sends, which are switched off"] == uint64(done.Distinct["send"]) && c.Skipped["opens, which are switched off"] == uint64(done.Distinct["open"]) &&
			c.Skipped["bounces, which are switched off"] == uint64(done.Distinct["bounce"]) && c.Read == uint64(done.Distinct["click"])
	})
}

// TestWhatWasQueuedAndIsSwitchedOffIsNotWritten.
func TestWhatWasQueuedAndIsSwitchedOffIsNotWritten(t *testing.T) {
	h := newHouse(t, options{})
	h.started()
	down := h.dynamics.Inject(remotetest.Fault{Kind: remotetest.Error, Rate: 1, Status: 503})
	h.events(campaigntest.EventBatch{Count: 100, Types: []string{"send", "open"}})
	h.Until("all are queued", func() bool { return h.waiting().Total() == 100 })
	h.Command(workflow.Stop)
	h.Status("e", workflow.Stopped, "")
	h.edit(func(doc *config.EgressDoc) { doc.Events.Send = false })
	down()
	h.Command(workflow.Start)
	h.Until("the queue is empty", func() bool { return h.waiting().Total() == 0 })
	if sends := h.dynamics.Count(tables()[timeline.Send]); sends != 0 {
		t.Errorf("%d sends were written after they were switched off", sends)
	}
	if opens := h.dynamics.Count(tables()[timeline.Open]); opens == 0 {
		t.Error("no open was written")
	}
}

// TestARunKeepsItsRevision (invariant 7).
func TestARunKeepsItsRevision(t *testing.T) {
	h := newHouse(t, options{})
	h.started()
	first := h.Beat("e").ConfigRevision
	second := h.edit(func(doc *config.EgressDoc) { doc.Events.Open = false })
	h.events(campaigntest.EventBatch{Count: 5, Types: []string{"open"}})
	h.Until("opens are still written", func() bool { return h.dynamics.Count(tables()[timeline.Open]) == 5 })
	if got := h.Beat("e").ConfigRevision; got != first {
		t.Errorf("the run moved from revision %d to %d", first, got)
	}
	h.Command(workflow.Stop)
	h.Status("e", workflow.Stopped, "")
	h.Command(workflow.Start)
	h.Until("it runs on the new revision", func() bool {
		beat := h.Beat("e")
		return beat.Status == workflow.Running && beat.ConfigRevision == second
	})
}

// TestThePositionSurvivesRestarts: another process goes on where the last one was, and what is read once more after a
// crash is one activity.
func TestThePositionSurvivesRestarts(t *testing.T) {
	h := newHouse(t, options{})
	h.events(campaigntest.EventBatch{Count: 950})
	stop := h.started()
	h.Until("all are written", func() bool { return h.activities() == 950 })
	h.settled()
	stop()
	h.events(campaigntest.EventBatch{Count: 30})
	h.serve("f")
	h.Until("the new ones are written", func() bool { return h.activities() == 980 })
	h.Until("nothing was read twice", func() bool { return h.Beat("f").Counters.Read == 30 })

	// A position that was lost costs nothing but requests (invariant 3).
	h.Command(workflow.Stop)
	h.Status("f", workflow.Stopped, "")
	q := bus.NewQueue(h.Conn, workflow.Egress)
	at, err := q.Checkpoint(h.Context(), "journal")
	if err == nil {
		_, err = q.Append(h.Context(), "journal", nil, at, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	h.serve("g")
	h.Command(workflow.Start)
	h.Until("all was read again", func() bool { return h.Beat("f").Counters.Unchanged+h.Beat("g").Counters.Unchanged == 980 })
	if diff := cmp.Diff(linesOf(h.wanted()), h.lines()); diff != "" {
		t.Error(diff)
	}
}

// TestAGapIsToldAndStays: events that expired before they were read.
func TestAGapIsToldAndStays(t *testing.T) {
	for _, tc := range []struct {
		after config.JournalStart
		want  int
	}{{config.Oldest, 10 + 20}, {config.Latest, 10}} {
		t.Run(string(tc.after), func(t *testing.T) {
			h := newHouse(t, options{})
			h.edit(func(doc *config.EgressDoc) { doc.Journal.AfterGap = tc.after })
			h.events(campaigntest.EventBatch{Count: 10})
			stop := h.started()
			h.Until("the first are written", func() bool { return h.activities() == 10 })
			h.settled()
			stop()
			before := time.Now()
			h.events(campaigntest.EventBatch{Count: 100})
			h.campaign.ExpireEvents(20)
			h.serve("f")
			var gaps []workflow.Gap
			h.Until("the gap is told", func() bool {
				var err error
				gaps, _, err = bus.NewEvents(h.Conn).Gaps(h.Context(), workflow.Egress, 0)
				return err == nil && len(gaps) > 0
			})
			if len(gaps) != 1 || gaps[0].Source != "journal" || gaps[0].From.IsZero() || gaps[0].From.After(before) || gaps[0].To.Before(gaps[0].From) || gaps[0].To.After(time.Now().Add(time.Second)) {
				t.Errorf("%+v", gaps)
			}
			h.Status("f", workflow.Running, "")
			h.events(campaigntest.EventBatch{Count: 7})
			h.Until("reading goes on", func() bool { return h.activities() == tc.want+7 })
			h.settled()
			if n := h.activities(); n != tc.want+7 {
				t.Errorf("%d activities, want %d", n, tc.want+7)
			}
		})
	}
}

// TestAStartWithoutEventTypesFails, with what to do, whoever asked for it.
func TestAStartWithoutEventTypesFails(t *testing.T) {
	h := newHouse(t, options{})
	h.edit(func(doc *config.EgressDoc) { doc.Events = config.Events{} })
	h.serve("e")
	h.Command(workflow.Start)
	h.Status("e", workflow.Failed, "no event type is chosen")
}

// TestPreflight: everything that a person has to mend, in one reason.
func TestPreflight(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(*house)
		says  []string
	}{
		{"no journal", func(h *house) { h.cfg.Campaign.JournalURL = "" }, []string{"set the journal URL"}},
		{"no Dynamics", func(h *house) { h.cfg.Dynamics.URL = "" }, []string{"Dynamics"}},
		{"a wrong secret of Campaign", func(h *house) { h.cfg.Campaign.ClientSecret = "wrong" }, []string{"secret"}},
		{"a wrong secret of Dynamics", func(h *house) { h.cfg.Dynamics.ClientSecret = "wrong" }, []string{"secret"}},
		{"tables, columns and a navigation property", func(h *house) {
			h.edit(func(doc *config.EgressDoc) {
				doc.Activities.Send.Table = "new_missing"
				doc.Activities.Open.MirrorPage = "new_page"
				doc.Activities.Bounce.Table = "contact"
				doc.Activities.Click.Regarding = "new_regarding"
			})
		}, []string{"new_missing", "new_page", "contact", "new_regarding"}},
		{"a table that is wrong and switched off", func(h *house) {
			h.edit(func(doc *config.EgressDoc) {
				doc.Activities.Send.Table, doc.Events.Send = "new_missing", false
				doc.Activities.Open.Table = "new_lost"
			})
		}, []string{"new_lost"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHouse(t, options{})
			tc.spoil(h)
			h.serve("e")
			h.Command(workflow.Start)
			for _, says := range tc.says {
				h.Status("e", workflow.Failed, says)
			}
			if n := h.activities(); n != 0 {
				t.Errorf("%d activities were written", n)
			}
		})
	}
}

// TestTroubleIsShownAndPasses: what is passing is told as the reason of RUNNING, and nothing is lost by it.
func TestTroubleIsShownAndPasses(t *testing.T) {
	h := newHouse(t, options{})
	h.started()
	stop := h.dynamics.Inject(remotetest.Fault{Kind: remotetest.Throttle, Rate: 1, RetryAfter: 1})
	h.events(campaigntest.EventBatch{Count: 50})
	h.Status("e", workflow.Running, "asked for a pause")
	stop()
	h.Until("all are written", func() bool { return h.activities() == 50 })
	h.Status("e", workflow.Running, "")
	if n := h.dynamics.Stats().Get("duringRetryAfter"); n != 0 {
		t.Errorf("%d requests inside a Retry-After", n)
	}
}
