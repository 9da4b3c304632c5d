package backend

import (
	"context"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// polled is what the bus last told of one workflow.
type polled struct {
	desired     bus.DesiredState
	latest      Stored
	running     Stored
	runningLost bool
	backlog     bus.Backlog
	failures    uint64
	gaps        []workflow.Gap
	gapsKnown   uint64 // names the newest
	trouble     string
}

// facts puts the answers into the view's terms.
func (p polled) facts() Facts {
	return Facts{
		Desired: p.desired.Desired, Command: p.desired.Command,
		Backlog:  workflow.BacklogDetail{Pending: p.backlog.Pending, InFlight: p.backlog.InFlight, Parked: p.backlog.Parked},
		OldestAt: p.backlog.OldestAt, Failures: p.failures, Gaps: p.gaps,
		Latest: p.latest, Running: p.running, RunningLost: p.runningLost, Trouble: p.trouble,
		PausedUntil: p.backlog.PausedUntil.Truncate(time.Second),
	}
}

// knows reports whether the document of a running revision is at hand.
func (p polled) knows(revision uint64) bool {
	return revision == p.latest.Number || revision == p.running.Number
}

// gather asks the bus for everything it knows of a workflow. What cannot be read stays as it was, and the first trouble
// is told. The error is that of the desired state or the configuration, without which nothing can be decided.
func (m *monitor) gather(ctx context.Context, id workflow.ID, before polled, running uint64) (polled, error) {
	after := before
	after.trouble = ""
	var firstCritical error
	note := func(err error, critical bool) bool {
		if err == nil {
			return true
		}
		if after.trouble == "" {
			after.trouble = fault.Message(err)
		}
		if critical && firstCritical == nil {
			firstCritical = err
		}
		return false
	}
	if desired, err := m.commands.Desired(ctx, id); note(err, true) {
		after.desired = desired
	}
	if latest, err := m.latest(ctx, id); note(err, true) {
		after.latest = latest
	}
	note(m.loadRunning(ctx, id, &after, running), false)
	if backlog, err := m.queues.Backlog(ctx, id); note(err, false) {
		after.backlog = backlog
	}
	if failures, err := m.queues.Failures(ctx, id); note(err, false) {
		after.failures = failures
	}
	if gaps, newest, err := m.events.Gaps(ctx, id, before.gapsKnown); note(err, false) && newest != before.gapsKnown {
		after.gaps, after.gapsKnown = gaps, newest
	}
	return after, firstCritical
}

// latest is the stored configuration, or the defaults as revision 0 where none was ever stored.
func (m *monitor) latest(ctx context.Context, id workflow.ID) (Stored, error) {
	rev, err := m.configs.Latest(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return Stored{}, nil
	}
	return Stored{Number: rev.Number, Document: rev.Document}, err
}

// loadRunning finds the document that the active instance runs on, once for each revision.
func (m *monitor) loadRunning(ctx context.Context, id workflow.ID, p *polled, revision uint64) error {
	switch {
	case revision == p.running.Number && (revision == 0 || p.runningLost || p.running.Document != nil):
		return nil
	case revision == 0:
		p.running, p.runningLost = Stored{}, false
		return nil
	case revision == p.latest.Number:
		p.running, p.runningLost = p.latest, false
		return nil
	}
	rev, err := m.configs.At(ctx, id, revision)
	switch {
	case fault.Is(err, fault.NotFound):
		p.running, p.runningLost = Stored{Number: revision}, true
		return nil
	case err != nil:
		return err
	}
	p.running, p.runningLost = Stored{Number: rev.Number, Document: rev.Document}, false
	return nil
}
