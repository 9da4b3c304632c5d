package workflow

import "time"

// View is one row of the Workflows view: the same on the page, in the HTTP API and in the NATS API.
type View struct {
	ID            ID            `json:"id"`
	Name          string        `json:"name"`
	Backlog       uint64        `json:"backlog" doc:"records read and queued, waiting to be written"`
	BacklogDetail BacklogDetail `json:"backlogDetail"`
	Status        Status        `json:"status" enum:"RUNNING,STOPPED,STARTING,FAILED"`
	Reason        string        `json:"reason"`
	Since         time.Time     `json:"since"`
	Desired       Desired       `json:"desired" enum:"running,stopped" doc:"what the last start or stop command asked for"`

	ConfigRevision  RevisionPair `json:"configRevision"`
	RestartRequired bool         `json:"restartRequired" doc:"edits await a stop and start"`
	PendingChanges  []string     `json:"pendingChanges" doc:"what differs between the running and the latest revision"`
	Actions         Actions      `json:"actions"`

	ReadPerSecond    float64        `json:"readPerSecond"`
	WrittenPerSecond float64        `json:"writtenPerSecond"`
	OldestAgeSeconds float64        `json:"oldestAgeSeconds" doc:"how long the oldest unsettled record has been waiting"`
	EtaSeconds       float64        `json:"etaSeconds" doc:"backlog divided by what was settled lately; 0 when unknown or nothing waits"`
	Failures         uint64         `json:"failures" doc:"rejected records in the failures stream"`
	Counters         Counters       `json:"counters" doc:"of the active instance, since its process started"`
	Loads            []Progress     `json:"loads,omitempty" doc:"full reads under way"`
	Gaps             []Gap          `json:"gaps,omitempty" doc:"what could not be read any more in the last 30 days, newest first"`
	Instances        []InstanceView `json:"instances"`
}

// BacklogDetail splits the backlog. The three add up to it.
type BacklogDetail struct {
	Pending  uint64 `json:"pending" doc:"not yet handed to a writer"`
	InFlight uint64 `json:"inFlight" doc:"handed to a writer, not yet settled"`
	Parked   uint64 `json:"parked" doc:"waiting for something else to arrive first"`
}

// Total is the backlog.
func (b BacklogDetail) Total() uint64 { return b.Pending + b.InFlight + b.Parked }

// RevisionPair is the revision that runs (0 when none does) beside the latest that is stored.
type RevisionPair struct {
	Running uint64 `json:"running"`
	Latest  uint64 `json:"latest"`
}

// Actions says what can be done now, and why not.
type Actions struct {
	Start Action `json:"start"`
	Stop  Action `json:"stop"`
	Edit  Action `json:"edit"`
}

// Action is one button.
type Action struct {
	Enabled bool   `json:"enabled"`
	Reason  string `json:"reason,omitempty" doc:"why it is disabled"`
}

// InstanceView is one process that serves the workflow.
type InstanceView struct {
	Instance string    `json:"instance"`
	Role     Role      `json:"role" enum:"active,standby"`
	Status   Status    `json:"status" enum:"RUNNING,STOPPED,STARTING,FAILED"`
	Reason   string    `json:"reason,omitempty"`
	LastSeen time.Time `json:"lastSeen"`
	// Alive is false for an instance that has been silent for longer than a heartbeat may take.
	Alive   bool   `json:"alive"`
	Version string `json:"version,omitempty"`
}
