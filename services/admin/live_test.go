package admin_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// TestLiveTellsEveryChange and is never silent for longer than two seconds.
func TestLiveTellsEveryChange(t *testing.T) {
	r := start(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	steps := []struct {
		name string
		do   func()
		seen func(workflow.View) bool
	}{
		{"the first list", func() {}, func(workflow.View) bool { return true }},
		{"a start", func() { r.want(http.StatusAccepted, "POST", "/api/v1/workflows/ingress/start", "") },
			func(v workflow.View) bool { return v.Desired == workflow.DesiredRunning }},
		{"a heartbeat", func() { r.beat(nil) }, func(v workflow.View) bool { return v.Status == workflow.Running }},
		{"a failure", func() {
			r.beat(func(hb *workflow.Heartbeat) { hb.Status, hb.Reason = workflow.Failed, "no such table" })
		}, func(v workflow.View) bool { return v.Status == workflow.Failed && v.Reason == "no such table" }},
		{"a record in the queue", func() {
			if _, err := r.conn.JetStream().Publish(ctx, bus.RecordsSubject(workflow.Ingress, "contact"), []byte("{}")); err != nil {
				t.Error(err)
			}
		}, func(v workflow.View) bool { return v.Backlog == 1 && v.BacklogDetail.Pending == 1 }},
	}
	next, last := 0, time.Now()
	for list := range r.follow(ctx) {
		if gap := time.Since(last); gap > 10*time.Second {
			t.Errorf("silent for %s", gap)
		}
		last = time.Now()
		if !steps[next].seen(list.Workflows[0]) {
			continue
		}
		if next++; next == len(steps) {
			return
		}
		steps[next].do()
	}
	t.Fatalf("the stream ended before %s", steps[next].name)
}

func TestSilenceIsHeard(t *testing.T) {
	r := start(t, nil)
	r.want(http.StatusAccepted, "POST", "/api/v1/workflows/ingress/start", "")
	r.beat(nil)
	r.until("running", workflow.Ingress, func(v workflow.View) bool { return v.Status == workflow.Running })
	v := r.until("the silence", workflow.Ingress, func(v workflow.View) bool { return v.Status == workflow.Failed })
	if !strings.HasPrefix(v.Reason, "no heartbeat since ") || !v.Actions.Start.Enabled || !v.Actions.Stop.Enabled {
		t.Errorf("%+v", v)
	}
}

// TestHostileHeartbeats: anybody on the bus can publish one.
func TestHostileHeartbeats(t *testing.T) {
	r := start(t, nil)
	for _, payload := range []string{"", "null", "{", `{"workflow":"nope","instance":"x"}`, `{"workflow":"ingress"}`, `[]`,
		`{"workflow":"ingress","instance":"x","role":"active","status":"DANCING"}`, `{"workflow":"ingress","instance":"x","role":"king","status":"RUNNING"}`} {
		if err := r.conn.NATS().Publish(bus.HeartbeatSubject(workflow.Ingress, "x"), []byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	r.beat(func(hb *workflow.Heartbeat) {
		hb.Instance, hb.Reason = "<script>one</script>", `"><script>alert(1)</script>`
	})
	v := r.until("the good one", workflow.Ingress, func(v workflow.View) bool { return len(v.Instances) > 0 })
	if len(v.Instances) != 1 {
		t.Errorf("%+v", v.Instances)
	}
	a := r.get("/")
	if page := parse(t, a); len(page.all("script")) != 1 || !strings.Contains(page.one("tr", "id", "row-ingress").text(), "<script>alert(1)</script>") {
		t.Error("the reason was not shown as text")
	}
}

// TestRowsStream sends the same rows as the page has.
func TestRowsStream(t *testing.T) {
	r := start(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for e := range r.events(ctx, "/live") {
		if e.name != "rows" {
			t.Fatalf("event %q", e.name)
		}
		root, err := html.Parse(strings.NewReader("<table>" + e.data + "</table>"))
		if err != nil {
			t.Fatal(err)
		}
		live, page := node{t, root}.one("tbody"), parse(t, r.get("/")).one("tbody")
		if live.text() != page.text() {
			t.Errorf("live %q\npage %q", live.text(), page.text())
		}
		return
	}
	t.Fatal("no event came")
}

// TestFirstStepsComeLate: what is not connected is known when a service has spoken, and a page that is open by then shows it too.
func TestFirstStepsComeLate(t *testing.T) {
	r := start(t, nil)
	if strings.Contains(r.get("/").text(), "First steps") {
		t.Fatal("they are there before anybody has spoken")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	spoken := false
	for e := range r.events(ctx, "/live") {
		switch {
		case e.name != "first":
		case !spoken && strings.TrimSpace(e.data) != "":
			t.Fatalf("nobody has spoken: %q", e.data)
		case !spoken:
			spoken = true
			r.beat(func(hb *workflow.Heartbeat) {
				hb.Connections = map[string]workflow.ConnectionUse{"dynamics": {}, "campaign": {}}
			})
		case strings.Contains(e.data, "First steps"):
			return
		}
	}
	t.Fatal("they never came")
}

// TestShutdownEndsStreams: an open page does not keep the service from stopping.
func TestShutdownEndsStreams(t *testing.T) {
	r := start(t, nil)
	for _, path := range []string{"/live", "/api/v1/live"} {
		begun, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			first := true
			for range r.events(context.WithoutCancel(t.Context()), path) {
				if first {
					close(begun)
					first = false
				}
			}
		}()
		<-begun
		t.Cleanup(func() { <-ended })
	}
	stopping := time.Now()
	if err := r.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if took := time.Since(stopping); took > 10*time.Second {
		t.Errorf("stopping took %s", took)
	}
}

func TestOpenAPI(t *testing.T) {
	r := start(t, nil)
	a := r.want(http.StatusOK, "GET", "/openapi.json", "")
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			Responses map[string]struct {
				Content map[string]any `json:"content"`
			} `json:"responses"`
		} `json:"paths"`
		Components struct {
			Schemas map[string]any `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(a.body, &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("openapi %s", doc.OpenAPI)
	}
	for path, methods := range map[string][]string{
		"/api/v1/workflows": {"get"}, "/api/v1/workflows/{id}": {"get"}, "/api/v1/workflows/{id}/start": {"post"}, "/api/v1/workflows/{id}/stop": {"post"},
		"/api/v1/workflows/{id}/config": {"get", "put"}, "/api/v1/workflows/{id}/config/revisions": {"get"}, "/api/v1/commands": {"get"}, "/api/v1/live": {"get"},
	} {
		for _, method := range methods {
			op, ok := doc.Paths[path][method]
			if !ok {
				t.Errorf("%s %s is not described", method, path)
			}
			if _, ok := op.Responses["500"].Content["application/problem+json"]; !ok {
				t.Errorf("%s %s does not describe its problems", method, path)
			}
		}
	}
	for _, schema := range []string{"View", "IngressDoc", "EgressDoc", "OptInOutDoc", "Problem", "Command"} {
		if doc.Components.Schemas[schema] == nil {
			t.Errorf("no schema %s", schema)
		}
	}
}
