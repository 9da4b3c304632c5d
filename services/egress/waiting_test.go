package egress_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/timeline"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// strangers are the events of contacts that Dynamics does not know.
func (h *house) strangers() []campaigntest.EmittedEvent {
	var list []campaigntest.EmittedEvent
	for _, e := range h.campaign.EmittedEvents() {
		if !e.Known {
			list = append(list, e)
		}
	}
	return list
}

// TestAnEventWaitsForItsContact: it is parked, counts as backlog, and is written when the contact has arrived; the
// others go on.
func TestAnEventWaitsForItsContact(t *testing.T) {
	h := newHouse(t, options{})
	h.events(campaigntest.EventBatch{Count: 60, UnknownContacts: 0.1})
	strangers := h.strangers()
	if len(strangers) == 0 {
		t.Fatal("no event is of an unknown contact")
	}
	h.started()
	h.Until("the others are written, and those that wait are backlog", func() bool {
		return h.activities() == 60-len(strangers) && h.waiting() == workflow.BacklogDetail{Parked: uint64(len(strangers))}
	})
	for _, e := range strangers {
		h.dynamics.Put("contact", map[string]any{"contactid": e.Contact, "lastname": "Arrived"})
	}
	h.Until("all are written", func() bool { return h.activities() == 60 && h.waiting().Total() == 0 })
	if diff := cmp.Diff(linesOf(h.campaign.EmittedEvents()), h.lines()); diff != "" {
		t.Error(diff)
	}
	if n := h.Failures(); n != 0 {
		t.Errorf("%d were rejected", n)
	}
}

// TestAnEventIsRejectedWhenItsContactDoesNotArrive, with the reason; when the contact is there after all, a retry makes
// the activity.
func TestAnEventIsRejectedWhenItsContactDoesNotArrive(t *testing.T) {
	for _, tc := range []struct {
		name string
		wait time.Duration
	}{{"at once", 0}, {"after a while", time.Second}} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHouse(t, options{})
			h.cfg.Wait = tc.wait
			h.edit(func(doc *config.EgressDoc) { doc.UnknownContact.WaitHours = 0 })
			h.events(campaigntest.EventBatch{Count: 3, UnknownContacts: 1})
			failures := bus.NewFailures(h.Conn)
			h.Background(func(ctx context.Context) error { failures.Run(ctx); return nil })
			h.started()
			h.Until("they are rejected", func() bool { return h.Failures() == 3 && h.waiting().Total() == 0 })
			var seqs []uint64
			h.Until("the failures are counted", func() bool {
				var err error
				seqs, err = failures.Select(workflow.Egress, bus.Selection{}, true)
				return err == nil && len(seqs) == 3
			})
			failure, err := failures.Get(h.Context(), workflow.Egress, seqs[0])
			if err != nil {
				t.Fatal(err)
			}
			if failure.Source != "journal" || !strings.Contains(failure.Reason, "contact") || failure.CannotRetry != "" || failure.Key != h.strangers()[0].ID && failure.Key != h.strangers()[1].ID && failure.Key != h.strangers()[2].ID {
				t.Errorf("%+v", failure)
			}
			if n := h.activities(); n != 0 {
				t.Errorf("%d activities of nobody", n)
			}
			for _, e := range h.strangers() {
				h.dynamics.Put("contact", map[string]any{"contactid": e.Contact, "lastname": "Late"})
			}
			if _, err := failures.Retry(h.Context(), workflow.Egress, seqs, nil, func(bus.Removal) {}); err != nil {
				t.Fatal(err)
			}
			h.Until("they are on the timeline", func() bool { return h.activities() == 3 && h.Failures() == 0 && h.waiting().Total() == 0 })
		})
	}
}

// TestAContactThatIsGone: an event of a contact that was deleted waits like one of a contact that never was.
func TestAContactThatIsGone(t *testing.T) {
	h := newHouse(t, options{})
	h.started()
	h.events(campaigntest.EventBatch{Count: 1, Types: []string{"send"}})
	h.Until("the first is written", func() bool { return h.activities() == 1 })
	for id := range h.dynamics.Rows("contact") {
		h.dynamics.DeleteContact(id)
	}
	h.events(campaigntest.EventBatch{Count: 4, Types: []string{"open"}})
	h.Until("they wait", func() bool { return h.waiting() == workflow.BacklogDetail{Parked: 4} })
	if n := h.dynamics.Count(tables()[timeline.Open]); n != 0 {
		t.Errorf("%d opens of nobody", n)
	}
	h.Status("e", workflow.Running, "")
}

// TestAnEventThatCannotBeUnderstood stands in the failures as it came. When the format is corrected, a retry makes the
// activity of it.
func TestAnEventThatCannotBeUnderstood(t *testing.T) {
	h := newHouse(t, options{})
	h.edit(func(doc *config.EgressDoc) { doc.EventFormat.Contact = "data.nowhere" })
	h.events(campaigntest.EventBatch{Count: 5})
	failures := bus.NewFailures(h.Conn)
	h.Background(func(ctx context.Context) error { failures.Run(ctx); return nil })
	h.started()
	h.Until("all are rejected", func() bool { return h.Failures() == 5 && h.waiting().Total() == 0 })
	var seqs []uint64
	h.Until("the failures are counted", func() bool {
		var err error
		seqs, err = failures.Select(workflow.Egress, bus.Selection{}, true)
		return err == nil && len(seqs) == 5
	})
	failure, err := failures.Get(h.Context(), workflow.Egress, seqs[0])
	if err != nil || !strings.Contains(failure.Reason, "data.nowhere") {
		t.Errorf("%+v, %v", failure, err)
	}
	h.Command(workflow.Stop)
	h.Status("e", workflow.Stopped, "")
	h.edit(func(doc *config.EgressDoc) { doc.EventFormat.Contact = config.DefaultEventFormat().Contact })
	h.Command(workflow.Start)
	h.Status("e", workflow.Running, "")
	if _, err := failures.Retry(h.Context(), workflow.Egress, seqs, nil, func(bus.Removal) {}); err != nil {
		t.Fatal(err)
	}
	h.Until("they are on the timeline", func() bool { return h.activities() == 5 && h.Failures() == 0 })
	if diff := cmp.Diff(linesOf(h.wanted()), h.lines()); diff != "" {
		t.Error(diff)
	}
}

// TestStrangersEndNoRun: Campaign also writes to people whom Dynamics does not know. However many events of theirs are
// rejected, the workflow goes on.
func TestStrangersEndNoRun(t *testing.T) {
	h := newHouse(t, options{})
	h.edit(func(doc *config.EgressDoc) { doc.UnknownContact.WaitHours = 0 })
	h.events(campaigntest.EventBatch{Count: 300, UnknownContacts: 1})
	h.started()
	h.Until("they are rejected", func() bool { return h.Failures() == 300 && h.waiting().Total() == 0 })
	h.events(campaigntest.EventBatch{Count: 10})
	h.Until("the others are written", func() bool { return h.activities() == 10 })
	h.Status("e", workflow.Running, "")
}
