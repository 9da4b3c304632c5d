package egress_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/timeline"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/egress"
	"github.com/causeway-sync/causeway/services/host/hosttest"
)

// house is a real bus, both remote systems simulated over HTTP, and as many egress services as a test starts.
type house struct {
	*hosttest.House
	t        *testing.T
	dynamics *dynamicstest.Server
	campaign *campaigntest.Server
	cfg      egress.Config
}

// options of a house; the zero value has what the sandbox has.
type options struct {
	contacts int
	dynamics dynamicstest.Options
	campaign campaigntest.Options
}

func newHouse(t *testing.T, o options) *house {
	t.Helper()
	h := &house{t: t, House: hosttest.New(t, workflow.Egress, bus.Sizes{})}
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
	return h
}

// serve starts an egress service.
func (h *house) serve(instance string) (stop func()) {
	cfg := h.cfg
	cfg.Host = h.Host(instance)
	return h.Background(func(ctx context.Context) error { return egress.Run(ctx, cfg) })
}

// started serves one instance and starts the workflow.
func (h *house) started() (stop func()) {
	h.t.Helper()
	stop = h.serve("e")
	h.Command(workflow.Start)
	h.Status("e", workflow.Running, "")
	return stop
}

// waiting is what waits, by why.
func (h *house) waiting() workflow.BacklogDetail {
	h.t.Helper()
	b := h.Backlog()
	return workflow.BacklogDetail{Pending: b.Pending, InFlight: b.InFlight, Parked: b.Parked}
}

// edit stores a changed configuration and returns its revision.
func (h *house) edit(change func(*config.EgressDoc)) uint64 {
	h.t.Helper()
	return hosttest.Edit(h.House, change)
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
	h.Until("everything is settled", func() bool {
		b := h.waiting()
		return b.Pending+b.InFlight == 0
	})
}

// requests is how many requests Dynamics has had since its statistics began, those for tokens and metadata left out.
func (h *house) requests() int64 {
	stats := h.dynamics.Stats()
	return stats.Get("requests.read") + stats.Get("requests.write") + stats.Get("requests.batch")
}
