package admin_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// ask sends a NATS request.
func (r *rig) ask(subject, body string) *nats.Msg {
	r.t.Helper()
	msg, err := r.conn.NATS().Request(subject, []byte(body), 5*time.Second)
	if err != nil {
		r.t.Fatalf("%s: %v", subject, err)
	}
	return msg
}

func decoded[T any](t *testing.T, msg *nats.Msg) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(msg.Data, &v); err != nil {
		t.Fatalf("%s: %v", msg.Data, err)
	}
	return v
}

// TestNATSAnswersLikeHTTP goes once round over NATS.
func TestNATSAnswersLikeHTTP(t *testing.T) {
	r := start(t, nil)
	const root = "causeway.api.workflows"
	if got := decoded[backend.WorkflowList](t, r.ask(root, "")); len(got.Workflows) != 3 || got.Workflows[0].ID != workflow.Ingress {
		t.Errorf("list %+v", got)
	}
	if got := decoded[workflow.Command](t, r.ask(root+".ingress.start", "")); got.Verb != workflow.Start || got.Via != "nats" || got.Seq == 0 {
		t.Errorf("start %+v", got)
	}
	over, direct := into[workflow.View](t, r.get("/api/v1/workflows/ingress")), decoded[workflow.View](t, r.ask(root+".ingress", ""))
	if direct.Desired != workflow.DesiredRunning || direct.Status != over.Status || direct.Reason != over.Reason || !direct.Since.Equal(over.Since) {
		t.Errorf("over NATS %+v, over HTTP %+v", direct, over)
	}
	if got := decoded[workflow.Command](t, r.ask(root+".ingress.stop", "")); got.Verb != workflow.Stop {
		t.Errorf("stop %+v", got)
	}

	cfg := decoded[backend.Configuration](t, r.ask(root+".optinout.config", ""))
	if cfg.Revision == 0 || len(cfg.Document) == 0 {
		t.Fatalf("config %+v", cfg)
	}
	put := fmt.Sprintf(`{"revision":%d,"document":{"direction":"bidirectional","mappings":[{"column":"donotemail","field":"blackListEmail"}]}}`, cfg.Revision)
	next := decoded[backend.Configuration](t, r.ask(root+".optinout.config", put))
	if next.Revision <= cfg.Revision {
		t.Errorf("stored as %+v", next)
	}
	if got := r.ask(root+".optinout.config", put).Header.Get(micro.ErrorCodeHeader); got != "412" {
		t.Errorf("a stale put: %q", got)
	}
}

func TestNATSProblems(t *testing.T) {
	r := start(t, nil)
	for _, tc := range []struct{ subject, body, code string }{
		{"nope", "", "404"},
		{"nope.start", "", "404"},
		{"ingress.stop", "", "409"},
		{"optinout.start", "", "409"},
		{"ingress.config", "{", "422"},
		{"ingress.config", `{"document":{}}`, "422"},
		{"ingress.config", `{"revision":1,"document":{},"force":true}`, "422"},
		{"ingress.config", `{"revision":999,"document":{"mappings":[]}}`, "412"},
	} {
		msg := r.ask("causeway.api.workflows."+tc.subject, tc.body)
		p := decoded[problems.Problem](t, msg)
		if got := msg.Header.Get(micro.ErrorCodeHeader); got != tc.code || fmt.Sprint(p.Status) != tc.code {
			t.Errorf("%s %s: code %q, body %+v, want %s", tc.subject, tc.body, got, p, tc.code)
		}
		if got := msg.Header.Get(micro.ErrorHeader); got == "" || got != p.Detail {
			t.Errorf("%s: error header %q, detail %q", tc.subject, got, p.Detail)
		}
	}
}

func TestMicroDiscovery(t *testing.T) {
	r := start(t, func(c *admin.Config) { c.Version = "some branch/2" })
	info := decoded[micro.Info](t, r.ask("$SRV.INFO.causeway", ""))
	if info.Version != "0.0.0-some-branch-2" || len(info.Endpoints) < 23 {
		t.Errorf("%+v", info)
	}
	r.ask("causeway.api.workflows.nope", "")
	stats := decoded[micro.Stats](t, r.ask("$SRV.STATS.causeway", ""))
	for _, e := range stats.Endpoints {
		if e.Name == "workflow" && (e.NumRequests != 1 || e.NumErrors != 1 || len(e.Data) == 0) {
			t.Errorf("%+v", e)
		}
	}
}
