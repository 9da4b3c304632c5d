package egress_test

import (
	"context"
	"encoding/json"
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
	"github.com/causeway-sync/causeway/pkg/timeline"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/egress"
	"github.com/causeway-sync/causeway/services/host"
)

// house is a real bus, both remote systems simulated over HTTP, and as many egress services as a test starts.
type house struct {
	t        *testing.T
	server   *embedded.Server
	conn     *bus.Conn
	dynamics *dynamicstest.Server
	campaign *campaigntest.Server
	cfg      egress.Config

	mu    sync.Mutex
	beats map[string]workflow.Heartbeat
}

// options of a house; the zero value has what the sandbox has.
type options struct {
	contacts int
	dynamics dynamicstest.Options
	campaign campaigntest.Options
}

func newHouse(t *testing.T, o options) *house {
	t.Helper()
	h := &house{t: t, server: bustest.Server(t, ""), beats: map[string]workflow.Heartbeat{}}
	o.dynamics.Tenant, o.dynamics.ClientID, o.dynamics.ClientSecret = "sandbox", "causeway", "causeway-sandbox"
	h.dynamics = dynamicstest.New(o.dynamics)
	h.dynamics.Seed(max(o.contacts, 20), 1)
	var contacts []string
	for id := range h.dynamics.Rows("contact") {
		contacts = append(contacts, id)
	}
	o.campaign.Journal.Contacts = func() []string { return contacts }
	if o.campaign.Journal.RetryAfter == 0 {
		o.campaign.Journal.RetryAfter = -1 // Not said: a test need not wait for it.
	}
	h.campaign = campaigntest.New(o.campaign)
	h.conn = bustest.Connect(t, h.server)
	bustest.Provision(t, h.conn, bus.Sizes{})
	d, c := httptest.NewServer(h.dynamics), httptest.NewServer(h.campaign.Handler())
	t.Cleanup(d.Close)
	t.Cleanup(c.Close)
	h.cfg = egress.Config{
		Dynamics: dynamics.Config{URL: d.URL, TokenURL: d.URL + "/sandbox/oauth2/v2.0/token", Tenant: "sandbox", ClientID: "causeway", ClientSecret: "causeway-sandbox"},
		Campaign: campaign.Config{URL: c.URL + "/sandbox", TokenURL: c.URL + "/ims/token/v3", OrgID: "sandbox", ClientID: "causeway", ClientSecret: "causeway-sandbox",
			JournalURL: c.URL + "/events/organizations/1/integrations/2/sandbox"},
		Tuning: pump.Config{PollInterval: 50 * time.Millisecond},
	}
	h.edit(func(doc *config.EgressDoc) {
		doc.Events = config.Events{Send: true, Open: true, Click: true, Bounce: true}
	})
	h.listen()
	return h
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

// serve starts an egress service.
func (h *house) serve(instance string) (stop func()) {
	cfg := h.cfg
	cfg.Host = host.Config{Instance: instance, NATS: bus.Options{InProcess: h.server.InProcess()}}
	return h.background(func(ctx context.Context) error { return egress.Run(ctx, cfg) })
}

func (h *house) command(verb workflow.Verb) {
	h.t.Helper()
	if _, err := bus.NewCommands(h.conn).Send(h.context(), workflow.Command{Workflow: workflow.Egress, Verb: verb, By: "test"}); err != nil {
		h.t.Fatal(err)
	}
}

// started serves one instance and starts the workflow.
func (h *house) started() (stop func()) {
	h.t.Helper()
	stop = h.serve("e")
	h.command(workflow.Start)
	h.status("e", workflow.Running, "")
	return stop
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
	deadline := time.After(30 * time.Second)
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

func (h *house) backlog() workflow.BacklogDetail {
	h.t.Helper()
	b, err := bus.NewQueues(h.conn).Backlog(h.context(), workflow.Egress)
	if err != nil {
		h.t.Fatal(err)
	}
	return workflow.BacklogDetail{Pending: b.Pending, InFlight: b.InFlight, Parked: b.Parked}
}

func (h *house) failures() uint64 {
	h.t.Helper()
	n, err := bus.NewQueues(h.conn).Failures(h.context(), workflow.Egress)
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// edit stores a changed configuration and returns its revision.
func (h *house) edit(change func(*config.EgressDoc)) uint64 {
	h.t.Helper()
	configs := bus.NewConfigs(h.conn)
	latest, err := configs.Latest(h.context(), workflow.Egress)
	if err != nil {
		h.t.Fatal(err)
	}
	var doc config.EgressDoc
	if err := json.Unmarshal(latest.Document, &doc); err != nil {
		h.t.Fatal(err)
	}
	change(&doc)
	data, err := config.Encode(&doc)
	if err != nil {
		h.t.Fatal(err)
	}
	revision, err := configs.Put(h.context(), workflow.Egress, data, latest.Number, "test")
	if err != nil {
		h.t.Fatal(err)
	}
	return revision.Number
}

// events appends to the journal.
func (h *house) events(b campaigntest.EventBatch) campaigntest.EventsAppended {
	h.t.Helper()
	done, err := h.campaign.AppendEvents(b)
	if err != nil {
		h.t.Fatal(err)
	}
	return done
}

// tables are the activity tables by kind of event.
func tables() map[string]string {
	a := config.DefaultEgress().Activities
	return map[string]string{timeline.Send: a.Send.Table, timeline.Open: a.Open.Table, timeline.Click: a.Click.Table, timeline.Bounce: a.Bounce.Table}
}

// activities counts the activities of all tables.
func (h *house) activities() int {
	n := 0
	for _, table := range tables() {
		n += h.dynamics.Count(table)
	}
	return n
}

// wanted are the events that belong on a timeline: hard, of a known contact.
func (h *house) wanted() []campaigntest.EmittedEvent {
	var list []campaigntest.EmittedEvent
	for _, e := range h.campaign.EmittedEvents() {
		if e.Known && !e.Soft && tables()[e.Kind] != "" {
			list = append(list, e)
		}
	}
	return list
}

// settled waits until nothing waits but what is parked.
func (h *house) settled() {
	h.t.Helper()
	h.until("everything is settled", func() bool {
		b := h.backlog()
		return b.Pending+b.InFlight == 0
	})
}

// requests is how many requests Dynamics has had since its statistics began, those for tokens and metadata left out.
func (h *house) requests() int64 {
	stats := h.dynamics.Stats()
	return stats.Get("requests.read") + stats.Get("requests.write") + stats.Get("requests.batch")
}
