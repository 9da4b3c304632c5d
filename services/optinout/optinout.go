package optinout

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/consent"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/exportfile"
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
	// Dynamics, Campaign and SFTP are what the environment sets; a connection of which it sets nothing is the stored one, and
	// Key opens its secrets. SFTP, where Campaign's export files are, is needed only where the configuration reads them.
	Dynamics dynamics.Config
	Campaign campaign.Config
	SFTP     exportfile.Config
	Key      *seal.Key
	// LookEvery is the shortest time between two looks at the folder; 0 for the source's own.
	LookEvery time.Duration
	// Tuning overrides the pump's own defaults where it is not zero.
	Tuning pump.Config
}

// Defaults of the pump: how many batches are handled at the same time, and how many reports one holds. What they need of
// Dynamics goes with one request a batch.
const (
	InFlight  = 8
	BatchSize = 50
)

// Run serves the workflow until ctx ends.
func Run(ctx context.Context, cfg Config) error {
	cfg.Host.Workflow = workflow.OptInOut
	if cfg.Host.Registry == nil {
		cfg.Host.Registry = telemetry.NewRegistry()
	}
	calls := telemetry.NewCalls(cfg.Host.Registry)
	cfg.Dynamics.Observe = func(c remote.Call) { calls.Observe("dynamics", c.Kind, c.Status, c.Duration) }
	cfg.Campaign.Observe = func(c remote.Call) { calls.Observe("campaign", c.Kind, c.Status, c.Duration) }
	cfg.Host.Systems = host.NewSystems(host.Connections{Dynamics: cfg.Dynamics, Campaign: cfg.Campaign, SFTP: cfg.SFTP, Key: cfg.Key})
	defer cfg.Host.Systems.Close()
	s := &service{cfg: cfg}
	return host.Serve(ctx, cfg.Host, s.prepare)
}

// service makes runs. One with clients belongs to a single run, which has borrowed them.
type service struct {
	cfg      Config
	dynamics *dynamics.Client
	writer   *dynamics.Writer
	campaign *campaign.Client
	files    *exportfile.Client // nil where the configuration reads none
}

// connected is the service with the clients of the connections as they are set up now. A connection that is not set up is
// the reason of FAILED, not of an exit.
func (s *service) connected(ctx context.Context, systems *host.Loan, files bool) (*service, error) {
	var findings host.Findings
	with := &service{cfg: s.cfg}
	contacts, err := systems.Dynamics(ctx)
	if err := findings.Add(err); err != nil {
		return nil, err
	}
	with.dynamics, with.writer = contacts.Client, contacts.Writer
	with.campaign, err = systems.Campaign(ctx)
	if err := findings.Add(err); err != nil {
		return nil, err
	}
	if files {
		with.files, err = systems.Files(ctx)
		if err := findings.Add(err); err != nil {
			return nil, err
		}
	}
	return with, findings.Err()
}

// prepare loads the revision that the start is for and checks it against both sides.
func (s *service) prepare(ctx context.Context, b host.Binding) (host.Run, error) {
	revision, parsed, err := b.Settings(ctx)
	if err != nil {
		return host.Run{}, err
	}
	doc := parsed.(*config.OptInOutDoc)
	if s, err = s.connected(ctx, b.Systems, doc.ReadsFiles()); err != nil {
		return host.Run{}, err
	}
	ledger, err := bus.OpenLedger(ctx, b.Conn, workflow.OptInOut)
	if err != nil {
		return host.Run{}, err
	}
	if err := s.preflight(ctx, b, doc); err != nil {
		return host.Run{}, err
	}
	if err := putBack(ctx, b.Queue, doc.Direction == config.Bidirectional); err != nil {
		return host.Run{}, err
	}
	b.Log.Info("preflight passed", zap.String("direction", string(doc.Direction)), zap.Int("mappings", len(doc.Mappings)), zap.Uint64("revision", revision.Number))
	return host.Run{Pump: pump.New(s.pump(b, doc, ledger), b.Counters), Revision: revision.Number}, nil
}

func (s *service) pump(b host.Binding, doc *config.OptInOutDoc, ledger *bus.Ledger) pump.Config {
	p := s.cfg.Tuning
	p.Queue, p.Open, p.Guard, p.Notice, p.Log = b.Queue, b.OpenWindow, b.Lease.Guard, b.Notice, b.Log
	p.InFlight, p.BatchSize = cmp.Or(p.InFlight, InFlight), cmp.Or(p.BatchSize, BatchSize)
	p.Sources = s.sources(b, doc)
	// A line may leave fields out, and one that was parked comes back behind younger ones: none contains another, and the
	// rule gives the same answer in every order.
	p.Independent = true
	columns := columnsOf(doc)
	p.Sink = &sink{
		rule:    consent.Rule{Direction: consent.Direction(doc.Direction), ToleranceSeconds: int(doc.ClockTolerance().Seconds())},
		columns: columns, remember: doc.ReadsAPI(), maxWait: time.Duration(doc.UnknownProfile.WaitHours) * time.Hour,
		ledger: ledger, guard: b.Lease.Guard, unmatched: &unmatched{count: b.Skips.Add, notice: b.Notice},
		contacts: dynamicsContacts{client: s.dynamics, writer: s.writer, columns: contactColumns(columns)},
		profiles: campaignProfiles{client: s.campaign, keyField: doc.KeyField, fields: doc.Fields()},
	}
	return p
}

// sources are those of the direction. Where Campaign leads nobody listens to Dynamics.
func (s *service) sources(b host.Binding, doc *config.OptInOutDoc) map[string]pump.Source {
	sources := map[string]pump.Source{}
	if doc.Direction == config.Bidirectional {
		contacts := s.dynamics.Source(dynamics.SourceConfig{Table: sourceContact, Columns: contactColumns(columnsOf(doc)), Destinations: goTo(doc)})
		sources[sourceContact] = &returning{Source: contacts, queue: b.Queue, name: sourceContact, now: time.Now}
	}
	if doc.ReadsFiles() {
		sources[sourceExport] = s.files.Source(exportfile.SourceConfig{Format: format(doc), Settle: time.Duration(doc.Export.SettleSeconds) * time.Second,
			LateAfter: time.Duration(doc.Export.LateAfterHours) * time.Hour, Every: s.cfg.LookEvery})
	}
	if doc.ReadsAPI() {
		queues := bus.NewQueues(b.Conn)
		sources[sourceProfile] = &settledSince{Source: s.campaign.Changed(watched(doc)), waiting: func(ctx context.Context) (uint64, error) {
			backlog, err := queues.Backlog(ctx, workflow.OptInOut)
			return backlog.Pending + backlog.InFlight, err
		}}
	}
	return sources
}

func contactColumns(columns map[string]string) []string {
	return append(slices.Sorted(maps.Values(columns)), modifiedOn)
}

func pollEvery(doc *config.OptInOutDoc) time.Duration {
	return time.Duration(doc.API.PollSeconds) * time.Second
}
