package ingress_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// drifts are the ways in which a side changes underneath a mapping of memberships, and how each is taken back.
func drifts(h *house) map[string]struct {
	change, back func()
	reason       string
} {
	column := func(name string, change func(*dynamicstest.Column)) func() {
		return func() { h.dynamics.Alter("new_membership", name, change) }
	}
	field := func(name string, change func(*campaigntest.Field)) func() {
		return func() { h.campaign.Alter("cusMembership", name, change) }
	}
	return map[string]struct {
		change, back func()
		reason       string
	}{
		"a column disappears": {
			column("new_points", func(c *dynamicstest.Column) { c.Name = "new_gone" }), column("new_gone", func(c *dynamicstest.Column) { c.Name = "new_points" }),
			"table new_membership has no column \"new_points\""},
		"a column changes its type": {
			column("new_points", func(c *dynamicstest.Column) { c.Type, c.MaxLength = dynamicstest.String, 100 }),
			column("new_points", func(c *dynamicstest.Column) { c.Type = dynamicstest.Integer }),
			"column new_points of table new_membership was a Integer when the workflow was started and is a String now"},
		"a field disappears": {
			field("points", func(f *campaigntest.Field) { f.Name = "gone" }), field("gone", func(f *campaigntest.Field) { f.Name = "points" }),
			"cusMembership has no field \"points\""},
		"a field changes its type": {
			field("points", func(f *campaigntest.Field) { f.Type = campaigntest.Boolean }), field("points", func(f *campaigntest.Field) { f.Type = campaigntest.Integer }),
			"field points of cusMembership was a"},
	}
}

// TestSchemaDrift holds one mapping with its reason while the other goes on, and loses nothing.
func TestSchemaDrift(t *testing.T) {
	for name := range drifts(&house{}) {
		t.Run(name, func(t *testing.T) {
			h := newLinkedHouse(t, 30)
			h.cfg.Tuning.HoldPause = 200 * time.Millisecond
			members := h.join(20)
			stop := h.serve("i")
			h.Command(workflow.Start)
			h.Until("both tables are in Campaign", func() bool { return h.joinable() && h.equal() && h.Backlog().Total() == 0 })

			drift := drifts(h)[name]
			h.alter(drift.change)
			if name == "a column changes its type" {
				h.touch(members[0], "new_points", "many")
			} else {
				h.touch(members[0], "new_name", "changed while held")
			}
			h.Status("i", workflow.Running, "held since")
			h.Status("i", workflow.Running, drift.reason)
			contact := someContact(h)
			h.touchContact(contact, "went on")
			h.Until("the other mapping goes on", h.equal)

			// Another life of the service knows the start and goes on as well.
			stop()
			h.serve("j")
			h.Status("j", workflow.Running, "held since")
			h.touchContact(contact, "went on again")
			h.Until("the other mapping goes on in another life", h.equal)

			h.alter(drift.back)
			h.touch(members[0], "new_points", 4711)
			h.touch(members[1], "new_name", "after mending")
			h.Until("everything has arrived", func() bool { return h.joinable() && h.equal() && h.Backlog().Total() == 0 })
			h.Status("j", workflow.Running, "")
			if n := h.Failures(); n != 0 {
				t.Errorf("%d records were rejected", n)
			}
		})
	}
}

// TestAStartWithAMappingThatCannotWorkFails: what an admin has just asked for is refused, with the reason.
func TestAStartWithAMappingThatCannotWorkFails(t *testing.T) {
	h := newLinkedHouse(t, 5)
	h.edit(func(doc *config.IngressDoc) { doc.Mappings[1].Fields[1].Column = "new_missing" })
	h.serve("i")
	h.Command(workflow.Start)
	h.Status("i", workflow.Failed, "new_missing")
}

// TestARunWhoseOnlyMappingDriftsFails with the reason, and takes up where it stood.
func TestARunWhoseOnlyMappingDriftsFails(t *testing.T) {
	h := newHouse(t, 20)
	h.serve("i")
	h.Command(workflow.Start)
	h.synced()
	h.alter(func() { h.campaign.Alter("profile", "mobilePhone", func(f *campaigntest.Field) { f.Name = "gone" }) })
	h.touchContact(someContact(h), "drifted")
	h.Status("i", workflow.Failed, "mobilePhone")
	h.alter(func() { h.campaign.Alter("profile", "gone", func(f *campaigntest.Field) { f.Name = "mobilePhone" }) })
	h.Command(workflow.Start)
	h.synced()
	if n := h.Failures(); n != 0 {
		t.Errorf("%d records were rejected", n)
	}
}

// TestADeniedResourceHoldsItsMapping, and the others go on.
func TestADeniedResourceHoldsItsMapping(t *testing.T) {
	h := newLinkedHouse(t, 20)
	h.cfg.Tuning.HoldPause = 200 * time.Millisecond
	members := h.join(5)
	h.serve("i")
	h.Command(workflow.Start)
	h.Until("both tables are in Campaign", func() bool { return h.joinable() && h.equal() && h.Backlog().Total() == 0 })
	h.alter(func() { h.denied = "cusMembership" })
	h.touch(members[0], "new_name", "changed while denied")
	h.Status("i", workflow.Running, "access is denied")
	h.touchContact(someContact(h), "went on")
	h.Until("the other mapping goes on", h.equal)
	h.alter(func() { h.denied = "" })
	h.Until("everything has arrived", func() bool { return h.joinable() && h.equal() && h.Backlog().Total() == 0 })
}

// TestASecretThatIsNoGoodIsNoDrift: it concerns every mapping, and the workflow says FAILED and not that it works.
func TestASecretThatIsNoGoodIsNoDrift(t *testing.T) {
	h := newLinkedHouse(t, 20)
	h.join(5)
	h.serve("i")
	h.Command(workflow.Start)
	h.Until("both tables are in Campaign", func() bool { return h.joinable() && h.equal() && h.Backlog().Total() == 0 })
	h.campaign.Issuer().SetSecret("causeway", "another")
	h.campaign.Issuer().RevokeAll()
	contact := someContact(h)
	h.touchContact(contact, "not written yet")
	h.Status("i", workflow.Failed, "refused the sign-in")
	if parked := h.Backlog().Parked; parked != 0 {
		t.Errorf("%d records were parked as if their mapping did not fit", parked)
	}
	h.campaign.Issuer().SetSecret("causeway", "causeway-sandbox")
	h.Until("it goes on", func() bool { // A refusal is remembered for 10 s: a start within that time is refused for the same reason.
		if h.Beat("i").Status == workflow.Failed {
			h.Command(workflow.Start)
		}
		return h.equal() && h.Backlog().Total() == 0
	})
}

// join makes memberships of the first contacts.
func (h *house) join(count int) (members []string) {
	for id := range h.dynamics.Rows("contact") {
		if len(members) == count {
			break
		}
		members = append(members, h.dynamics.Put("new_membership", map[string]any{"new_name": fmt.Sprint("member ", len(members)), "new_points": len(members),
			"new_contactid@odata.bind": "/contacts(" + id + ")"}))
	}
	return members
}

func (h *house) touch(member, column string, value any) {
	h.dynamics.Put("new_membership", map[string]any{"new_membershipid": member, column: value})
}

func (h *house) touchContact(id, last string) {
	h.dynamics.Put("contact", map[string]any{"contactid": id, "lastname": last})
}
