package e2e

import (
	"encoding/json"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/deploy/internal/truth"
)

// TestEventsReachTheTimeline goes the way of the README: switch the events on, start, let something happen in Campaign,
// and look at the contact in Dynamics.
func TestEventsReachTheTimeline(t *testing.T) {
	in := newStandalone(t, 500)
	cli := in.cli()

	out, headers := cli.run("request", "causeway.api.workflows.egress.start", "")
	if !strings.Contains(headers, "Nats-Service-Error-Code: 409") || !strings.Contains(out, "no event type is chosen") {
		t.Errorf("a start without events: %s %s", headers, out)
	}
	in.switchEventsOn()
	var command struct{ Workflow, Verb string }
	cli.request(&command, "causeway.api.workflows.egress.start")
	if command.Workflow != "egress" || command.Verb != "start" {
		t.Errorf("start answers %+v", command)
	}
	in.until(patience, "egress runs", func() bool { return in.workflow("egress").Status == "RUNNING" })

	var done struct{ Unknown, Written int }
	in.sandboxEvents(&done, `{"count":3000,"types":["send","open","click","bounce"],"duplicates":0.1,"disorder":true,"unknownContacts":0.02}`)
	took := in.until(patience, "every event of a known contact is an activity", func() bool { return in.timelineDifferences() == nil })
	t.Logf("%d entries of the journal took %s", done.Written, took.Round(time.Millisecond))
	in.until(patience, "the others wait", func() bool { return in.workflow("egress").Backlog == done.Unknown })

	var singles []time.Duration
	for range 5 {
		in.sandboxEvents(&done, `{"count":1,"types":["click"]}`)
		singles = append(singles, in.until(patience, "one more click", func() bool { return in.timelineDifferences() == nil }))
	}
	slices.Sort(singles)
	t.Logf("a single event took %s", singles)
	if median := singles[len(singles)/2]; median > 2*time.Second { // One may meet a pause of the machine.
		t.Errorf("a single event took %s", median)
	}

	in.gap()
	in.Stop()
}

// gap lets events expire while the workflow is stopped: what was missed is said on the page and in the API.
func (in *installation) gap() {
	in.t.Helper()
	in.order("egress", "stop")
	in.until(patience, "egress is stopped", func() bool { return in.workflow("egress").Status == "STOPPED" })
	var ignored struct{}
	in.sandboxEvents(&ignored, `{"count":50}`)
	if r, err := ask(http.MethodDelete, in.campaign+"/_sandbox/events", ""); err != nil || r.status != http.StatusNoContent {
		in.t.Fatalf("expire: %d %v", r.status, err)
	}
	in.order("egress", "start")
	in.until(patience, "the API tells the gap", func() bool {
		r, err := ask(http.MethodGet, in.admin+"/api/v1/workflows/egress", "")
		var v struct {
			Gaps []struct{ From, To time.Time }
		}
		return err == nil && json.Unmarshal(r.body, &v) == nil && len(v.Gaps) == 1 && !v.Gaps[0].From.IsZero() && v.Gaps[0].To.After(v.Gaps[0].From)
	})
	if _, page := probe(in.admin + "/"); !strings.Contains(page, "Missed in journal from ") {
		in.t.Error("the page does not tell what was missed")
	}
}

// order posts start or stop for a workflow and wants it accepted.
func (in *installation) order(workflow, verb string) {
	in.t.Helper()
	r, err := ask(http.MethodPost, in.admin+"/api/v1/workflows/"+workflow+"/"+verb, "")
	if err != nil || r.status != http.StatusAccepted {
		in.t.Fatalf("%s %s: %d %s %v\n%s", verb, workflow, r.status, r.body, err, in.report())
	}
}

// switchEventsOn stores a configuration with all types of events.
func (in *installation) switchEventsOn() {
	in.t.Helper()
	r, err := ask(http.MethodGet, in.admin+"/api/v1/workflows/egress/config", "")
	if err != nil || r.status != http.StatusOK {
		in.t.Fatalf("configuration: %d %v", r.status, err)
	}
	var document map[string]any
	if err := json.Unmarshal(r.body, &document); err != nil {
		in.t.Fatal(err)
	}
	document["events"] = map[string]bool{"send": true, "open": true, "click": true, "bounce": true}
	text, err := json.Marshal(document)
	if err != nil {
		in.t.Fatal(err)
	}
	stored, err := ask(http.MethodPut, in.admin+"/api/v1/workflows/egress/config", string(text), "If-Match", r.header.Get("ETag"), "Content-Type", "application/json")
	if err != nil || stored.status != http.StatusOK {
		in.t.Fatalf("configure: %d %s %v", stored.status, stored.body, err)
	}
}

// sandboxEvents appends to the simulated journal.
func (s *systems) sandboxEvents(done any, batch string) {
	s.t.Helper()
	r, err := ask(http.MethodPost, s.campaign+"/_sandbox/events", batch, "Content-Type", "application/json")
	if err == nil && r.status == http.StatusOK {
		err = json.Unmarshal(r.body, done)
	}
	if err != nil || r.status != http.StatusOK {
		s.t.Fatalf("events: %d %s %v", r.status, r.body, err)
	}
}

// timelineDifferences compares the sandbox's events with the activities that the Web API shows.
func (s *systems) timelineDifferences() []string {
	s.t.Helper()
	var emitted struct{ Events []truth.Event }
	r, err := ask(http.MethodGet, s.campaign+"/_sandbox/events", "")
	if err == nil {
		err = json.Unmarshal(r.body, &emitted)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return truth.TimelineDifferences(emitted.Events, func(table string) iter.Seq[map[string]any] { return slices.Values(s.rows(table + "s")) })
}

// rows reads every row of a table, page by page.
func (s *systems) rows(set string) []map[string]any {
	s.t.Helper()
	var rows []map[string]any
	for next := set; next != ""; {
		r := s.webAPI(http.MethodGet, next, "", "Prefer", "odata.maxpagesize=5000")
		var page struct {
			Value []map[string]any `json:"value"`
			Next  string           `json:"@odata.nextLink"`
		}
		if err := json.Unmarshal(r.body, &page); err != nil || r.status != http.StatusOK {
			s.t.Fatalf("%s: %d %s %v", set, r.status, r.body, err)
		}
		rows, next = append(rows, page.Value...), page.Next
	}
	return rows
}
