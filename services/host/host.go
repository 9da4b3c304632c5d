// Package host is what the three workflow services have in common: a process that serves one workflow. It joins the bus
// to an agent; which source, mapping and sink make up a run is the service's own.
//
// It promises that the process ends with an error when its bus is gone for good, that a stop drains the run before the
// connection closes, and that nothing outlives Run.
package host

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/causeway-sync/causeway/pkg/agent"
	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/telemetry"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Config of a workflow's process.
type Config struct {
	Workflow workflow.ID
	// NATS is where the bus is.
	NATS bus.Options
	// Instance is unique among the living processes; the default is made of the host's name and a random part.
	Instance string
	// Sole says that nobody else can be alive under the instance's name. Such an instance takes the lease of its former life
	// over at once after a crash; any other waits until it has run out.
	Sole    bool
	Version string
	// Probes is the address of /healthz, /readyz and /metrics; empty for none.
	Probes string
	// Questions are answered to the admin service while the process lives, active or not.
	Questions map[string]bus.Question
	// Systems lends the clients of the remote systems; nil for a service that has none.
	Systems *Systems
	// Registry takes the metrics; nil for one of its own.
	Registry *prometheus.Registry
	Log      *zap.Logger
}

// Run is one configured run, made by a service's Prepare.
type Run struct {
	Pump     *pump.Pump
	Revision uint64
	// Close releases what the run has opened, once it is quiet. It may be nil.
	Close func()
}

// Binding is what Prepare gets to work with.
type Binding struct {
	Workflow workflow.ID
	Conn     *bus.Conn
	Queue    *bus.Queue
	Lease    agent.Lease
	Counters *pump.Counters
	// Skips counts what a source reads and does not queue.
	Skips *Skips
	// Systems lends the run its clients, which go back when it is quiet.
	Systems  *Loan
	Registry *prometheus.Registry
	Notice   func(message string)
	// Gap records what a source will never read, and returns when that is safe.
	Gap func(ctx context.Context, gap workflow.Gap) error
	Log *zap.Logger
}

// Prepare loads the configuration, checks that it can work, and makes a run. Its error is the reason of FAILED.
type Prepare func(ctx context.Context, b Binding) (Run, error)

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	c.Log = c.Log.Named(string(c.Workflow))
	if c.Registry == nil {
		c.Registry = telemetry.NewRegistry()
	}
	if c.Instance == "" {
		hostname, err := os.Hostname()
		if err != nil {
			hostname = "unnamed"
		}
		c.Instance = bus.Token(hostname + "-" + rand.Text()[:6])
	}
	if c.Questions == nil {
		c.Questions = map[string]bus.Question{}
	}
	if c.NATS.Name == "" {
		c.NATS.Name = "causeway-" + string(c.Workflow)
	}
	if c.NATS.Log == nil {
		c.NATS.Log = c.Log
	}
	return c
}

// Serve runs the process until ctx ends (nil), or until its bus is gone for good.
func Serve(ctx context.Context, cfg Config, prepare Prepare) error {
	cfg = cfg.withDefaults()
	conn, err := bus.Connect(ctx, cfg.NATS)
	if err != nil {
		return fault.UnlessStopped(ctx, err)
	}
	defer conn.Close()
	if err := awaitProvisioned(ctx, conn, cfg); err != nil {
		return fault.UnlessStopped(ctx, err)
	}
	if cfg.Systems == nil {
		cfg.Systems = NewSystems(Connections{})
	}
	cfg.Systems.conn = conn
	cfg.Systems.answers(cfg)
	control, err := bus.NewControl(conn)
	if err != nil {
		return err
	}
	h := &host{cfg: cfg, conn: conn, queue: bus.NewQueue(conn, cfg.Workflow), control: control, counters: &pump.Counters{}, skips: &Skips{}, prepare: prepare}
	a := agent.New(h.agentConfig())
	control.OnCommand(cfg.Workflow, func(workflow.Command) { a.Nudge() })
	telemetry.WorkflowMetrics(cfg.Registry, cfg.Workflow, h.count, func() workflow.Status { status, _ := a.Status(); return status })
	probes := telemetry.Probes(telemetry.Health{Live: h.live, Ready: h.live, Detail: func() any {
		status, reason := a.Status()
		return map[string]any{"workflow": cfg.Workflow, "status": status, "reason": reason}
	}}, cfg.Registry)

	stopAnswering, err := bus.AnswerQuestions(context.WithoutCancel(ctx), conn, cfg.Workflow, cfg.Questions)
	if err != nil {
		return err
	}
	defer stopAnswering()

	// The control plane outlives the agent, so that its last heartbeat is heard.
	controlCtx, stopControl := context.WithCancel(context.WithoutCancel(ctx))
	defer stopControl()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return control.Run(controlCtx) })
	group.Go(func() error { return telemetry.Serve(ctx, cfg.Probes, probes) })
	group.Go(func() error {
		defer stopControl()
		select {
		case <-control.Running():
			return a.Run(ctx)
		case <-ctx.Done():
			return nil
		}
	})
	group.Go(func() error {
		select {
		case <-conn.Closed():
			return fault.New(fault.Fatal, "the connection to NATS is closed for good")
		case <-ctx.Done():
			return nil
		}
	})
	return group.Wait()
}

