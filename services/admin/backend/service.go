package backend

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/seal"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Service is what can be asked of the admin service, the same for pages, HTTP and NATS.
type Service struct {
	conn        *bus.Conn
	monitor     *monitor
	commands    *bus.Commands
	configs     *bus.Configs
	connections *bus.Connections
	key         *seal.Key
	failures    *bus.Failures
	jobs        *jobs
	revisions   revisionCache
	privacy     privacyState
	// tracing holds a place while a search for a record is under way.
	tracing chan struct{}
	keep    bus.Keep
	replay  ReplayLimits
	log     *zap.Logger
}

// Config is what a Service needs to know.
type Config struct {
	// Keep says how long settled records stay; see bus.Keep for the defaults.
	Keep bus.Keep
	// Key seals the secrets of connections; nil for a service that cannot take any.
	Key *seal.Key
	// Replay holds the guardrails of replays.
	Replay ReplayLimits
	// Unavailable holds a reason for each workflow that this release cannot run. Its start is disabled.
	Unavailable map[workflow.ID]string
	Log         *zap.Logger
}

// New makes a service on a bus that is provisioned. It answers once it is ready, while it runs.
func New(conn *bus.Conn, cfg Config) *Service {
	return &Service{
		conn: conn, monitor: newMonitor(conn, cfg.Unavailable, cfg.Log), commands: bus.NewCommands(conn), configs: bus.NewConfigs(conn),
		connections: bus.NewConnections(conn), key: cfg.Key, failures: bus.NewFailures(conn), jobs: newJobs(),
		privacy: privacyState{stored: bus.NewPrivacy(conn), keep: cfg.Keep}, tracing: make(chan struct{}, 1), keep: cfg.Keep,
		replay: cfg.Replay.withDefaults(), log: cfg.Log,
	}
}

// Listen has the service hear what a control plane hears; it is called before the control plane runs.
func (s *Service) Listen(control *bus.Control) {
	control.OnHeartbeat(s.monitor.Hear)
	control.OnCommand("", func(workflow.Command) { s.monitor.Hurry() })
}

// Run keeps what the service tells up to date, and does what it was asked to, until ctx ends.
func (s *Service) Run(ctx context.Context) {
	var parts sync.WaitGroup
	defer parts.Wait()
	parts.Go(func() { s.monitor.Run(ctx) })
	parts.Go(func() { trim(ctx, bus.NewQueues(s.conn), s.keep, s.log) })
	parts.Go(func() { trimCommands(ctx, bus.NewCommands(s.conn), s.log) })
	parts.Go(func() { s.failures.Run(ctx) })
	parts.Go(func() { s.jobs.run(ctx) })
}

// Ready is closed when the service knows how the workflows are.
func (s *Service) Ready() <-chan struct{} { return s.monitor.Ready() }

// Caller says who asks ("anna") and through what ("page", "http", "nats"), for the command log.
type Caller struct{ By, Via string }

// WorkflowList is the answer to "how are the workflows".
type WorkflowList struct {
	Workflows []workflow.View `json:"workflows"`
}

// WorkflowID checks a name that came from outside.
func WorkflowID(name string) (workflow.ID, error) {
	id := workflow.ID(name)
	if !id.Valid() {
		return "", fault.New(fault.NotFound, fmt.Sprintf("there is no workflow %.40q: use ingress, egress or optinout", name))
	}
	return id, nil
}

// List is how all workflows are.
func (s *Service) List() WorkflowList { return WorkflowList{Workflows: s.monitor.Views()} }

// Get is how one workflow is; fault.NotFound when there is none of that name.
func (s *Service) Get(name string) (workflow.View, error) {
	id, err := WorkflowID(name)
	if err != nil {
		return workflow.View{}, err
	}
	return s.monitor.View(id), nil
}

// Start commands a start. It is fault.Conflict with the reason when actions.start is disabled.
func (s *Service) Start(ctx context.Context, name string, who Caller) (workflow.Command, error) {
	return s.command(ctx, name, workflow.Start, who, func(a workflow.Actions) workflow.Action { return a.Start })
}

// Stop commands a stop. It is fault.Conflict with the reason when actions.stop is disabled.
func (s *Service) Stop(ctx context.Context, name string, who Caller) (workflow.Command, error) {
	return s.command(ctx, name, workflow.Stop, who, func(a workflow.Actions) workflow.Action { return a.Stop })
}

// command checks against what is true now, stores the command and reads the new state back, so that the next answer
// shows it. Two callers that pass the check at the same moment do no harm: the second command changes nothing
// (invariant 6).
func (s *Service) command(ctx context.Context, name string, verb workflow.Verb, who Caller, pick func(workflow.Actions) workflow.Action) (workflow.Command, error) {
	id, err := WorkflowID(name)
	if err != nil {
		return workflow.Command{}, err
	}
	if err := s.monitor.Refresh(ctx, id); err != nil {
		return workflow.Command{}, err
	}
	if action := pick(s.monitor.View(id).Actions); !action.Enabled {
		return workflow.Command{}, fault.New(fault.Conflict, action.Reason)
	}
	cmd := workflow.Command{Workflow: id, Verb: verb, By: who.By, Via: who.Via}
	if verb == workflow.Start { // A start is for what the admin sees now (invariant 7).
		cmd.ConfigRevision = s.monitor.View(id).ConfigRevision.Latest
	}
	stored, err := s.commands.Send(ctx, cmd)
	if err != nil {
		return workflow.Command{}, err
	}
	s.refreshAfter(ctx, id)
	return stored, nil
}

// refreshAfter shows what was just stored. That it fails does not undo it.
func (s *Service) refreshAfter(ctx context.Context, id workflow.ID) {
	if err := s.monitor.Refresh(ctx, id); err != nil {
		s.log.Warn("the new state could not be read back yet", zap.String("workflow", string(id)), zap.Error(err))
	}
}

// noteOf puts changes into the command log's note, a bounded number of them.
func noteOf(changes []string) string {
	const most = 10
	note := strings.Join(changes[:min(most, len(changes))], "; ")
	if more := len(changes) - most; more > 0 {
		note += fmt.Sprintf("; and %d more", more)
	}
	const longest = 1500 // The log shows notes up to 2 KB.
	if len(note) > longest {
		note = strings.ToValidUTF8(note[:longest], "") + "…"
	}
	return note
}
