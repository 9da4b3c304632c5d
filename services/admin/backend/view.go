package backend

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

const (
	// heartbeatTimeout is how long an instance may be silent before it counts as gone. Instances speak every second.
	heartbeatTimeout = 5 * time.Second
	// startWindow is how long a workflow that was told to start may wait for a service before that is a failure.
	startWindow = 30 * time.Second
)

// Facts is everything known of one workflow at one moment. [View] makes of it what people see.
type Facts struct {
	ID workflow.ID
	// Unavailable says why this release cannot run the workflow, or is empty.
	Unavailable string
	// Desired is what the last start or stop asked for, Command that command; its Seq is 0 when there never was one.
	Desired workflow.Desired
	Command workflow.Command
	Backlog workflow.BacklogDetail
	// OldestAt is when the oldest unsettled record was queued, zero when nothing waits.
	OldestAt time.Time
	Failures uint64
	// Gaps is what could not be read any more, newest first.
	Gaps []workflow.Gap
	// Latest is the stored configuration, Running the one that the active instance runs on as far as it was read yet.
	Latest, Running Stored
	// RunningLost is true when the running revision is no longer in the history.
	RunningLost bool
	// Heartbeats holds the last word of each instance.
	Heartbeats []Seen
	Rates      Rates
	// ListeningSince is when this admin service began to hear heartbeats: silence before it proves nothing.
	ListeningSince time.Time
	// Trouble says what could not be read from the bus, or is empty. The rest is then as it was before.
	Trouble string
	// Connections is what is stored of the connections, nil while that is not known.
	Connections StoredConnections
	// PausedUntil is set while an operator has paused the queue's deliveries (nats consumer pause).
	PausedUntil time.Time
}

// Seen is a heartbeat with the time at which it arrived, by this process's clock: ages are never taken from another
// machine's clock.
type Seen struct {
	workflow.Heartbeat
	Received time.Time
}

// Stored is a configuration revision. Number 0 with no document stands for the defaults.
type Stored struct {
	Number   uint64
	Document []byte
}

// Rates is what was read, written and settled in a second, averaged over the last ten.
type Rates struct{ Read, Written, Settled float64 }

// View is how one workflow is, for people: a pure function of what is known and of the time.
func View(f Facts, now time.Time) workflow.View {
	active := activeOf(f.Heartbeats, now)
	state := observe(f, active, now)
	v := workflow.View{
		ID: f.ID, Name: f.ID.Name(), Backlog: f.Backlog.Total(), BacklogDetail: f.Backlog,
		Status: state.Status, Reason: reasonOf(f, state), Since: state.Since.UTC(), Desired: f.Desired,
		ConfigRevision: workflow.RevisionPair{Latest: f.Latest.Number}, PendingChanges: []string{},
		Actions:       actionsOf(f, state.Status),
		ReadPerSecond: tenth(f.Rates.Read), WrittenPerSecond: tenth(f.Rates.Written),
		Failures: f.Failures, Gaps: f.Gaps, Instances: instancesOf(f.Heartbeats, now),
	}
	if why := whyDisconnected(f, now); v.Actions.Start.Enabled && why != "" {
		v.Actions.Start = workflow.Action{Reason: why}
	}
	if v.Backlog > 0 && !f.OldestAt.IsZero() {
		v.OldestAgeSeconds = math.Max(0, math.Round(now.Sub(f.OldestAt).Seconds()))
	}
	if v.Backlog > 0 && f.Rates.Settled > 0 {
		v.EtaSeconds = math.Ceil(float64(v.Backlog) / f.Rates.Settled)
	}
	if active != nil {
		v.ConfigRevision.Running = active.ConfigRevision
		v.Counters, v.Loads = active.Counters, active.Loads
		v.RestartRequired, v.PendingChanges = pendingOf(f, active)
		if changed := reconnections(f, active); len(changed) > 0 {
			v.RestartRequired, v.PendingChanges = true, append(v.PendingChanges, changed...)
		}
	}
	return v
}

// activeOf is the instance that reads and writes: of those alive that say so, the one that started last. Two say so
// only in the moment of a handover, before the older one has noticed (invariant 5). Nil when nobody does.
func activeOf(heartbeats []Seen, now time.Time) *Seen {
	return newest(heartbeats, func(s Seen) bool { return s.Role == workflow.Active && s.alive(now) })
}

