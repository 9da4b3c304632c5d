// Package workflow is the vocabulary of what runs: the three workflows, the four statuses, commands that change what is
// desired, heartbeats that tell what is observed, and the view that puts the two side by side.
//
// It promises that desired and observed state never share a field (invariant 6), and that a status is always one of
// the four words with a reason and a time. It imports only the standard library.
package workflow

import (
	"slices"
	"time"
)

// ID names a workflow, in subjects, keys, URLs and metrics.
type ID string

// The workflows.
const (
	Ingress  ID = "ingress"
	Egress   ID = "egress"
	OptInOut ID = "optinout"
)

// All lists the workflows in the order in which people see them.
func All() []ID { return []ID{Ingress, Egress, OptInOut} }

// Name is what the page calls the workflow.
func (id ID) Name() string {
	switch id {
	case Ingress:
		return "Dynamics 365 to Campaign"
	case Egress:
		return "Campaign to Dynamics 365"
	case OptInOut:
		return "Opt In/Out"
	}
	return string(id)
}

// Valid reports whether id is one of All.
func (id ID) Valid() bool { return slices.Contains(All(), id) }

// Desired is what the last start or stop command asked for.
type Desired string

// The desired states. A workflow that was never commanded is to be stopped.
const (
	DesiredRunning Desired = "running"
	DesiredStopped Desired = "stopped"
)

// Verb is what a command asks for.
type Verb string

// The verbs. The last token of a command's subject.
const (
	Start         Verb = "start"
	Stop          Verb = "stop"
	ConfigChanged Verb = "config-changed"
	// FailuresRetried and FailuresDropped say what was done with rejected records; they ask for nothing.
	FailuresRetried Verb = "failures-retried"
	FailuresDropped Verb = "failures-dropped"
	// PrivacyAcknowledged says that somebody has taken note of the responsibilities for personal data; it asks for nothing.
	PrivacyAcknowledged Verb = "privacy-acknowledged"
)

// Valid reports whether v is a known verb.
func (v Verb) Valid() bool {
	return slices.Contains([]Verb{Start, Stop, ConfigChanged, FailuresRetried, FailuresDropped, PrivacyAcknowledged}, v)
}

// Command is one entry of the command log, which is also the audit log. Workflow and verb come from the subject and
// decide alone; the rest says who asked and may be missing when somebody published by hand.
type Command struct {
	// Seq is the command's place in the log. It identifies the command and orders it.
	Seq      uint64    `json:"seq"`
	Workflow ID        `json:"workflow"`
	Verb     Verb      `json:"verb"`
	At       time.Time `json:"at"`
	// By is who asked ("anna", or "unknown" for a bare message); Via is through what ("http", "nats", "page").
	By  string `json:"by"`
	Via string `json:"via"`
	// ConfigRevision is the configuration that a start is for, or that an edit has made; 0 where it does not say: of a start the
	// newest before it is meant.
	ConfigRevision uint64 `json:"configRevision,omitempty"`
	// Note is what changed, for config-changed; or what was wrong with a command that was ignored.
	Note string `json:"note,omitempty"`
	// Ignored is true for an entry that no workflow understands. It changes nothing.
	Ignored bool `json:"ignored,omitempty"`
}

// Role is the part that an instance plays.
type Role string

// The roles. Only the active instance reads and writes (invariant 5).
const (
	Active  Role = "active"
	Standby Role = "standby"
)

// Valid reports whether r is a known role.
func (r Role) Valid() bool { return r == Active || r == Standby }

