package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/bus/embedded"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

// rig is a whole admin service on a real bus, and somebody beside it who can speak on that bus as a workflow service
// would.
type rig struct {
	t       *testing.T
	url     string
	conn    *bus.Conn
	nats    bus.Options
	control *bus.Control
	stop    func() error
}

// start runs the service; change may alter its configuration first. It ends with the test, and must end cleanly.
func start(t *testing.T, change func(*admin.Config)) *rig {
	t.Helper()
	t.Parallel()
	return launch(t, bustest.Server(t, ""), change)
}

// launch runs the service on a server that is there already.
func launch(t *testing.T, server *embedded.Server, change func(*admin.Config)) *rig {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := admin.Config{
		Listener: listener, InstanceName: "Test <b>instance</b>", Version: "1.2.3",
		NATS: bus.Options{InProcess: server.InProcess()}, Log: zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)),
	}
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- admin.Run(ctx, cfg) }()
	r := &rig{t: t, url: "http://" + listener.Addr().String(), nats: cfg.NATS}
	stopped := false
	r.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(time.Minute):
			t.Error("Run did not return")
			return nil
		}
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	r.get("/api/v1/workflows") // Answers as soon as the service is up.
	r.conn = bustest.Connect(t, server)
	r.joinControl()
	return r
}

// joinControl opens a control plane of the test's own.
func (r *rig) joinControl() {
	control, err := bus.NewControl(r.conn)
	if err != nil {
		r.t.Fatal(err)
	}
	// A router without handlers does not run.
	control.OnCommand("", func(workflow.Command) {})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- control.Run(ctx) }()
	r.t.Cleanup(func() { cancel(); <-done })
	<-control.Running()
	r.control = control
}

// beat says something as an instance of ingress.
func (r *rig) beat(change func(*workflow.Heartbeat)) {
	r.t.Helper()
	now := time.Now()
	hb := workflow.Heartbeat{Workflow: workflow.Ingress, Instance: "one", Role: workflow.Active, Status: workflow.Running,
		Since: now, StartedAt: now.Add(-time.Minute), At: now, Version: "1.2.3"}
	if change != nil {
		change(&hb)
	}
	if err := r.control.PublishHeartbeat(hb); err != nil {
		r.t.Fatal(err)
	}
}

// answer is a response with its body.
type answer struct {
	*http.Response
	body []byte
}

func (a answer) text() string { return string(a.body) }

// into decodes a JSON body.
func into[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%d %s: %v", a.StatusCode, a.body, err)
	}
	return v
}

// do sends a request; headers come as pairs. Redirects are not followed.
func (r *rig) do(method, path, body string, headers ...string) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{resp, data}
}

func (r *rig) get(path string, headers ...string) answer {
	r.t.Helper()
	return r.do(http.MethodGet, path, "", headers...)
}

// want sends a request and fails the test on another status.
func (r *rig) want(status int, method, path, body string, headers ...string) answer {
	r.t.Helper()
	a := r.do(method, path, body, headers...)
	if a.StatusCode != status {
		r.t.Fatalf("%s %s: %d %s, want %d", method, path, a.StatusCode, bytes.TrimSpace(a.body), status)
	}
	return a
}

// until follows the live stream until a workflow's view passes, and returns it.
func (r *rig) until(what string, id workflow.ID, pass func(workflow.View) bool) workflow.View {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	var last workflow.View
	for list := range r.follow(ctx) {
		for _, v := range list.Workflows {
			if v.ID != id {
				continue
			}
			if last = v; pass(v) {
				return v
			}
		}
	}
	r.t.Fatalf("never seen: %s; last: %+v", what, last)
	return last
}

// follow yields the lists of the live stream until it ends.
func (r *rig) follow(ctx context.Context) func(func(backend.WorkflowList) bool) {
	return func(yield func(backend.WorkflowList) bool) {
		for e := range r.events(ctx, "/api/v1/live") {
			if e.name != "workflows" {
				r.t.Errorf("an event %q came", e.name)
			}
			var list backend.WorkflowList
			if err := json.Unmarshal([]byte(e.data), &list); err != nil {
				r.t.Errorf("event: %v", err)
			}
			if !yield(list) {
				return
			}
		}
	}
}
