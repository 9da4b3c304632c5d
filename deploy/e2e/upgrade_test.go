package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/deploy/internal/process"
)

// TestRollingUpgradeAndRollBack goes the way of docs/operations.md from the previous release to this one and back, while contacts
// change and events arrive: the admin service first, then each workflow's service by a standby that takes over; and back in the
// opposite order. Both sides are then the same, record by record, and nothing was rejected.
func TestRollingUpgradeAndRollBack(t *testing.T) {
	s := newServices(t, 6000)
	bus, admin := "nats://"+s.nats, strings.TrimPrefix(s.admin, "http://")
	oldAdmin, newAdmin := s.service(former(t, "admin"), bus, "--http", admin), s.adminService
	old := map[string]*process.Process{}
	for _, id := range []string{"ingress", "egress"} {
		old[id] = s.workflowService(former(t, id), bus, id+"-old")
	}
	for _, p := range []*process.Process{s.natsServer, s.sandbox, oldAdmin, old["ingress"], old["egress"]} {
		p.Start()
	}
	s.untilReady(s.admin)
	s.untilAlive("ingress", "ingress-old")
	s.untilAlive("egress", "egress-old")
	s.switchEventsOn()
	s.order("ingress", "start")
	s.order("egress", "start")
	s.until(patience, "records flow", func() bool { return s.writes() > 500 })
	stopTraffic := s.traffic(false)
	defer stopTraffic()
	s.send(1000)

	current := map[string]*process.Process{"ingress": s.workflowService(program("ingress"), bus, "ingress-new"), "egress": s.workflowService(program("egress"), bus, "egress-new")}
	oldAdmin.Stop()
	newAdmin.Start()
	s.untilReady(s.admin)
	for _, id := range []string{"ingress", "egress"} {
		s.handOver(id, old[id], current[id], id+"-new")
	}
	s.send(1000)
	before := s.writes()
	s.until(patience, "the new release writes", func() bool { return s.writes() > before+200 })

	for _, id := range []string{"ingress", "egress"} {
		s.handOver(id, current[id], old[id], id+"-old")
	}
	newAdmin.Stop()
	oldAdmin.Start()
	s.untilReady(s.admin)
	s.send(1000)
	before = s.writes()
	s.until(patience, "the former release writes", func() bool { return s.writes() > before+100 })
	t.Logf("%d contacts were changed meanwhile", stopTraffic())
	s.untilBothEqual(t)
}

// handOver starts one instance of a workflow's service beside the active one, waits until it stands by, and stops the active one.
func (s services) handOver(id string, from, to *process.Process, name string) {
	s.t.Helper()
	to.Start()
	s.untilAlive(id, name)
	from.Stop()
	took := s.until(patience, name+" is active", func() bool {
		v, err := s.try(id)
		return err == nil && v.Status == "RUNNING" && len(v.Instances) > 0 && v.Instances[0].Instance == name && v.Instances[0].Role == "active"
	})
	s.t.Logf("%s is active %s after the other was asked to end", name, took.Round(10*time.Millisecond))
}

// untilAlive waits for the admin service to have heard of an instance.
func (s services) untilAlive(id, name string) {
	s.t.Helper()
	s.until(patience, name+" is alive", func() bool {
		v, err := s.try(id)
		for _, i := range v.Instances {
			if err == nil && i.Instance == name && i.Alive {
				return true
			}
		}
		return false
	})
}

// TestUpgradeOfTheStandaloneProcess stops the former release, starts this one on the same data, and goes back, with all three workflows at
// work: contacts change, events arrive, and people opt out on either side.
func TestUpgradeOfTheStandaloneProcess(t *testing.T) {
	s := newServices(t, 3000)
	args := []string{"--allow-temporary-data", "--data", process.Folder(t, artifacts), "--http", strings.TrimPrefix(s.admin, "http://"), "--nats", s.nats}
	one := func(path string) *process.Process {
		p := process.New(t, path, s.connections, args...)
		s.processes = append(s.processes, p)
		return p
	}
	old, current := one(former(t, "standalone")), one(program("standalone"))
	s.sandbox.Start()
	old.Start()
	s.untilReady(s.admin)
	s.switchEventsOn()
	s.order("ingress", "start")
	s.order("egress", "start")
	s.untilEqual(patience) // Who has no profile yet cannot opt out there.
	s.switchOptOutsOn()
	s.order("optinout", "start")
	stopTraffic := s.traffic(false)
	defer stopTraffic()
	people := s.someContacts(160)
	for i, next := range []struct{ from, to *process.Process }{{old, current}, {current, old}} {
		s.send(500)
		s.optOut(people[i*80 : (i+1)*80])
		next.from.Stop()
		before := s.writes()
		next.to.Start()
		s.until(patience, "the other release writes", func() bool { return s.writes() > before+100 })
	}
	stopTraffic()
	s.untilBothEqual(t)
	var differ []string
	s.until(patience, "both sides hold the same opt-outs", func() bool { differ = s.optOutDifferences(people); return len(differ) == 0 })
	if v := s.workflow("optinout"); v.Status != "RUNNING" || v.Failures != 0 {
		t.Errorf("optinout is %s (%s) with %d failures", v.Status, v.Reason, v.Failures)
	}
}

// switchOptOutsOn keeps one column and one field in step both ways, over the APIs of both sides.
func (in *installation) switchOptOutsOn() {
	in.t.Helper()
	document := `{"direction":"bidirectional","source":"api","api":{"pollSeconds":5},"mappings":[{"column":"donotbulkemail","field":"blackListEmail"}]}`
	r, err := ask(http.MethodPut, in.admin+"/api/v1/workflows/optinout/config", document, "If-Match", "*", "Content-Type", "application/json")
	if err != nil || r.status != http.StatusOK {
		in.t.Fatalf("configure: %d %s %v", r.status, r.body, err)
	}
}

// optOut has people opt out, every second one in Dynamics and the others in Campaign.
func (s *systems) optOut(people []string) {
	s.t.Helper()
	for i, id := range people {
		if i%2 == 0 {
			s.patch(id, map[string]any{"donotbulkemail": true})
			continue
		}
		r, err := ask(http.MethodPost, s.campaign+"/_sandbox/profiles/"+id, `{"blackListEmail":true}`, "Content-Type", "application/json")
		if err != nil || r.status != http.StatusOK {
			s.t.Fatalf("opt-out of %s: %d %s %v", id, r.status, r.body, err)
		}
	}
}

// optOutDifferences names the people among those given whose opt-out does not stand on both sides.
func (s *systems) optOutDifferences(people []string) []string {
	s.t.Helper()
	out := map[string]any{}
	for _, row := range s.rows("contacts?$select=donotbulkemail") {
		out[row["contactid"].(string)] = row["donotbulkemail"]
	}
	profiles := s.profiles()
	var differ []string
	for _, id := range people {
		if out[id] != true || profiles[id]["blackListEmail"] != true {
			differ = append(differ, id)
		}
	}
	return differ
}
