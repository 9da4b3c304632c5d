package ingress_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// failureIndex is what the admin service sees of the failures.
func (h *house) failureIndex() *bus.Failures {
	h.t.Helper()
	f := bus.NewFailures(h.Conn)
	h.Background(func(ctx context.Context) error { f.Run(ctx); return nil })
	return f
}

// refused waits until a number of records stands among the failures. A record may have been refused twice: a full read
// looks again at what changed while it ran.
func (h *house) refused(f *bus.Failures, want int) []workflow.Failure {
	h.t.Helper()
	var page bus.FailurePage
	h.Until(fmt.Sprint(want, " records are refused"), func() bool {
		var err error
		page, err = f.List(h.Context(), workflow.Ingress, bus.FailureQuery{}, 0, bus.MaxFailurePage)
		return err == nil && len(page.Failures) == want && h.Backlog().Total() == 0
	})
	return page.Failures
}

// retry puts all failures back.
func (h *house) retry(f *bus.Failures) {
	h.t.Helper()
	h.Until("all failures are known", func() bool {
		seqs, err := f.Select(workflow.Ingress, bus.Selection{}, true)
		return err == nil && uint64(len(seqs)) == h.Failures()
	})
	seqs, err := f.Select(workflow.Ingress, bus.Selection{}, true)
	if err != nil {
		h.t.Fatal(err)
	}
	if done, err := f.Retry(h.Context(), workflow.Ingress, seqs, nil, func(bus.Removal) {}); err != nil || done.Removed != len(seqs) {
		h.t.Fatalf("%+v, %v", done, err)
	}
}

// refuse makes Campaign refuse a last name.
func (h *house) refuse(lastName string) {
	h.campaign.Refuse(func(fields map[string]any) string {
		if lastName != "" && fields["lastName"] == lastName {
			return "The value is not valid for the 'nms:recipient:gender' enumeration of the '@gender' field"
		}
		return ""
	})
}

// TestARetriedRecordIsWrittenAsItIsNow: changed since, deleted since, or as it was; also when the retry was asked for
// while nothing ran.
func TestARetriedRecordIsWrittenAsItIsNow(t *testing.T) {
	h := newHouse(t, 50)
	f := h.failureIndex()
	h.refuse("Refused")
	same := h.dynamics.Put("contact", map[string]any{"lastname": "Refused", "firstname": "Same"})
	changed := h.dynamics.Put("contact", map[string]any{"lastname": "Refused", "firstname": "Changed"})
	gone := h.dynamics.Put("contact", map[string]any{"lastname": "Refused", "firstname": "Gone"})
	h.serve("i")
	h.Command(workflow.Start)
	h.refused(f, 3)
	h.dynamics.Put("contact", map[string]any{"contactid": changed, "lastname": "Newer"})
	h.dynamics.Delete("contact", gone)
	h.Until("the changes have arrived", func() bool { return h.campaign.Profiles()[changed]["lastName"] == "Newer" && h.Backlog().Total() == 0 })

	h.refuse("")
	h.Command(workflow.Stop)
	h.Status("i", workflow.Stopped, "")
	h.retry(f)
	if n := h.Backlog().Total(); n != 3 {
		t.Errorf("the backlog is %d while three retries wait", n)
	}
	h.Command(workflow.Start)
	h.synced()
	profiles := h.campaign.Profiles()
	if profiles[same]["firstName"] != "Same" || profiles[changed]["lastName"] != "Newer" || profiles[gone] != nil || h.Failures() != 0 {
		t.Errorf("%v, %v, %v, %d failures", profiles[same], profiles[changed], profiles[gone], h.Failures())
	}
}

// TestARetryThatIsRefusedAgain stands among the failures with its payload.
func TestARetryThatIsRefusedAgain(t *testing.T) {
	h := newHouse(t, 0)
	f := h.failureIndex()
	h.refuse("Refused")
	h.dynamics.Put("contact", map[string]any{"lastname": "Refused"})
	h.serve("i")
	h.Command(workflow.Start)
	before := h.refused(f, 1)[0]
	h.retry(f)
	again := h.refused(f, 1)[0]
	one, err := f.Get(h.Context(), workflow.Ingress, again.Seq)
	if err != nil || again.Seq <= before.Seq || again.StreamSeq <= before.StreamSeq || one.Payload == nil || again.Key != before.Key {
		t.Errorf("refused as %+v, then as %+v, %v", before, one, err)
	}
}

// TestRetriesOfATableThatIsNotMappedGoBack to the failures at the next start.
func TestRetriesOfATableThatIsNotMappedGoBack(t *testing.T) {
	h := newHouse(t, 10)
	if err := bus.NewQueue(h.Conn, workflow.Ingress).AskRetries(h.Context(), "account", []bus.Retry{{Key: "a"}, {Key: "b"}}); err != nil {
		t.Fatal(err)
	}
	h.serve("i")
	h.Command(workflow.Start)
	h.synced()
	if n := h.Failures(); n != 2 {
		t.Errorf("%d failures", n)
	}
}

// TestAMappingThatDoesNotWorkStopsTheWorkflow instead of filling the failures, and everything arrives when it is mended.
func TestAMappingThatDoesNotWorkStopsTheWorkflow(t *testing.T) {
	h := newHouse(t, 600)
	f := h.failureIndex()
	h.edit(func(doc *config.IngressDoc) {
		doc.Mappings[0].Replacements = []config.Replacement{{Column: "gendercode", From: "1", To: "nonsense"}}
	})
	h.serve("i")
	h.Command(workflow.Start)
	h.Status("i", workflow.Failed, "records were rejected, most for: ")
	rejected := h.Failures()
	if waiting := h.Backlog().Total(); rejected < 50 || rejected > 250 || waiting < 300 {
		t.Errorf("%d were rejected, %d wait", rejected, waiting)
	}
	h.edit(func(doc *config.IngressDoc) {
		doc.Mappings[0].Replacements = config.DefaultIngress().Mappings[0].Replacements
	})
	h.Command(workflow.Stop)
	h.Command(workflow.Start)
	h.Status("i", workflow.Running, "")
	h.retry(f)
	h.synced()
	if n := h.Failures(); n != 0 {
		t.Errorf("%d failures are left", n)
	}
}