// provisionWait is how long a service waits for the admin service to set the bus up.
const provisionWait = 30 * time.Second

// awaitProvisioned lets services be started in any order.
func awaitProvisioned(ctx context.Context, conn *bus.Conn, cfg Config) error {
	deadline := time.Now().Add(provisionWait)
	for first := true; ; first = false {
		err := bus.CheckProvisioned(ctx, conn, cfg.Workflow)
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		if first {
			cfg.Log.Warn("waiting for the bus to be set up", zap.String("why", fault.Message(err)))
		}
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}

type host struct {
	cfg      Config
	conn     *bus.Conn
	queue    *bus.Queue
	control  *bus.Control
	counters *pump.Counters
	skips    *Skips
	prepare  Prepare
}

func (h *host) live() error {
	if !h.conn.NATS().IsConnected() {
		return fmt.Errorf("not connected to NATS: %s", h.conn.NATS().Status())
	}
	return nil
}

func (h *host) agentConfig() agent.Config {
	commands := bus.NewCommands(h.conn)
	return agent.Config{
		Workflow: h.cfg.Workflow, Instance: h.cfg.Instance, Version: h.cfg.Version, Log: h.cfg.Log,
		Desired: func(ctx context.Context) (agent.Wish, error) {
			state, err := commands.Desired(ctx, h.cfg.Workflow)
			return agent.Wish{Desired: state.Desired, Command: state.Command.Seq, Stopped: state.LastStop}, err
		},
		Acquire: func(ctx context.Context) (agent.Lease, error) {
			lease, err := h.queue.Acquire(ctx, h.cfg.Instance, h.cfg.Sole)
			if err != nil { // Not `return lease, err`: a nil *Lease in an interface is not nil.
				return nil, err
			}
			return lease, nil
		},
		Prepare:  h.prepareRun,
		Counters: h.count,
		Beat: func(hb workflow.Heartbeat) error {
			hb.Connections, hb.Usage = h.cfg.Systems.uses(), h.cfg.Systems.used.counts()
			return h.control.PublishHeartbeat(hb)
		},
		Event: h.control.PublishEvent,
	}
}

func (h *host) prepareRun(ctx context.Context, lease agent.Lease) (agent.Runner, uint64, error) {
	loan := h.cfg.Systems.Borrow()
	run, err := h.prepare(ctx, Binding{Workflow: h.cfg.Workflow, Conn: h.conn, Queue: h.queue, Lease: lease, Counters: h.counters, Skips: h.skips, Systems: loan,
		Registry: h.cfg.Registry, Notice: h.notice, Gap: h.gap, Log: h.cfg.Log})
	if err != nil {
		loan.Return()
		return nil, 0, err
	}
	h.cfg.Systems.begin(loan)
	return runner{run: run, systems: h.cfg.Systems, loan: loan}, run.Revision, nil
}

func (h *host) notice(message string) {
	event := workflow.Event{Workflow: h.cfg.Workflow, Instance: h.cfg.Instance, Kind: workflow.EventNotice, Message: message, At: time.Now()}
	if err := h.control.PublishEvent(event); err != nil {
		h.cfg.Log.Warn("a notice was not recorded", zap.String("why", fault.Message(err)))
	}
}

// gap records a gap as an event that is safe when this returns: it stays visible for as long as events are kept.
func (h *host) gap(ctx context.Context, gap workflow.Gap) error {
	h.cfg.Log.Warn(gap.Message, zap.String("source", gap.Source), zap.Time("from", gap.From), zap.Time("to", gap.To))
	return bus.NewEvents(h.conn).Record(ctx, workflow.Event{Workflow: h.cfg.Workflow, Instance: h.cfg.Instance, Kind: workflow.EventGap,
		Message: gap.Message, At: gap.At, Gap: &gap})
}

func (h *host) count() workflow.Counters {
	c := h.counters
	return workflow.Counters{Read: c.Read.Load(), Written: c.Written.Load(), Unchanged: c.Unchanged.Load(), Coalesced: c.Coalesced.Load(),
		Rejected: c.Rejected.Load(), Retries: c.Retries.Load(), Throttled: c.Throttled.Load(), Skipped: h.skips.Counts()}
}

// runner shows a pump to the agent.
type runner struct {
	run     Run
	systems *Systems
	loan    *Loan
}

func (r runner) Run(ctx context.Context, ready func()) error {
	defer r.loan.Return()
	defer r.systems.end()
	if r.run.Close != nil {
		defer r.run.Close()
	}
	return r.run.Pump.Run(ctx, ready)
}

func (r runner) Trouble() string { return r.run.Pump.Trouble() }

func (r runner) Waits() bool { return r.run.Pump.Waits() }

func (r runner) Loads() []workflow.Progress {
	var loads []workflow.Progress
	for source, progress := range r.run.Pump.Loads() {
		loads = append(loads, workflow.Progress{Source: source, Read: progress.Read, Expected: progress.Expected})
	}
	return loads
}

// OpenWindow is a pump.Config's Open on the workflow's queue.
func (b Binding) OpenWindow(ctx context.Context, size int) (pump.Window, error) {
	window, err := b.Queue.Open(ctx, size)
	if err != nil {
		return nil, err
	}
	return window, nil
}
