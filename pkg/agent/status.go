package agent

import (
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Status returns the status and its reason.
func (a *Agent) Status() (workflow.Status, string) {
	beat := a.heartbeat()
	return beat.Status, beat.Reason
}

// become is the one place where the state changes. A change is said at once, and recorded as an event.
func (a *Agent) become(status workflow.Status, reason string) {
	a.mu.Lock()
	before := a.state
	next, err := before.To(status, reason, time.Now())
	a.state = next
	a.mu.Unlock()
	if err != nil {
		a.cfg.Log.DPanic("impossible step", zap.Error(err))
		return
	}
	if before == next {
		return
	}
	a.beat()
	a.cfg.Log.Info("status", zap.String("workflow", string(a.cfg.Workflow)), zap.String("status", string(status)), zap.String("reason", reason))
	if err := a.cfg.Event(workflow.Event{Workflow: a.cfg.Workflow, Instance: a.cfg.Instance, Kind: workflow.EventStatus,
		Status: status, Message: reason, At: time.Now()}); err != nil {
		a.cfg.Log.Warn("an event was not recorded", zap.String("why", fault.Message(err)))
	}
}

// well reports whether the run works and waits for nothing.
func (a *Agent) well() bool {
	beat, runner, stopping, blind := a.snapshot()
	return beat.Status == workflow.Running && !stopping && blind == "" && runner != nil && !runner.Waits()
}

// keepBeating sends a heartbeat now and at every tick, whatever else the agent is waiting for.
func (a *Agent) keepBeating(quiet <-chan struct{}) {
	ticker := time.NewTicker(a.cfg.Tick)
	defer ticker.Stop()
	for {
		a.beat()
		select {
		case <-quiet:
			return
		case <-ticker.C:
		}
	}
}

func (a *Agent) beat() {
	a.beating.Lock()
	defer a.beating.Unlock()
	if err := a.cfg.Beat(a.heartbeat()); err != nil {
		a.cfg.Log.Debug("a heartbeat was lost", zap.String("why", fault.Message(err)))
	}
}

// heartbeat is what the agent says of itself now.
func (a *Agent) heartbeat() workflow.Heartbeat {
	beat, runner, stopping, blind := a.snapshot()
	beat.Counters = a.cfg.Counters()
	if runner != nil {
		beat.Loads = runner.Loads()
	}
	working := beat.Status == workflow.Running || beat.Status == workflow.Starting
	switch {
	case working && stopping:
		beat.Reason = "stopping: finishing the writes under way"
	case working && runner != nil:
		beat.Reason = runner.Trouble()
	}
	if beat.Reason == "" && blind != "" {
		beat.Reason = "commands cannot be read: " + blind
	}
	return beat
}

// snapshot copies what the lock guards. The runner is asked outside of the lock: it may call ready.
func (a *Agent) snapshot() (beat workflow.Heartbeat, runner Runner, stopping bool, blind string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	beat = workflow.Heartbeat{Workflow: a.cfg.Workflow, Instance: a.cfg.Instance, Role: a.role, Status: a.state.Status,
		Reason: a.state.Reason, Since: a.state.Since, ConfigRevision: a.revision, StartedAt: a.started, At: time.Now(),
		Version: a.cfg.Version}
	if beat.Status == workflow.Failed || beat.Status == workflow.Starting {
		beat.Attempt = a.failures
	}
	return beat, a.runner, a.stopping, a.blind
}
