package workflow_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

func TestNames(t *testing.T) {
	names := map[workflow.ID]string{workflow.Ingress: "Dynamics 365 to Campaign", workflow.Egress: "Campaign to Dynamics 365", workflow.OptInOut: "Opt In/Out"}
	if len(workflow.All()) != len(names) {
		t.Errorf("%d workflows", len(workflow.All()))
	}
	for _, id := range workflow.All() {
		if !id.Valid() || id.Name() != names[id] {
			t.Errorf("%s: valid %v, name %q", id, id.Valid(), id.Name())
		}
	}
	if other := workflow.ID("other"); other.Valid() || other.Name() != "other" {
		t.Error("a workflow that does not exist")
	}
	// A list that somebody changed does not change the next one.
	workflow.All()[0] = "other"
	if workflow.All()[0] != workflow.Ingress {
		t.Error("All can be changed from outside")
	}
}

func TestVerbsAndRoles(t *testing.T) {
	for _, v := range []workflow.Verb{workflow.Start, workflow.Stop, workflow.ConfigChanged} {
		if !v.Valid() {
			t.Errorf("%s is not valid", v)
		}
	}
	for _, r := range []workflow.Role{workflow.Active, workflow.Standby} {
		if !r.Valid() {
			t.Errorf("%s is not valid", r)
		}
	}
	if workflow.Verb("dance").Valid() || workflow.Role("").Valid() {
		t.Error("something unknown is valid")
	}
}

func TestSums(t *testing.T) {
	c := workflow.Counters{Read: 100, Written: 1, Unchanged: 2, Coalesced: 4, Rejected: 8, Retries: 16, Throttled: 32}
	if got := c.Settled(); got != 15 {
		t.Errorf("settled %d, want what left the queue for good and nothing else", got)
	}
	b := workflow.BacklogDetail{Pending: 1, InFlight: 2, Parked: 4}
	if got := b.Total(); got != 7 {
		t.Errorf("backlog %d", got)
	}
}

// TestViewOnTheWire pins the names that scripts read (DESIGN section 8).
func TestViewOnTheWire(t *testing.T) {
	data, err := json.Marshal(workflow.View{ID: workflow.Ingress, Since: time.Unix(0, 0).UTC(), PendingChanges: []string{}, Instances: []workflow.InstanceView{{}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"id", "name", "backlog", "backlogDetail", "pending", "inFlight", "parked", "status", "reason", "since", "desired", "configRevision",
		"running", "latest", "restartRequired", "pendingChanges", "actions", "start", "stop", "edit", "enabled", "readPerSecond", "writtenPerSecond",
		"oldestAgeSeconds", "etaSeconds", "failures", "instances", "alive"} {
		if !strings.Contains(string(data), `"`+name+`":`) {
			t.Errorf("%s is missing in %s", name, data)
		}
	}
}
