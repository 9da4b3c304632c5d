package ingress_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/ingress"
)

// spent is what a step cost Campaign's engine.
func (h *house) spent(step func()) campaigntest.EngineCalls {
	h.t.Helper()
	before := h.campaign.EngineCalls()
	step()
	after := h.campaign.EngineCalls()
	return campaigntest.EngineCalls{Read: after.Read - before.Read, Create: after.Create - before.Create, Update: after.Update - before.Update, Delete: after.Delete - before.Delete}
}

// exactly compares engine calls with what they should be. Each interruption may have repeated what was in flight.
func (h *house) exactly(what string, calls, want campaigntest.EngineCalls) {
	h.t.Helper()
	h.t.Logf("%s: %+v", what, calls)
	again := int64(h.Interruptions() * ingress.InFlight)
	for _, c := range [][2]int64{{calls.Create, want.Create}, {calls.Update, want.Update}, {calls.Delete, want.Delete}} { // The preflight of a start reads.
		if c[0] < c[1] || c[0] > c[1]+again {
			h.t.Errorf("%s: %+v, want %+v; %d interruptions", what, calls, want, h.Interruptions())
			return
		}
	}
}

// contacts are n keys of Dynamics.
func (h *house) contacts(n int) []string {
	ids := make([]string, 0, n)
	for id := range h.dynamics.Rows("contact") {
		if len(ids) == n {
			break
		}
		ids = append(ids, id)
	}
	return ids
}

// unchanged runs a step after which n records more than before must have been found unchanged, and nothing waits.
func (h *house) unchanged(instance string, n int, step func()) {
	h.t.Helper()
	before := h.Beat(instance).Counters.Unchanged
	step()
	h.Until("the records were found unchanged", func() bool {
		return h.Beat(instance).Counters.Unchanged >= before+uint64(n) && h.Backlog().Total() == 0
	})
}

func (h *house) restart(instance string) {
	h.t.Helper()
	h.Command(workflow.Stop)
	h.Status(instance, workflow.Stopped, "")
	h.Command(workflow.Start)
}

var records = flag.Int("records", 2000, "records of each kind whose engine calls are counted")

// TestEngineCallsARecord is the budget: insert 1, update 1, delete 1, unchanged 0; also after a restart, and in a full
// read that an expired change token forces. A replay writes everything, with one call a row.
func TestEngineCallsARecord(t *testing.T) {
	n := *records
	h := newHouse(t, n)
	h.serve("i")
	want := h.exactly
	want("first load", h.spent(func() { h.Command(workflow.Start); h.synced() }), campaigntest.EngineCalls{Create: int64(n)})
	insert := func() {
		for range n {
			h.dynamics.Put("contact", map[string]any{"lastname": "Inserted"})
		}
		h.synced()
	}
	want("inserts", h.spent(insert), campaigntest.EngineCalls{Create: int64(n)})
	ids := h.contacts(n)
	put := func(column, value string) {
		for _, id := range ids {
			h.dynamics.Put("contact", map[string]any{"contactid": id, column: value})
		}
	}
	want("updates", h.spent(func() { put("lastname", "Updated"); h.synced() }), campaigntest.EngineCalls{Update: int64(n)})
	want("touches", h.spent(func() { h.unchanged("i", n, func() { put("description", "Not mapped") }) }), campaigntest.EngineCalls{})

	h.restart("i")
	h.Status("i", workflow.Running, "")
	want("touches after a restart", h.spent(func() { h.unchanged("i", n, func() { put("description", "Again") }) }), campaigntest.EngineCalls{})
	want("inserts after a restart", h.spent(insert), campaigntest.EngineCalls{Create: int64(n)})
	remove := func() {
		for _, id := range ids {
			h.dynamics.Delete("contact", id)
		}
		h.synced()
	}
	want("deletes", h.spent(remove), campaigntest.EngineCalls{Delete: int64(n)})

	h.dynamics.ExpireLinks()
	want("full read", h.spent(func() { h.unchanged("i", 2*n, func() { h.restart("i") }) }), campaigntest.EngineCalls{})
	replay := func() {
		h.edit(func(doc *config.IngressDoc) { doc.Mappings[0].ReplayRequested = true })
		before := h.Beat("i").Counters.Written
		h.restart("i")
		h.Until("everything is written again", func() bool { return h.Beat("i").Counters.Written >= before+uint64(2*n) && h.Backlog().Total() == 0 })
	}
	want("replay", h.spent(replay), campaigntest.EngineCalls{Update: int64(2 * n)})
}

// TestWithoutAFolderEverythingIsWritten, and a folder that cannot be used stops nothing.
func TestWithoutAFolderEverythingIsWritten(t *testing.T) {
	inTheWay := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(inTheWay, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, folder := range map[string]string{"none": "", "a file": inTheWay} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, 50)
			h.cfg.State = folder
			h.serve("i")
			h.Command(workflow.Start)
			h.synced()
			touched := h.spent(func() {
				for id := range h.dynamics.Rows("contact") {
					h.dynamics.Put("contact", map[string]any{"contactid": id, "description": "Not mapped"})
				}
				h.Until("all are written", func() bool { return h.Beat("i").Counters.Written >= 100 && h.Backlog().Total() == 0 })
			})
			if touched.Update != 50 {
				t.Errorf("%+v, want 50 updates", touched)
			}
		})
	}
}

// TestWhatAnotherInstanceWroteIsNotRemembered: two instances with a folder each, in turn. What the first has written is
// not unchanged any more when the second has written since.
func TestWhatAnotherInstanceWroteIsNotRemembered(t *testing.T) {
	h := newHouse(t, 20)
	changed := someContact(h)
	put := func(name string) {
		h.dynamics.Put("contact", map[string]any{"contactid": changed, "lastname": name})
		h.synced()
	}
	run := func(instance string, step func()) {
		h.cfg.State = filepath.Join(h.folder, instance)
		stop := h.serve(instance)
		h.Status(instance, workflow.Running, "")
		step()
		stop()
	}
	h.Command(workflow.Start)
	run("one", func() { h.synced(); put("First") })
	run("two", func() { put("Second") })
	run("one", func() { put("First") })
	run("two", func() { put("Second") })
	if got := h.campaign.Profiles()[changed]["lastName"]; got != "Second" {
		t.Errorf("Campaign holds %v", got)
	}
}

// TestAnUnknownOutcomeIsNotRemembered: a write that timed out and happened is undone by the next, although that has the
// content that was confirmed last.
func TestAnUnknownOutcomeIsNotRemembered(t *testing.T) {
	h := newHouse(t, 5)
	h.serve("i")
	h.Command(workflow.Start)
	h.synced()
	id := someContact(h)
	h.dynamics.Put("contact", map[string]any{"contactid": id, "lastname": "Confirmed"})
	h.synced()
	stop := h.campaign.Faults().Inject(remotetest.Fault{Kind: remotetest.TimeoutAfterWrite, Rate: 1})
	h.dynamics.Put("contact", map[string]any{"contactid": id, "lastname": "Happened"})
	h.Until("the write has happened", func() bool { return h.campaign.Profiles()[id]["lastName"] == "Happened" })
	h.Status("i", workflow.Running, "writing")
	h.dynamics.Put("contact", map[string]any{"contactid": id, "lastname": "Confirmed"})
	h.Until("the change was read", func() bool { return h.Backlog().Total() >= 2 })
	stop()
	h.synced()
}
