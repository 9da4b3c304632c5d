package admin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/seal"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Service is what can be asked of the admin service, the same for pages, HTTP and NATS. Every error is a *fault.Error.
type Service struct {
	conn        *bus.Conn
	monitor     *Monitor
	commands    *bus.Commands
	configs     *bus.Configs
	connections *bus.Connections
	key         *seal.Key
	failures    *bus.Failures
	jobs        *jobs
	replay      ReplayLimits
	log         *zap.Logger
}

// Caller says who asks ("anna") and through what ("page", "http", "nats"), for the command log.
type Caller struct{ By, Via string }

// WorkflowList is the answer to "how are the workflows".
type WorkflowList struct {
	Workflows []workflow.View `json:"workflows"`
}

// CommandList is the command log, newest first.
type CommandList struct {
	Commands []workflow.Command `json:"commands"`
}

// workflowID checks a name that came from outside.
func workflowID(name string) (workflow.ID, error) {
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
	id, err := workflowID(name)
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
	id, err := workflowID(name)
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

// Commands is the command log: who asked for what, when.
func (s *Service) Commands(ctx context.Context, limit int) (CommandList, error) {
	list, err := s.commands.List(ctx, limit)
	if list == nil {
		list = []workflow.Command{}
	}
	return CommandList{Commands: list}, err
}

// Revision is one version of a configuration, without its document.
type Revision struct {
	Number  uint64    `json:"number"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Changes []string  `json:"changes" doc:"what it changed in the one before; empty for the oldest that is kept"`
}

// RevisionList is the history of a configuration, newest first.
type RevisionList struct {
	Revisions []Revision `json:"revisions"`
}

// Revisions tells who changed a workflow's configuration, when, and what.
func (s *Service) Revisions(ctx context.Context, name string) (RevisionList, error) {
	id, err := workflowID(name)
	if err != nil {
		return RevisionList{}, err
	}
	history, err := s.configs.History(ctx, id)
	if err != nil {
		return RevisionList{}, err
	}
	list := RevisionList{Revisions: make([]Revision, 0, len(history))}
	for i, rev := range history {
		changes := []string{}
		if i > 0 {
			changes = changesBetween(history[i-1].Document, rev.Document)
		}
		list.Revisions = append(list.Revisions, Revision{Number: rev.Number, By: rev.By, At: rev.At, Changes: changes})
	}
	slices.Reverse(list.Revisions)
	return list, nil
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
