package admin_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

func TestListShowsTheThreeInOrder(t *testing.T) {
	r := start(t, func(c *admin.Config) {
		c.Unavailable = map[workflow.ID]string{workflow.Egress: "not part of this version yet"}
	})
	a := r.want(http.StatusOK, "GET", "/api/v1/workflows", "")
	if got := a.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("content type %q", got)
	}
	list := into[backend.WorkflowList](t, a).Workflows
	var ids []workflow.ID
	for _, v := range list {
		ids = append(ids, v.ID)
		if v.Status != workflow.Stopped || v.Desired != workflow.DesiredStopped || v.Since.IsZero() {
			t.Errorf("%s: %s, desired %s, since %v", v.ID, v.Status, v.Desired, v.Since)
		}
	}
	if !slices.Equal(ids, workflow.All()) {
		t.Fatalf("order %v", ids)
	}
	if !list[0].Actions.Start.Enabled || !list[0].Actions.Edit.Enabled {
		t.Errorf("ingress cannot be started: %+v", list[0].Actions)
	}
	if got := list[1].Actions.Start; got.Enabled || got.Reason != "not part of this version yet" {
		t.Errorf("egress start: %+v", got)
	}
	if got := list[2].Actions.Start; got.Enabled || !strings.Contains(got.Reason, "disabled") {
		t.Errorf("opt-in/out start: %+v", got)
	}
	for _, field := range []string{`"instances":[]`, `"pendingChanges":[]`, `"backlogDetail":{"pending":0,"inFlight":0,"parked":0}`, `"desired":"stopped"`} {
		if !strings.Contains(a.text(), field) {
			t.Errorf("%s is missing in %s", field, a.text())
		}
	}
}

// TestStartAndStop goes once round: each answer shows the command that was just given.
func TestStartAndStop(t *testing.T) {
	r := start(t, nil)
	a := r.want(http.StatusAccepted, "POST", "/api/v1/workflows/ingress/start", "", "X-User", "anna") // Nobody has signed her in.
	cmd := into[workflow.Command](t, a)
	if cmd.Verb != workflow.Start || cmd.Seq == 0 || cmd.By != "127.0.0.1" || cmd.Via != "http" || cmd.At.IsZero() {
		t.Errorf("command %+v", cmd)
	}
	v := into[workflow.View](t, r.want(http.StatusOK, "GET", "/api/v1/workflows/ingress", ""))
	if v.Desired != workflow.DesiredRunning || v.Status != workflow.Starting || v.Reason == "" || v.Actions.Start.Reason != "already started" || !v.Actions.Stop.Enabled {
		t.Errorf("after start: %+v", v)
	}
	p := into[problems.Problem](t, r.want(http.StatusConflict, "POST", "/api/v1/workflows/ingress/start", ""))
	if p.Detail != "already started" || p.Status != http.StatusConflict {
		t.Errorf("second start: %+v", p)
	}

	r.beat(nil)
	r.until("the heartbeat", workflow.Ingress, func(v workflow.View) bool { return v.Status == workflow.Running })

	r.want(http.StatusAccepted, "POST", "/api/v1/workflows/ingress/stop", "")
	v = into[workflow.View](t, r.want(http.StatusOK, "GET", "/api/v1/workflows/ingress", ""))
	if v.Desired != workflow.DesiredStopped || v.Status != workflow.Running || v.Reason == "" {
		t.Errorf("what is observed was replaced by what is desired: %+v", v)
	}
	r.want(http.StatusConflict, "POST", "/api/v1/workflows/ingress/stop", "")
	log := into[backend.CommandList](t, r.want(http.StatusOK, "GET", "/api/v1/commands", "")).Commands
	if len(log) != 2 || log[0].Verb != workflow.Stop || log[1].Verb != workflow.Start || log[0].By != "127.0.0.1" {
		t.Errorf("log %+v", log)
	}
	if got := into[backend.CommandList](t, r.want(http.StatusOK, "GET", "/api/v1/commands?limit=1", "")).Commands; len(got) != 1 {
		t.Errorf("limit 1: %+v", got)
	}
}

func TestBareCommandIsSeen(t *testing.T) {
	r := start(t, nil)
	if err := r.conn.NATS().Publish(bus.CommandSubject(workflow.Ingress, workflow.Start), nil); err != nil {
		t.Fatal(err)
	}
	r.until("the start", workflow.Ingress, func(v workflow.View) bool { return v.Desired == workflow.DesiredRunning })
	log := into[backend.CommandList](t, r.get("/api/v1/commands")).Commands
	if len(log) != 1 || log[0].By != "unknown" {
		t.Errorf("log %+v", log)
	}
}