// Counters of one instance since its process started. Plain sums: rates are the reader's business.
type Counters struct {
	// Read is records queued, Written those that the destination confirmed as created, changed or removed.
	Read    uint64 `json:"read"`
	Written uint64 `json:"written"`
	// Unchanged is records that the destination already held, Coalesced those that a newer version replaced in the
	// queue, Rejected those that went to the failures.
	Unchanged uint64 `json:"unchanged"`
	Coalesced uint64 `json:"coalesced"`
	Rejected  uint64 `json:"rejected"`
	// Retries counts attempts that failed for a passing reason, Throttled those among them that the remote asked for.
	Retries   uint64 `json:"retries"`
	Throttled uint64 `json:"throttled"`
	// Skipped counts by reason what was read and never queued, because it is not for the destination. The reasons are a
	// small fixed set of sentences, free of values.
	Skipped map[string]uint64 `json:"skipped,omitempty"`
}

// Settled is how many records have left the queue for good.
func (c Counters) Settled() uint64 { return c.Written + c.Unchanged + c.Coalesced + c.Rejected }

// Progress of a full read of one source.
type Progress struct {
	Source   string `json:"source"`
	Read     int64  `json:"read"`
	Expected int64  `json:"expected,omitempty"`
}

// Heartbeat is what one instance says of itself, once a second and at every change. It never holds personal data or
// secrets (invariant 9).
type Heartbeat struct {
	Workflow ID     `json:"workflow"`
	Instance string `json:"instance"`
	Role     Role   `json:"role"`
	Status   Status `json:"status"`
	// Reason says why: the root cause of FAILED, what a RUNNING workflow waits for. Empty when all is well.
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
	// ConfigRevision is the revision that the instance runs on, 0 when it is stopped (invariant 7).
	ConfigRevision uint64 `json:"configRevision,omitempty"`
	// Attempt counts starts that failed one after the other, 0 when the last one worked.
	Attempt  int        `json:"attempt,omitempty"`
	Counters Counters   `json:"counters"`
	Loads    []Progress `json:"loads,omitempty"`
	// Usage is what the process has used of each remote system since it started, as their contracts count it.
	Usage map[string]uint64 `json:"usage,omitempty"`
	// StartedAt is when the process started, At when this was said: together they fence a late heartbeat.
	StartedAt time.Time `json:"startedAt"`
	At        time.Time `json:"at"`
	Version   string    `json:"version,omitempty"`
	// Connections says by name where the instance has its connections from, nil where it does not tell.
	Connections map[string]ConnectionUse `json:"connections,omitempty"`
}

// The remote systems of which use is counted: engine calls of Campaign, requests to Dynamics.
const (
	UsesCampaign = "campaign"
	UsesDynamics = "dynamics"
)

// ConnectionUse is where an instance has a connection from.
type ConnectionUse struct {
	// Environment is true where the process's environment sets it; what is stored does not count then.
	Environment bool `json:"environment,omitempty"`
	// Revision is the stored one that the run uses, 0 where no run uses one (invariant 7).
	Revision uint64 `json:"revision,omitempty"`
}

// EventKind sorts events; it is the last token of an event's subject.
type EventKind string

// The kinds of events.
const (
	// EventStatus is a change of an instance's status.
	EventStatus EventKind = "status"
	// EventNotice is something unusual that mended itself, such as a full read after an expired position.
	EventNotice EventKind = "notice"
	// EventGap is a stretch of a source that can no longer be read.
	EventGap EventKind = "gap"
)

// Event is something that happened once and is kept for a while.
type Event struct {
	Workflow ID        `json:"workflow"`
	Instance string    `json:"instance,omitempty"`
	Kind     EventKind `json:"kind"`
	Status   Status    `json:"status,omitempty"`
	Message  string    `json:"message,omitempty"`
	At       time.Time `json:"at"`
	// Gap is what an EventGap is about.
	Gap *Gap `json:"gap,omitempty"`
}

// Gap is what a source held and nobody will read any more: it happened after From and before To. Zero where that is not
// known.
type Gap struct {
	Source string    `json:"source"`
	From   time.Time `json:"from,omitzero"`
	To     time.Time `json:"to,omitzero"`
	// At is when it was noticed.
	At time.Time `json:"at"`
	// Message says what happened, and what to do about it.
	Message string `json:"message"`
}