func (s Seen) alive(now time.Time) bool { return now.Sub(s.Received) <= heartbeatTimeout }

// newest is the heartbeat of the process that started last among those that pass, nil when none does.
func newest(heartbeats []Seen, pass func(Seen) bool) *Seen {
	var found *Seen
	for i := range heartbeats {
		if s := &heartbeats[i]; pass(*s) && (found == nil || compareAge(s, found) > 0) {
			found = s
		}
	}
	return found
}

func compareAge(a, b *Seen) int {
	return cmp.Or(a.StartedAt.Compare(b.StartedAt), a.At.Compare(b.At), cmp.Compare(a.Instance, b.Instance))
}

// observe is the observed state: what the active instance says, and what its silence means where there is none.
func observe(f Facts, active *Seen, now time.Time) workflow.State {
	switch {
	case active != nil:
		return said(f, active)
	case f.Desired == workflow.DesiredRunning:
		return missing(f, now)
	default:
		return atRest(f, now)
	}
}

// said is the active instance's own word. Where it has not followed the last command yet, that is told as the reason:
// what is desired never replaces what is observed (invariant 6).
func said(f Facts, active *Seen) workflow.State {
	state := workflow.State{Status: active.Status, Reason: active.Reason, Since: active.Since}
	switch started := active.Status.Started(); {
	case state.Reason != "":
	case f.Desired == workflow.DesiredRunning && !started:
		state.Reason = "asked to start; it has not followed yet"
	case f.Desired == workflow.DesiredStopped && started:
		state.Reason = "asked to stop; it is finishing what it holds"
	}
	return state
}

// atRest is a workflow that should be stopped and that nobody runs.
func atRest(f Facts, now time.Time) workflow.State {
	state := workflow.State{Status: workflow.Stopped, Since: f.Command.At}
	if standby := newest(f.Heartbeats, func(s Seen) bool { return s.alive(now) }); standby != nil {
		state.Since = standby.Since
		return state
	}
	if state.Since.IsZero() {
		state.Since = f.ListeningSince
	}
	if f.Unavailable == "" && !f.listensOnlyNow(now) {
		state.Reason = fmt.Sprintf("no %s service is alive", f.ID)
	}
	return state
}

// missing is a workflow that should run and that nobody runs (invariant 8: it is never shown as running).
func missing(f Facts, now time.Time) workflow.State {
	asked := f.Command.At
	since := func(status workflow.Status, at time.Time, reason string) workflow.State {
		return workflow.State{Status: status, Since: at, Reason: reason}
	}
	last := newest(f.Heartbeats, func(s Seen) bool { return s.Role == workflow.Active && s.Received.After(asked) })
	standby := newest(f.Heartbeats, func(s Seen) bool { return s.alive(now) })
	switch {
	case f.Unavailable != "":
		return since(workflow.Failed, asked, f.Unavailable)
	case last != nil:
		return since(workflow.Failed, last.Received, fmt.Sprintf("no heartbeat since %s (%s)", Clock(last.Received), last.Instance))
	case standby != nil && standby.Status == workflow.Failed:
		return since(workflow.Failed, standby.Since, standby.Reason)
	case f.listensOnlyNow(now):
		return since(workflow.Starting, asked, "waiting for the first heartbeat of its service")
	case now.Sub(asked) <= startWindow && standby != nil:
		return since(workflow.Starting, asked, "waiting for an instance to become the active one")
	case now.Sub(asked) <= startWindow:
		return since(workflow.Starting, asked, fmt.Sprintf("waiting for the %s service: none is alive yet", f.ID))
	case standby != nil:
		return since(workflow.Failed, asked.Add(startWindow), "its service is alive on standby, but no instance has become the active one")
	default:
		return since(workflow.Failed, asked.Add(startWindow),
			fmt.Sprintf("started at %s, but no %s service is alive: start its process", Clock(asked), f.ID))
	}
}

// listensOnlyNow reports whether silence may just mean that this process began to listen a moment ago.
func (f Facts) listensOnlyNow(now time.Time) bool {
	return now.Sub(f.ListeningSince) <= heartbeatTimeout
}

