package containers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

var workflows = []workflow.ID{workflow.Ingress, workflow.Egress, workflow.OptInOut}

// cli runs the real NATS CLI as the operator.
func (in *installation) cli(args ...string) (string, error) {
	secret := func(name string) string { return filepath.Join(in.folder, "secrets", name) }
	home := "XDG_CONFIG_HOME=" + in.t.TempDir()
	return run([]string{home, "NATS_URL=", "NATS_CONTEXT=", "NO_COLOR=1"}, filepath.Join(top, "bin", "nats"),
		append([]string{"--server", "tls://" + in.nats, "--nkey", secret("operator.nk"), "--tlsca", secret("ca.pem"), "--inbox-prefix", "_INBOX_operator", "--timeout", "15s"}, args...)...)
}

// request puts a request to the NATS API and decodes the answer.
func (in *installation) request(into any, subject, body string) {
	in.t.Helper()
	out, err := in.cli("request", "--raw", subject, body)
	if err != nil {
		in.t.Fatal(err)
	}
	var problem struct {
		Status any
		Detail string
	}
	if json.Unmarshal([]byte(out), &problem) == nil && problem.Detail != "" {
		in.t.Fatalf("%s: %s", subject, out)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(out), into); err != nil {
			in.t.Fatalf("%s: %v in %s", subject, err, out)
		}
	}
}

// configure edits a stored configuration over the NATS API.
func (in *installation) configure(id workflow.ID, edit func(map[string]any)) {
	in.t.Helper()
	var stored struct {
		Revision uint64         `json:"revision"`
		Document map[string]any `json:"document"`
	}
	subject := fmt.Sprintf("causeway.api.workflows.%s.config", id)
	in.request(&stored, subject, "")
	edit(stored.Document)
	body, err := json.Marshal(stored)
	if err != nil {
		in.t.Fatal(err)
	}
	in.request(nil, subject, string(body))
}

// configureAll chooses what egress and optinout are to do.
func (in *installation) configureAll() {
	in.t.Helper()
	in.configure(workflow.Egress, func(doc map[string]any) {
		doc["events"] = map[string]any{"send": true, "open": true, "click": true, "bounce": true}
	})
	in.configure(workflow.OptInOut, func(doc map[string]any) {
		doc["direction"], doc["mappings"] = "bidirectional", []any{map[string]any{"column": "donotbulkemail", "field": "blackListEmail"}}
	})
}

func (in *installation) start(id workflow.ID) {
	in.t.Helper()
	in.request(nil, fmt.Sprintf("causeway.api.workflows.%s.start", id), "")
}

// up starts every container, and returns when the simulated systems are connected.
func (in *installation) up() {
	in.t.Helper()
	in.compose("up", "-d")
	in.until(patience, "the sandbox is connected", func() bool {
		return docker(in.t, "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", in.container("sandbox-connect")) == "exited 0"
	})
}

// work brings an installation from nothing to three workflows that run, and both sides to the same.
func (in *installation) work() {
	in.t.Helper()
	in.up()
	in.configureAll()
	for _, id := range workflows {
		in.start(id)
	}
	in.until(patience, "three workflows run", in.allRun)
	in.equal(patience)
}

// view asks over HTTP, as a machine that may look; ok is false where nobody answers.
func (in *installation) view(id workflow.ID) (v workflow.View, ok bool) {
	in.t.Helper()
	r, err := ask(http.MethodGet, "http://"+in.page+"/api/v1/workflows/"+string(id), "", "Authorization", "Bearer "+in.machine)
	if err != nil || r.status != http.StatusOK {
		return v, false
	}
	if err := json.Unmarshal(r.body, &v); err != nil {
		in.t.Fatalf("%v in %s", err, r.body)
	}
	return v, true
}

func (in *installation) is(id workflow.ID, status workflow.Status) bool {
	v, ok := in.view(id)
	return ok && v.Status == status
}

// allRun reports whether every workflow works, by the admin service's own word.
func (in *installation) allRun() bool {
	for _, id := range workflows {
		if v, ok := in.view(id); !ok || v.Status != workflow.Running || strings.Contains(v.Reason, "NATS") || strings.Contains(v.Reason, "retrying") {
			return false
		}
	}
	return true
}

// equal waits until both sides hold the same.
func (in *installation) equal(limit time.Duration) {
	in.t.Helper()
	var last []string
	defer func() {
		if len(last) > 0 {
			in.t.Logf("differences: %q", last)
		}
	}()
	in.until(limit, "both sides are equal", func() bool { last = in.differences(); return len(last) == 0 })
}

// report is what the workflows say of themselves.
func (in *installation) report() string {
	var text strings.Builder
	for _, id := range workflows {
		v, ok := in.view(id)
		fmt.Fprintf(&text, "%s: answered %t, %s %q, backlog %d, failures %d\n", id, ok, v.Status, v.Reason, v.Backlog, v.Failures)
	}
	return text.String()
}
