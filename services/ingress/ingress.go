package ingress

import (
	"cmp"
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/mapping"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/remote"
	"github.com/causeway-sync/causeway/pkg/seal"
	"github.com/causeway-sync/causeway/pkg/telemetry"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/pkg/written"
	"github.com/causeway-sync/causeway/services/host"
)

// Config of the service.
type Config struct {
	Host host.Config
	// Dynamics and Campaign are what the environment sets; a connection of which it sets nothing is the stored one, and Key
	// opens its secrets.
	Dynamics dynamics.Config
	Campaign campaign.Config
	Key      *seal.Key
	// State is the folder that keeps what was last written, so that a record that changes nothing costs no call. Empty for
	// none; a folder that cannot be used is a notice. Instances may share it as long as one is active at a time.
	State string
	// MaxWait is how long a row waits for one that it leads to; the constant MaxWait by default.
	MaxWait time.Duration
	// Tuning overrides the pump's own defaults where it is not zero; tests and benchmarks use it.
	Tuning pump.Config
}

// MaxWait is how long a row waits for its parent before it is rejected.
const MaxWait = 24 * time.Hour

// InFlight is how many profiles are written at the same time.
const InFlight = 64

// Run serves the workflow until ctx ends.
func Run(ctx context.Context, cfg Config) error {
	cfg.Host.Workflow = workflow.Ingress
	if cfg.Host.Registry == nil {
		cfg.Host.Registry = telemetry.NewRegistry()
	}
	calls := telemetry.NewCalls(cfg.Host.Registry)
	cfg.Dynamics.Observe = func(c remote.Call) { calls.Observe("dynamics", c.Kind, c.Status, c.Duration) }
	cfg.Campaign.Observe = func(c remote.Call) { calls.Observe("campaign", c.Kind, c.Status, c.Duration) }
	cfg.Host.Systems = host.NewSystems(host.Connections{Dynamics: cfg.Dynamics, Campaign: cfg.Campaign, Key: cfg.Key})
	defer cfg.Host.Systems.Close()
	s := &service{cfg: cfg}
	cfg.Host.Questions = s.questions()
	return host.Serve(ctx, cfg.Host, s.prepare)
}

// service makes runs and answers questions. One with clients belongs to a single run or question, which has borrowed them.
type service struct {
	cfg  Config
	from *dynamics.Client
	to   *campaign.Client
}

// connected is the service with the clients of the connections as they are set up now. A connection that is not set up is
// the reason of FAILED, not of an exit.
func (s *service) connected(ctx context.Context, systems *host.Loan) (*service, error) {
	var findings host.Findings
	from, err := systems.Dynamics(ctx)
	if err := findings.Add(err); err != nil {
		return nil, err
	}
	to, err := systems.Campaign(ctx)
	if err := findings.Add(err); err != nil {
		return nil, err
	}
	return &service{cfg: s.cfg, from: from.Client, to: to}, findings.Err()
}

// prepare loads the revision that the start is for and checks it against both sides. All that a person has to mend comes
// back in one fault.
func (s *service) prepare(ctx context.Context, b host.Binding) (host.Run, error) {
	desired, err := bus.NewCommands(b.Conn).Desired(ctx, b.Workflow)
	if err != nil {
		return host.Run{}, err
	}
	revision, parsed, err := b.Settings(ctx)
	if err != nil {
		return host.Run{}, err
	}
	if s, err = s.connected(ctx, b.Systems); err != nil {
		return host.Run{}, err
	}
	doc := parsed.(*config.IngressDoc)
	starts := bus.NewStarts(b.Conn, b.Workflow)
	fits, again, err := began(ctx, starts, desired.Command.Seq)
	if err != nil {
		return host.Run{}, err
	}
	if again {
		forgetReplays(doc)
	}
	tables, err := s.preflight(ctx, b.Conn, doc, fits, again)
	if err != nil {
		return host.Run{}, err
	}
	store, err := s.remember(ctx, b, doc)
	if err != nil {
		return host.Run{}, err
	}
	if revision, err = takeUpReplays(ctx, b, revision, doc); err == nil {
		err = putBack(ctx, b.Queue, tables)
	}
	if err == nil {
		err = begin(ctx, starts, desired.Command.Seq, tables)
	}
	if err != nil {
		store.Close()
		return host.Run{}, err
	}
	b.Log.Info("preflight passed", zap.Int("mappings", len(tables)), zap.Uint64("revision", revision.Number))
	return host.Run{Pump: pump.New(s.pump(b, tables, store), b.Counters), Revision: revision.Number, Close: store.Close}, nil
}