// reasonOf adds what the bus knows to what the instance says. The cause goes before its consequence (invariant 8).
func reasonOf(f Facts, state workflow.State) string {
	var reasons []string
	if f.Trouble != "" {
		reasons = append(reasons, f.Trouble)
	}
	if !f.PausedUntil.IsZero() && state.Status.Started() {
		reasons = append(reasons, fmt.Sprintf("an operator has paused the queue until %s", Clock(f.PausedUntil)))
	}
	if state.Reason != "" {
		reasons = append(reasons, state.Reason)
	}
	return strings.Join(reasons, "; ")
}

// actionsOf says what can be done now. What is desired decides which way the toggle points (invariant 6: a command
// given twice changes nothing, so it is refused with the reason); a workflow that failed may be started again at once.
func actionsOf(f Facts, status workflow.Status) workflow.Actions {
	actions := workflow.Actions{Edit: workflow.Action{Enabled: true}}
	actions.Start.Reason = whyNoStart(f, status)
	actions.Start.Enabled = actions.Start.Reason == ""
	switch {
	case f.Desired == workflow.DesiredRunning:
		actions.Stop.Enabled = true
	case status.Started():
		actions.Stop.Reason = "already asked to stop"
	default:
		actions.Stop.Reason = "already stopped"
	}
	return actions
}

func whyNoStart(f Facts, status workflow.Status) string {
	if f.Unavailable != "" {
		return f.Unavailable
	}
	if f.Desired == workflow.DesiredRunning && status != workflow.Failed {
		return "already started"
	}
	doc, err := f.Latest.decode(f.ID)
	if err != nil {
		return "the stored configuration cannot be read: edit it and save it again"
	}
	return doc.CannotStart()
}

// decode reads the revision; number 0 is the default document.
func (s Stored) decode(id workflow.ID) (config.Document, error) {
	if s.Number == 0 && len(s.Document) == 0 {
		return config.Default(id), nil
	}
	return config.Decode(id, s.Document)
}

// encoded is the revision as text, the defaults written out.
func (s Stored) encoded(id workflow.ID) ([]byte, error) {
	if s.Number == 0 && len(s.Document) == 0 {
		return config.Encode(config.Default(id))
	}
	return s.Document, nil
}

// pendingOf tells which edits await a restart: the instance keeps the revision that it started with (invariant 7).
func pendingOf(f Facts, active *Seen) (bool, []string) {
	none := []string{}
	// An instance that starts has not loaded its revision yet; one that runs on revision 0 runs on the defaults.
	loaded := active.ConfigRevision != 0 || active.Status == workflow.Running
	if !active.Status.Started() || !loaded || active.ConfigRevision == f.Latest.Number {
		return false, none
	}
	unknown := []string{fmt.Sprintf("it runs on revision %d, which is no longer kept; %d is the latest", active.ConfigRevision, f.Latest.Number)}
	if f.RunningLost {
		return true, unknown
	}
	if f.Running.Number != active.ConfigRevision { // Read at the next poll.
		return false, none
	}
	running, err := f.Running.encoded(f.ID)
	if err != nil {
		return true, unknown
	}
	latest, err := f.Latest.encoded(f.ID)
	if err != nil {
		return true, unknown
	}
	changes, err := config.Diff(running, latest)
	if err != nil {
		return true, unknown
	}
	if len(changes) == 0 {
		return false, none
	}
	return true, changes
}

// instancesOf lists who serves the workflow: the active one first.
func instancesOf(heartbeats []Seen, now time.Time) []workflow.InstanceView {
	list := make([]workflow.InstanceView, 0, len(heartbeats))
	for _, s := range heartbeats {
		list = append(list, workflow.InstanceView{Instance: s.Instance, Role: s.Role, Status: s.Status, Reason: s.Reason,
			LastSeen: s.Received.UTC().Truncate(time.Second), Alive: s.alive(now), Version: s.Version})
	}
	slices.SortFunc(list, func(a, b workflow.InstanceView) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Instance, b.Instance))
	})
	return list
}

// rank orders instances: alive before silent, active before standby.
func rank(i workflow.InstanceView) int {
	n := 0
	if !i.Alive {
		n += 2
	}
	if i.Role != workflow.Active {
		n++
	}
	return n
}

// Clock writes a moment for people.
func Clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }

func tenth(f float64) float64 { return math.Round(f*10) / 10 }
