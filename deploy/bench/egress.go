package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/timeline"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/egress"
	"github.com/causeway-sync/causeway/services/host"
)

// benchEgress lets the workflow Campaign to Dynamics 365 write the events of a journal, and a loop around the same writer
// do it without a queue.
func benchEgress(ctx context.Context, dir string, s sizes) ([]row, error) {
	ours, err := egressRun(ctx, dir, s.egress)
	if err != nil {
		return nil, fmt.Errorf("ours: %w", err)
	}
	raw, err := egressRaw(ctx, s.egress)
	if err != nil {
		return nil, fmt.Errorf("raw loop: %w", err)
	}
	how := fmt.Sprintf("%d events of four types from the simulated journal, 10 %% of them twice and in disorder, to the simulated Dynamics over loopback; ours: the service with its queue; raw: the same writer, 1,000 distinct events at a time, no queue and no journal", s.egress)
	requests := row{Unit: "requests", Ours: ours, Raw: raw, Ratio: ours / raw, Budget: "<= 2", OK: ours <= 2}
	return []row{requests.named("Dynamics requests for 1,000 egress events", how)}, nil
}

// egressWorld is both remote systems, listening.
type egressWorld struct {
	dynamics *dynamicstest.Server
	campaign *campaigntest.Server
	cfg      egress.Config
	stops    []func()
}

func newEgressWorld(ctx context.Context) (*egressWorld, error) {
	w := &egressWorld{dynamics: dynamicstest.New(dynamicstest.Options{})}
	w.dynamics.Seed(1000, 1)
	var contacts []string
	for id := range w.dynamics.Rows("contact") {
		contacts = append(contacts, id)
	}
	w.campaign = campaigntest.New(campaigntest.Options{Journal: campaigntest.JournalOptions{Contacts: func() []string { return contacts }, RetryAfter: time.Second}})
	d, err := w.listen(ctx, w.dynamics)
	if err != nil {
		return nil, err
	}
	c, err := w.listen(ctx, w.campaign.Handler())
	if err != nil {
		w.close()
		return nil, err
	}
	w.cfg = egress.Config{
		Dynamics: dynamics.Config{URL: d, TokenURL: d + "/sandbox/oauth2/v2.0/token", Tenant: "sandbox", ClientID: "causeway", ClientSecret: "causeway-sandbox"},
		Campaign: campaign.Config{URL: c + "/sandbox", TokenURL: c + "/ims/token/v3", OrgID: "sandbox", ClientID: "causeway", ClientSecret: "causeway-sandbox",
			JournalURL: c + "/events/organizations/1/integrations/2/sandbox"},
	}
	return w, nil
}

func (w *egressWorld) listen(ctx context.Context, handler http.Handler) (origin string, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // It ends with close.
	w.stops = append(w.stops, func() { _ = server.Close() })
	return (&url.URL{Scheme: "http", Host: listener.Addr().String()}).String(), nil
}

func (w *egressWorld) close() {
	for _, stop := range w.stops {
		stop()
	}
}

func (w *egressWorld) activities() int {
	n := 0
	for _, t := range dynamicstest.Activities() {
		n += w.dynamics.Count(t.LogicalName)
	}
	return n
}

// perThousand is how many requests Dynamics has had for every thousand activities.
func (w *egressWorld) perThousand() float64 {
	stats := w.dynamics.Stats()
	return float64(stats.Get("requests.read")+stats.Get("requests.write")+stats.Get("requests.batch")) / float64(w.activities()) * 1000
}

// egressRun lets the service write n events.
func egressRun(ctx context.Context, dir string, n int) (requests float64, err error) {
	w, err := newEgressWorld(ctx)
	if err != nil {
		return 0, err
	}
	defer w.close()
	f, err := openFixture(ctx, dir)
	if err != nil {
		return 0, err
	}
	defer f.close()
	if err := switchOn(ctx, f.conn); err != nil {
		return 0, err
	}
	if _, err := w.campaign.AppendEvents(campaigntest.EventBatch{Count: n, Duplicates: 0.1, Disorder: true}); err != nil {
		return 0, err
	}
	serving, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	cfg := w.cfg
	cfg.Host = host.Config{Instance: "bench", NATS: bus.Options{InProcess: f.server.InProcess()}}
	go func() { done <- egress.Run(serving, cfg) }()
	err = w.await(ctx, n, done)
	stop()
	if err == nil {
		err = <-done
	}
	return w.perThousand(), err
}

// switchOn has all types of events written from the service's start on.
func switchOn(ctx context.Context, conn *bus.Conn) error {
	doc := config.DefaultEgress()
	doc.Events = config.Events{Send: true, Open: true, Click: true, Bounce: true}
	data, err := config.Encode(doc)
	if err != nil {
		return err
	}
	configs := bus.NewConfigs(conn)
	latest, err := configs.Latest(ctx, workflow.Egress)
	if err != nil {
		return err
	}
	if _, err := configs.Put(ctx, workflow.Egress, data, latest.Number, "bench"); err != nil {
		return err
	}
	_, err = bus.NewCommands(conn).Send(ctx, workflow.Command{Workflow: workflow.Egress, Verb: workflow.Start, By: "bench"})
	return err
}

// await waits for n activities.
func (w *egressWorld) await(ctx context.Context, n int, done chan error) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for w.activities() < n {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-done:
			return errors.Join(errors.New("the service has ended"), err)
		case <-ticker.C:
		}
	}
	return nil
}

// egressRaw writes n events with the same writer and nothing around it.
func egressRaw(ctx context.Context, n int) (requests float64, err error) {
	w, err := newEgressWorld(ctx)
	if err != nil {
		return 0, err
	}
	defer w.close()
	client, err := dynamics.New(w.cfg.Dynamics)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	if _, err := w.campaign.AppendEvents(campaigntest.EventBatch{Count: n}); err != nil {
		return 0, err
	}
	tables, writer := dynamicstest.Activities(), client.NewWriter(dynamics.WriterConfig{})
	var rows []dynamics.NewRow
	for i, e := range w.campaign.EmittedEvents() {
		table := tables[i%len(tables)].LogicalName
		rows = append(rows, dynamics.NewRow{Table: table, ID: timeline.ActivityID(e.ID), Values: map[string]any{"subject": e.Campaign,
			"adobe_campaignname": e.Campaign, "adobe_deliveryname": e.Delivery, "adobe_mirrorpageurl": e.MirrorPage,
			"regardingobjectid_contact_" + table + "@odata.bind": "/contacts(" + e.Contact + ")"}, Binds: []string{e.Contact}})
		if len(rows) < egress.BatchSize && i+1 < n {
			continue
		}
		for _, created := range writer.Create(ctx, rows) {
			if created.Err != nil {
				return 0, created.Err
			}
		}
		rows = rows[:0]
	}
	return w.perThousand(), nil
}