func (s *service) pump(b host.Binding, tables map[string]*mapped, store *written.Store) pump.Config {
	p := s.cfg.Tuning
	p.Queue, p.Open, p.Guard, p.Notice, p.Log, p.Waiting = b.Queue, b.OpenWindow, b.Lease.Guard, b.Notice, b.Log, b.Queue.Waiting
	p.Sink = &sink{guard: b.Lease.Guard, tables: tables, campaign: s.to, maxWait: cmp.Or(s.cfg.MaxWait, MaxWait), written: store}
	if p.InFlight == 0 {
		p.InFlight = InFlight
	}
	p.Sources, p.Behind = map[string]pump.Source{}, parents(tables)
	for table, m := range tables {
		p.Sources[table] = &watched{mapped: m, open: func(plan *mapping.Plan) pump.Source {
			source := s.from.Source(dynamics.SourceConfig{Table: table, Columns: m.mapping.Columns(), FormattedValues: plan.ReadsLabels(),
				Destinations: []string{goesTo(m.mapping)}, Known: b.Queue.KnownKeys(table)})
			return newRereader(source, b.Queue, table)
		}}
	}
	return p
}

// goesTo names what tells a mapping's rows in Campaign apart from those of another mapping of the same table.
func goesTo(m config.Mapping) string {
	return m.Resource + " by " + m.Key.Field + " from " + m.Key.Column
}

// preflight looks at both sides of every mapping. Findings are gathered; trouble on the way ends it at once. A start that
// has been at work before, in this process or another, goes on with the mappings that still work, and holds the others.
func (s *service) preflight(ctx context.Context, conn *bus.Conn, doc *config.IngressDoc, fits map[string]fit, again bool) (map[string]*mapped, error) {
	for _, m := range doc.Mappings {
		if err := setLookup(m, s.to); err != nil {
			return nil, err
		}
	}
	tables := map[string]*mapped{}
	var findings host.Findings
	if !again {
		if err := findings.Add(checkOptOuts(ctx, conn, doc)); err != nil {
			return nil, err
		}
	}
	working := 0
	for _, m := range doc.Mappings {
		table := &mapped{mapping: m, from: s.from, to: s.to, fit: fits[m.Table]}
		found, err := table.check(ctx)
		if err != nil {
			return nil, err
		}
		tables[m.Table] = table
		if table.held = found.Err(); table.held == nil {
			working++
		}
		findings.Join(found)
	}
	if again && working > 0 {
		return tables, nil
	}
	return tables, findings.Err()
}

// check is the preflight of one mapping: what a person has to mend, and trouble on the way.
func (m *mapped) check(ctx context.Context) (findings host.Findings, err error) {
	checks := append(m.from.Check(ctx, m.mapping.Table, m.mapping.Columns()),
		m.to.Check(ctx, m.mapping.Resource, m.mapping.Key.Field, fieldNames(m.mapping)))
	for _, err := range checks {
		if err := findings.Add(err); err != nil {
			return findings, err
		}
	}
	if findings.Len() > 0 {
		return findings, nil
	}
	return findings, findings.Add(m.look(ctx, time.Now()))
}

// setLookup tells the client how rows of a custom resource are found; profiles are found as the connection says.
func setLookup(m config.Mapping, to *campaign.Client) error {
	if m.Resource == "profile" {
		return nil
	}
	filter, parameter := m.Key.Lookup()
	return to.SetLookup(m.Resource, campaign.Lookup{Mode: campaign.ByFilter, Filter: filter, Parameter: parameter, Unique: m.Key.Unique})
}

func fieldNames(m config.Mapping) []string {
	names := make([]string, len(m.Fields))
	for i, f := range m.Fields {
		names[i] = f.Field
	}
	return names
}

// compile fits a mapping to what the two sides say of their columns and fields.
func compile(ctx context.Context, m config.Mapping, from *dynamics.Client, to *campaign.Client) (*mapping.Plan, fit, error) {
	definition, err := from.Table(ctx, m.Table)
	if err != nil {
		return nil, fit{}, err
	}
	columns, err := from.Columns(ctx, m.Table)
	if err != nil {
		return nil, fit{}, err
	}
	resource, err := to.Resource(ctx, m.Resource)
	if err != nil {
		return nil, fit{}, err
	}
	table := mapping.Table{Name: m.Table, PrimaryKey: definition.PrimaryIDAttribute}
	for _, c := range columns {
		table.Columns = append(table.Columns, mapping.Column{Name: c.Name, Type: string(c.Type)})
	}
	fields := make([]mapping.Field, len(resource.Fields))
	for i, f := range resource.Fields {
		fields[i] = mapping.Field{Name: f.Name, Type: f.Type, Length: f.Length, Writable: f.Writable, Values: f.Values, Target: f.Target}
	}
	plan, faults := mapping.Compile(m, table, fields)
	if len(faults) > 0 {
		return nil, fit{}, drifted(faults, faults.Error())
	}
	return plan, fitOf(m, table, fields), nil
}
