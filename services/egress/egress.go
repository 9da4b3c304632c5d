package egress

import (
	"cmp"
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/remote"
	"github.com/causeway-sync/causeway/pkg/seal"
	"github.com/causeway-sync/causeway/pkg/telemetry"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/host"
)

// Config of the service.
type Config struct {
	Host host.Config
	// Campaign and Dynamics are what the environment sets; a connection of which it sets nothing is the stored one, and Key
	// opens its secrets.
	Campaign campaign.Config
	Dynamics dynamics.Config
	Key      *seal.Key
	// Wait is how long an event waits for its contact, in place of what the configuration says; tests use it.
	Wait time.Duration
	// Tuning overrides the pump's settings where it is not zero; tests and benchmarks use it.
	Tuning pump.Config
}

// How the pump is set. A thousand events are one request, so few requests need to be under way at a time; how many there
// really are is for dynamics.Writer to find out.
const (
	BatchSize = 1000
	InFlight  = 6
	Window    = 6000
	// Linger is how long an event may wait for others to share its request: short enough that one that comes alone is on
	// the timeline within two seconds.
	Linger = 200 * time.Millisecond
	// PollInterval is how often the journal is asked for its next page. The journal itself says when that makes sense, and
	// nothing is sent before.
	PollInterval = 250 * time.Millisecond
)

// Run serves the workflow until ctx ends.
func Run(ctx context.Context, cfg Config) error {
	cfg.Host.Workflow = workflow.Egress
	if cfg.Host.Registry == nil {
		cfg.Host.Registry = telemetry.NewRegistry()
	}
	calls := telemetry.NewCalls(cfg.Host.Registry)
	cfg.Dynamics.Observe = func(c remote.Call) { calls.Observe("dynamics", c.Kind, c.Status, c.Duration) }
	cfg.Campaign.Observe = func(c remote.Call) { calls.Observe("campaign", c.Kind, c.Status, c.Duration) }
	cfg.Host.Systems = host.NewSystems(host.Connections{Dynamics: cfg.Dynamics, Campaign: cfg.Campaign, Key: cfg.Key,
		Writer: dynamics.WriterConfig{BatchSize: BatchSize}})
	defer cfg.Host.Systems.Close()
	s := &service{cfg: cfg}
	return host.Serve(ctx, cfg.Host, s.prepare)
}

// service makes runs. One with clients belongs to a single run, which has borrowed them.
type service struct {
	cfg    Config
	from   *campaign.Client
	to     *dynamics.Client
	writer *dynamics.Writer
}

// connected is the service with the clients of the connections as they are set up now. A connection that is not set up is
// the reason of FAILED, not of an exit.
func (s *service) connected(ctx context.Context, systems *host.Loan) (*service, error) {
	var findings host.Findings
	from, err := systems.Campaign(ctx)
	if err := findings.Add(err); err != nil {
		return nil, err
	}
	to, err := systems.Dynamics(ctx)
	if err := findings.Add(err); err != nil {
		return nil, err
	}
	return &service{cfg: s.cfg, from: from, to: to.Client, writer: to.Writer}, findings.Err()
}

// prepare loads the revision that the start is for and checks it against both sides. All that a person has to mend comes
// back in one fault.
func (s *service) prepare(ctx context.Context, b host.Binding) (host.Run, error) {
	revision, parsed, err := b.Settings(ctx)
	if err != nil {
		return host.Run{}, err
	}
	if s, err = s.connected(ctx, b.Systems); err != nil {
		return host.Run{}, err
	}
	doc := parsed.(*config.EgressDoc)
	plan, err := preflight(ctx, doc, s.from, s.to)
	if err != nil {
		return host.Run{}, err
	}
	b.Log.Info("preflight passed", zap.Int("event types", len(plan.on)), zap.Uint64("revision", revision.Number))
	return host.Run{Pump: pump.New(s.pump(b, doc, plan), b.Counters), Revision: revision.Number}, nil
}

func (s *service) pump(b host.Binding, doc *config.EgressDoc, plan plan) pump.Config {
	p := s.cfg.Tuning
	p.Queue, p.Open, p.Guard, p.Notice, p.Log = b.Queue, b.OpenWindow, b.Lease.Guard, b.Notice, b.Log
	p.BatchSize, p.InFlight, p.Window = cmp.Or(p.BatchSize, BatchSize), cmp.Or(p.InFlight, InFlight), cmp.Or(p.Window, Window)
	p.Linger, p.PollInterval = cmp.Or(p.Linger, Linger), cmp.Or(p.PollInterval, PollInterval)
	p.Sources = map[string]pump.Source{sourceName: &source{
		journal: s.from.Journal(campaign.JournalConfig{First: doc.Journal.First, AfterGap: doc.Journal.AfterGap}),
		waiting: b.Queue, decoder: plan.decoder, on: plan.on, skips: b.Skips, gap: b.Gap, now: time.Now, recent: newRecent(),
	}}
	p.Sink = &sink{decoder: plan.decoder, on: plan.on, activities: plan.activities, writer: s.writer, skips: b.Skips, guard: b.Lease.Guard,
		wait: cmp.Or(s.cfg.Wait, time.Duration(doc.UnknownContact.WaitHours)*time.Hour)}
	return p
}
