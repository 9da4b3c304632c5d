package ingress_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/bus/embedded"
	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/host"
	"github.com/causeway-sync/causeway/services/ingress"
)

// house is a real bus, both remote systems simulated over HTTP, and as many ingress services as a test starts.
type house struct {
	t        *testing.T
	server   *embedded.Server
	conn     *bus.Conn
	dynamics *dynamicstest.Server
	campaign *campaigntest.Server
	cfg      ingress.Config
	folder   string // for what was last written

	schema sync.RWMutex // held by every request, and by who changes tables and resources

	mu    sync.Mutex
	beats map[string]workflow.Heartbeat
}

func newHouse(t *testing.T, contacts int) *house {
	t.Helper()
	return sized(t, contacts, bus.Sizes{})
}

func sized(t *testing.T, contacts int, sizes bus.Sizes) *house {
	t.Helper()
	h := &house{t: t, server: bustest.Server(t, ""), beats: map[string]workflow.Heartbeat{},
		dynamics: dynamicstest.New(dynamicstest.Options{Tenant: "sandbox", ClientID: "causeway", ClientSecret: "causeway-sandbox"}),
		campaign: campaigntest.New(campaigntest.Options{})}
	h.folder = t.TempDir()
	h.conn = bustest.Connect(t, h.server)
	bustest.Provision(t, h.conn, sizes)
	h.dynamics.Seed(contacts, 1)
	d, c := httptest.NewServer(h.guarded(h.dynamics)), httptest.NewServer(h.guarded(h.campaign.Handler()))
	t.Cleanup(d.Close)
	t.Cleanup(c.Close)
	h.cfg = ingress.Config{
		Dynamics: dynamics.Config{URL: d.URL, TokenURL: d.URL + "/sandbox/oauth2/v2.0/token", Tenant: "sandbox", ClientID: "causeway", ClientSecret: "causeway-sandbox"},
		Campaign: campaign.Config{URL: c.URL + "/sandbox", TokenURL: c.URL + "/ims/token/v3", ClientID: "causeway", ClientSecret: "causeway-sandbox"},
		State:    h.folder,
		Tuning:   pump.Config{PollInterval: 50 * time.Millisecond},
	}
	h.listen()
	return h
}

// guarded lets no request be under way while the schema is changed.
func (h *house) guarded(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.schema.RLock()
		defer h.schema.RUnlock()
		handler.ServeHTTP(w, r)
	})
}

// alter changes the schema of either side.
func (h *house) alter(change func()) {
	h.schema.Lock()
	defer h.schema.Unlock()
	change()
}

// listen keeps the last heartbeat of each instance.
func (h *house) listen() {
	h.t.Helper()
	control, err := bus.NewControl(h.conn)
	if err != nil {
		h.t.Fatal(err)
	}
	control.OnHeartbeat(func(beat workflow.Heartbeat) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.beats[beat.Instance] = beat
	})
	h.background(control.Run)
	<-control.Running()
}

// background runs a part until the returned function is called or the test ends.
func (h *house) background(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("a part ended with %v", err)
		}
	})
	h.t.Cleanup(stop)
	return stop
}

// serve starts an ingress service.
func (h *house) serve(instance string) (stop func()) {
	cfg := h.cfg
	cfg.Host = host.Config{Instance: instance, NATS: bus.Options{InProcess: h.server.InProcess()}}
	return h.background(func(ctx context.Context) error { return ingress.Run(ctx, cfg) })
}

func (h *house) command(verb workflow.Verb) {
	h.t.Helper()
	if _, err := bus.NewCommands(h.conn).Send(h.context(), workflow.Command{Workflow: workflow.Ingress, Verb: verb, By: "test"}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	h.t.Cleanup(cancel)
	return ctx
}

func (h *house) beat(instance string) workflow.Heartbeat {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.beats[instance]
}

// until waits for a condition that other goroutines bring about.
func (h *house) until(what string, condition func() bool) {
	h.t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(30*time.Second + time.Duration(*records)*10*time.Millisecond)
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			h.mu.Lock()
			defer h.mu.Unlock()
			h.t.Fatalf("never: %s; heartbeats: %+v", what, h.beats)
		}
	}
}

// status waits until an instance has a status, with a reason that contains a text.
func (h *house) status(instance string, status workflow.Status, reason string) workflow.Heartbeat {
	h.t.Helper()
	h.until(instance+" is "+string(status)+" because of "+reason, func() bool {
		beat := h.beat(instance)
		return beat.Status == status && strings.Contains(beat.Reason, reason)
	})
	return h.beat(instance)
}

func (h *house) backlog() uint64 {
	h.t.Helper()
	b, err := bus.NewQueues(h.conn).Backlog(h.context(), workflow.Ingress)
	if err != nil {
		h.t.Fatal(err)
	}
	return b.Total()
}

func (h *house) failures() uint64 {
	h.t.Helper()
	n, err := bus.NewQueues(h.conn).Failures(h.context(), workflow.Ingress)
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// synced waits until Campaign has exactly the contacts of Dynamics and nothing waits.
func (h *house) synced() {
	h.t.Helper()
	h.until("both sides are equal", func() bool { return h.equal() && h.backlog() == 0 })
}

// equal compares keys and last names of both sides; the crash tests compare every field.
func (h *house) equal() bool {
	profiles := h.campaign.Profiles()
	count := 0
	for id, row := range h.dynamics.Rows("contact") {
		count++
		profile, there := profiles[id]
		if !there {
			return false
		}
		last, _ := row["lastname"].(string)
		first, _ := row["firstname"].(string)
		gotLast, _ := profile["lastName"].(string)
		gotFirst, _ := profile["firstName"].(string)
		if gotLast != cut(last, 50) || gotFirst != cut(first, 30) {
			return false
		}
	}
	return count == len(profiles)
}

func cut(s string, length int) string {
	runes := []rune(s)
	return string(runes[:min(len(runes), length)])
}

// edit stores a changed configuration and returns its revision.
func (h *house) edit(change func(*config.IngressDoc)) uint64 {
	h.t.Helper()
	configs := bus.NewConfigs(h.conn)
	latest, err := configs.Latest(h.context(), workflow.Ingress)
	if err != nil {
		h.t.Fatal(err)
	}
	var doc config.IngressDoc
	if err := json.Unmarshal(latest.Document, &doc); err != nil {
		h.t.Fatal(err)
	}
	change(&doc)
	data, err := config.Encode(&doc)
	if err != nil {
		h.t.Fatal(err)
	}
	revision, err := configs.Put(h.context(), workflow.Ingress, data, latest.Number, "test")
	if err != nil {
		h.t.Fatal(err)
	}
	return revision.Number
}