// TestProblems asks for what cannot be done. Every answer is a problem with a sentence that helps.
func TestProblems(t *testing.T) {
	r := start(t, nil)
	tag := r.get("/api/v1/workflows/ingress/config").Header.Get("ETag")
	big := strings.Repeat(" ", 1<<20+1)
	for _, tc := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		says                     string
	}{
		{"unknown workflow", "GET", "/api/v1/workflows/nope", "", nil, 404, "ingress, egress or optinout"},
		{"start of an unknown workflow", "POST", "/api/v1/workflows/nope/start", "", nil, 404, "nope"},
		{"script in a name", "GET", "/api/v1/workflows/%3Cscript%3E", "", nil, 404, "there is no workflow"},
		{"start without a direction", "POST", "/api/v1/workflows/optinout/start", "", nil, 409, "choose a direction"},
		{"stop of a stopped one", "POST", "/api/v1/workflows/ingress/stop", "", nil, 409, "already stopped"},
		{"unknown path", "GET", "/api/v1/workflow", "", nil, 404, "openapi.json"},
		{"wrong method", "DELETE", "/api/v1/workflows/ingress", "", nil, 405, "GET"},
		{"limit too large", "GET", "/api/v1/commands?limit=100000", "", nil, 422, ""},
		{"limit not a number", "GET", "/api/v1/commands?limit=x", "", nil, 422, ""},
		{"no If-Match", "PUT", "/api/v1/workflows/ingress/config", "{}", nil, 428, "ETag"},
		{"If-Match nonsense", "PUT", "/api/v1/workflows/ingress/config", "{}", []string{"If-Match", `"x"`}, 400, "ETag"},
		{"stale", "PUT", "/api/v1/workflows/ingress/config", `{"mappings":[]}`, []string{"If-Match", `"999"`}, 412, "999"},
		{"not JSON", "PUT", "/api/v1/workflows/ingress/config", `{"mappings":[`, []string{"If-Match", tag}, 422, "fault"},
		{"two documents", "PUT", "/api/v1/workflows/ingress/config", `{"mappings":[]}{}`, []string{"If-Match", tag}, 422, "fault"},
		{"unknown setting", "PUT", "/api/v1/workflows/ingress/config", `{"mapings":[]}`, []string{"If-Match", tag}, 422, "fault"},
		{"too large", "PUT", "/api/v1/workflows/ingress/config", big, []string{"If-Match", tag}, 413, ""},
		{"too large, in pieces", "PUT", "/api/v1/workflows/ingress/config", big, []string{"If-Match", tag, "Transfer-Encoding", "chunked"}, 413, ""},
		{"another web site", "POST", "/api/v1/workflows/ingress/start", "", []string{"Sec-Fetch-Site", "cross-site"}, 403, "another web site"},
		{"another origin", "POST", "/api/v1/workflows/ingress/start", "", []string{"Origin", "https://evil.example"}, 403, "another web site"},
		{"a name that was rebound", "GET", "/api/v1/workflows", "", []string{"Host", "evil.example:8080"}, 421, "host name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := &rig{t: t, url: r.url}
			a := r.want(tc.status, tc.method, tc.path, tc.body, tc.headers...)
			if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("content type %q", got)
			}
			p := into[problems.Problem](t, a)
			if p.Status != tc.status || p.Title == "" || p.Detail == "" || !strings.Contains(p.Detail, tc.says) {
				t.Errorf("problem %+v", p)
			}
			if strings.Contains(a.text(), "<script>") {
				t.Errorf("a script came back: %s", a.text())
			}
		})
	}
	if allow := r.do("DELETE", "/api/v1/workflows/ingress/config", "").Header.Get("Allow"); allow != "GET, PUT" {
		t.Errorf("Allow: %q", allow)
	}
	if log := into[backend.CommandList](t, r.get("/api/v1/commands")).Commands; len(log) != 0 {
		t.Errorf("something was commanded all the same: %+v", log)
	}
}

func TestConfigRoundTrip(t *testing.T) {
	r := start(t, nil)
	path := "/api/v1/workflows/ingress/config"
	a := r.want(http.StatusOK, "GET", path, "")
	first := a.Header.Get("ETag")
	if !strings.HasPrefix(first, `"`) || !strings.Contains(a.text(), `"table": "contact"`) {
		t.Fatalf("%s %s", first, a.text())
	}

	// The same document again is no new revision.
	if got := r.want(http.StatusOK, "PUT", path, a.text(), "If-Match", first).Header.Get("ETag"); got != first {
		t.Errorf("unchanged, and yet the revision went from %s to %s", first, got)
	}
	edited := strings.Replace(a.text(), `"applyDeletes": true`, `"applyDeletes": false`, 1)
	b := r.want(http.StatusOK, "PUT", path, edited, "If-Match", first)
	second := b.Header.Get("ETag")
	if second == first || b.text() != edited {
		t.Fatalf("%s: %s", second, b.text())
	}
	r.want(http.StatusPreconditionFailed, "PUT", path, a.text(), "If-Match", first)

	revisions := into[backend.RevisionList](t, r.want(http.StatusOK, "GET", path+"/revisions", "")).Revisions
	want := "mappings[contact].applyDeletes changed from true to false"
	if len(revisions) != 2 || revisions[0].By != "127.0.0.1" || etagOf(revisions[0].Number) != second || !slices.Equal(revisions[0].Changes, []string{want}) ||
		revisions[0].At.IsZero() || len(revisions[1].Changes) != 0 {
		t.Errorf("revisions %+v", revisions)
	}
	log := into[backend.CommandList](t, r.get("/api/v1/commands")).Commands
	if len(log) != 1 || log[0].Verb != workflow.ConfigChanged || log[0].Note != want || log[0].By != "127.0.0.1" {
		t.Errorf("log %+v", log)
	}
	if v := into[workflow.View](t, r.get("/api/v1/workflows/ingress")); etagOf(v.ConfigRevision.Latest) != second {
		t.Errorf("the view does not show the edit: %+v", v.ConfigRevision)
	}
	// A star stands for whatever is stored.
	r.want(http.StatusOK, "PUT", path, a.text(), "If-Match", "*")
}

