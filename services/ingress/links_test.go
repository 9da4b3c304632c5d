package ingress_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// linked maps memberships, which lead to contacts, beside contacts.
func linked(doc *config.IngressDoc) {
	doc.Mappings = append(doc.Mappings, config.Mapping{
		Table: "new_membership", Resource: "cusMembership", Key: config.Key{Column: "new_membershipid", Field: "membershipId"},
		Fields: []config.FieldMapping{{Column: "new_name", Field: "name", ApplyUpdates: true, TooLong: config.Truncate},
			{Column: "new_points", Field: "points", ApplyUpdates: true}},
		Filters: config.Filters{Operator: "and"}, ApplyDeletes: true, TechnicalPicklistValues: true,
		Links: []config.Link{{Column: "_new_contactid_value", Field: "profile", Resource: "profile"}},
	})
}

func newLinkedHouse(t *testing.T, contacts int) *house {
	t.Helper()
	h := newHouse(t, contacts)
	h.campaign.DefineResource(campaigntest.Resource{Name: "cusMembership", Schema: "cus:membership", API: campaigntest.Extended, Key: "membershipId",
		Fields: []campaigntest.Field{{Name: "membershipId", Type: campaigntest.String, Length: 100}, {Name: "name", Type: campaigntest.String, Length: 50},
			{Name: "points", Type: campaigntest.Integer}, {Name: "profile", Type: campaigntest.Link, Target: "profile"}}})
	h.edit(linked)
	return h
}

// joinable reports whether every membership of Dynamics stands in Campaign, with its name and points, linked to its contact.
func (h *house) joinable() bool {
	rows := map[string]map[string]any{}
	for _, row := range h.campaign.Rows("cusMembership") {
		rows[fmt.Sprint(row["membershipId"])] = row
	}
	count := 0
	for id, want := range h.dynamics.Rows("new_membership") {
		count++
		row, there := rows[id]
		if !there || fmt.Sprint(row["name"]) != fmt.Sprint(want["new_name"]) || fmt.Sprint(row["points"]) != fmt.Sprint(want["new_points"]) {
			return false
		}
		if (row["profile"] == nil) != (want["_new_contactid_value"] == nil) {
			return false
		}
	}
	return count == len(rows)
}

// TestAChildWaitsForItsParent: it is parked, counts as backlog, and is written when the parent has arrived, in its newest
// version; the others go on.
func TestAChildWaitsForItsParent(t *testing.T) {
	h := newLinkedHouse(t, 40)
	for id := range h.dynamics.Rows("contact") {
		h.dynamics.Put("new_membership", map[string]any{"new_name": "of " + id[:4], "new_points": 1, "new_contactid@odata.bind": "/contacts(" + id + ")"})
	}
	late := someContact(h)
	refused := true
	h.campaign.Refuse(func(fields map[string]any) string {
		if refused && fields["externalId"] == late {
			return "The value is not valid for the 'nms:recipient:gender' enumeration of the '@gender' field"
		}
		return ""
	})
	h.serve("i")
	h.Command(workflow.Start)
	h.Until("all but one membership are written", func() bool { return len(h.campaign.Rows("cusMembership")) == 39 })
	h.Until("the one that waits is backlog", func() bool {
		b, err := bus.NewQueues(h.Conn).Backlog(h.Context(), workflow.Ingress)
		return err == nil && b.Parked == 1 && b.Total() == 1
	})

	var waiting string
	for id, row := range h.dynamics.Rows("new_membership") {
		if row["_new_contactid_value"] == late {
			waiting = id
		}
	}
	h.dynamics.Put("new_membership", map[string]any{"new_membershipid": waiting, "new_points": 2})
	refused = false
	h.dynamics.Put("contact", map[string]any{"contactid": late, "lastname": "Arrived"})
	h.Until("the child follows in its newest version", func() bool { return h.joinable() && h.Backlog().Total() == 0 })
	h.Status("i", workflow.Running, "")
}

// TestAChildWithoutItsParentIsRejectedInTheEnd, with the reason.
func TestAChildWithoutItsParentIsRejectedInTheEnd(t *testing.T) {
	h := newLinkedHouse(t, 3)
	h.cfg.MaxWait = time.Second
	orphan := someContact(h)
	h.dynamics.Put("new_membership", map[string]any{"new_name": "orphan", "new_points": 1, "new_contactid@odata.bind": "/contacts(" + orphan + ")"})
	h.dynamics.Put("new_membership", map[string]any{"new_name": "of nobody", "new_points": 1})
	h.campaign.Refuse(func(fields map[string]any) string {
		if fields["externalId"] == orphan {
			return "The value is not valid for the 'nms:recipient:gender' enumeration of the '@gender' field"
		}
		return ""
	})
	h.serve("i")
	h.Command(workflow.Start)
	h.Until("parent and child are among the failures", func() bool { return h.Failures() >= 2 && h.Backlog().Total() == 0 })
	if n := len(h.campaign.Rows("cusMembership")); n != 1 {
		t.Errorf("%d memberships are written, want the one that leads nowhere", n)
	}
}

// TestAUniqueKeySparesTheLook: a row of a custom resource that is likely to be new costs one call where an identification key
// keeps Campaign from taking it twice, and two where none does.
func TestAUniqueKeySparesTheLook(t *testing.T) {
	for _, unique := range []bool{true, false} {
		t.Run(fmt.Sprint("unique=", unique), func(t *testing.T) {
			const n = 50
			h := newLinkedHouse(t, 0)
			h.edit(func(doc *config.IngressDoc) { doc.Mappings[1].Key.Unique = unique })
			for i := range n {
				h.dynamics.Put("new_membership", map[string]any{"new_name": fmt.Sprint("member ", i)})
			}
			h.serve("i")
			h.Command(workflow.Start)
			h.Status("i", workflow.Running, "")
			h.Until("all are there", func() bool { return h.joinable() && h.Backlog().Total() == 0 })
			spent := h.spent(func() {
				for i := range n {
					h.dynamics.Put("new_membership", map[string]any{"new_name": fmt.Sprint("late member ", i)})
				}
				h.Until("the late ones are there", func() bool { return h.joinable() && h.Backlog().Total() == 0 })
			})
			want := campaigntest.EngineCalls{Create: n}
			if !unique {
				want.Read = n
			}
			if spent != want {
				t.Errorf("%d insertions cost %+v, want %+v", n, spent, want)
			}
		})
	}
}