func etagOf(revision uint64) string { return fmt.Sprintf("%q", fmt.Sprint(revision)) }

func TestEveryFaultAtOnce(t *testing.T) {
	r := start(t, nil)
	path := "/api/v1/workflows/ingress/config"
	tag := r.get(path).Header.Get("ETag")
	body := `{"mappings":[
		{"table":"contact","resource":"cusOther","key":{"column":"contactid","field":"externalId"},"fields":[{"column":"a","field":"b"}],"filters":{"operator":"and"}},
		{"table":"Bad Table","resource":"","key":{"column":"x","field":"y"},"fields":[],"filters":{"operator":"nor"}}]}`
	p := into[problems.Problem](t, r.want(http.StatusUnprocessableEntity, "PUT", path, body, "If-Match", tag))
	var places []string
	for _, e := range p.Errors {
		places = append(places, e.Location)
		if e.Message == "" || e.Fix == "" {
			t.Errorf("%+v says too little", e)
		}
	}
	want := []string{"mappings[1].table", "mappings[1].resource", "mappings[1].fields", "mappings[1].filters.operator", "mappings[0].resource"}
	if !slices.Equal(places, want) {
		t.Errorf("faults at %v, want %v", places, want)
	}
	// What is immutable is compared with what is stored.
	body = `{"mappings":[{"table":"contact","resource":"cusOther","key":{"column":"emailaddress1","field":"email"},"fields":[{"column":"a","field":"b"}],"filters":{"operator":"and"}}]}`
	p = into[problems.Problem](t, r.want(http.StatusUnprocessableEntity, "PUT", path, body, "If-Match", tag))
	if len(p.Errors) != 2 || p.Errors[0].Location != "mappings[0].resource" || p.Errors[1].Location != "mappings[0].key" {
		t.Errorf("%+v", p.Errors)
	}
	// Once it was removed, it may come back in another shape.
	next := r.want(http.StatusOK, "PUT", path, `{"mappings":[]}`, "If-Match", tag).Header.Get("ETag")
	if got := into[workflow.View](t, r.get("/api/v1/workflows/ingress")).Actions.Start; got.Enabled || !strings.Contains(got.Reason, "no table is mapped") {
		t.Errorf("start with nothing mapped: %+v", got)
	}
	r.want(http.StatusOK, "PUT", path, body, "If-Match", next)
}

// TestRestartRequired edits a running workflow: the change is listed until the instance runs on it.
func TestRestartRequired(t *testing.T) {
	r := start(t, nil)
	path := "/api/v1/workflows/ingress/config"
	a := r.get(path)
	v := into[workflow.View](t, r.get("/api/v1/workflows/ingress"))
	r.want(http.StatusAccepted, "POST", "/api/v1/workflows/ingress/start", "")
	runs := func(revision uint64) {
		r.beat(func(hb *workflow.Heartbeat) { hb.ConfigRevision = revision })
		r.until("running", workflow.Ingress, func(v workflow.View) bool { return v.ConfigRevision.Running == revision })
	}
	runs(v.ConfigRevision.Latest)
	edited := strings.Replace(a.text(), `"applyDeletes": true`, `"applyDeletes": false`, 1)
	r.want(http.StatusOK, "PUT", path, edited, "If-Match", a.Header.Get("ETag"))
	v = into[workflow.View](t, r.get("/api/v1/workflows/ingress"))
	if !v.RestartRequired || !slices.Equal(v.PendingChanges, []string{"mappings[contact].applyDeletes changed from true to false"}) {
		t.Errorf("pending: %v %v", v.RestartRequired, v.PendingChanges)
	}
	runs(v.ConfigRevision.Latest)
	v = into[workflow.View](t, r.get("/api/v1/workflows/ingress"))
	if v.RestartRequired || len(v.PendingChanges) != 0 {
		t.Errorf("still pending: %v", v.PendingChanges)
	}
}
