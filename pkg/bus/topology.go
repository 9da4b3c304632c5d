package bus

import (
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Every name on the bus stands here. They are a public interface: operators use them with the NATS CLI.
const (
	StreamCommands = "CAUSEWAY_COMMANDS"
	StreamEvents   = "CAUSEWAY_EVENTS"
	StreamFailures = "CAUSEWAY_FAILURES"
	StreamLedger   = "CAUSEWAY_LEDGER"
	StreamTrend    = "CAUSEWAY_TREND"

	BucketConfig      = "CAUSEWAY_CONFIG"
	BucketConnections = "CAUSEWAY_CONNECTIONS"
	BucketLeases      = "CAUSEWAY_LEASES"
	BucketSettings    = "CAUSEWAY_SETTINGS"
	BucketUsage       = "CAUSEWAY_USAGE"

	// ConsumerWriter is the one durable consumer of a workflow's stream; PriorityGroup is its only group.
	ConsumerWriter = "writer"
	PriorityGroup  = "writer"

	prefix = "causeway."
)

// The headers of a record's message. The body is the row.
const (
	HeaderKey      = "Causeway-Key"
	HeaderOp       = "Causeway-Op"
	HeaderVersion  = "Causeway-Version"
	HeaderSnapshot = "Causeway-Snapshot"
	HeaderReadAt   = "Causeway-Read-At"
	// HeaderBy and HeaderVia say who asked, on commands and configuration revisions.
	HeaderBy  = "Causeway-By"
	HeaderVia = "Causeway-Via"
	// HeaderRevision is the configuration revision that a start is for, and with it every start over of the same run; of an edit
	// the one that it has made.
	HeaderRevision = "Causeway-Config-Revision"
)

// The times that the topology fixes.
const (
	// commandsKept is for how long the command log keeps what is over; it has no age limit, because what holds stays (Commands.Trim).
	commandsKept   = 90 * 24 * time.Hour
	eventsMaxAge   = 30 * 24 * time.Hour
	failuresMaxAge = 30 * 24 * time.Hour
	// ledgerMaxAge is how long decisions are kept where the configuration does not say.
	ledgerMaxAge  = 400 * 24 * time.Hour
	configHistory = 64

	// AckWait is how long a delivered record may stay unsettled without a sign of life.
	AckWait = 30 * time.Second
	// PinnedTTL is how long a silent active puller keeps its place.
	PinnedTTL = 3 * time.Second
	// LeaseTTL is how long a lease outlives its last renewal, LeaseRenew how often it is renewed.
	LeaseTTL   = 3 * time.Second
	LeaseRenew = time.Second
	// maxAckPending bounds what a writer can hold. It is above every window, so that the window is what limits.
	maxAckPending = 8192
)

// Stream is the name of a workflow's stream.
func Stream(id workflow.ID) string { return "CAUSEWAY_" + strings.ToUpper(string(id)) }

// RecordsSubject is where the records of a source stand; RecordsFilter matches those of all sources.
func RecordsSubject(id workflow.ID, source string) string {
	return prefix + string(id) + ".records." + source
}

// RecordsFilter matches the records of all of a workflow's sources.
func RecordsFilter(id workflow.ID) string { return prefix + string(id) + ".records.>" }

// CheckpointSubject holds the read positions of a source; the last message is the one that counts.
func CheckpointSubject(id workflow.ID, source string) string {
	return prefix + string(id) + ".checkpoint." + source
}

// FenceSubject holds who may append to a source: the last one that took it.
func FenceSubject(id workflow.ID, source string) string {
	return prefix + string(id) + ".fence." + source
}

// KeysSubject holds the log of the keys that a source is known to have.
func KeysSubject(id workflow.ID, source string) string {
	return prefix + string(id) + ".keys." + source
}

// ownerSubject holds the name of the run that was the last that could write: key <workflow>-owner of the lease bucket.
func ownerSubject(id workflow.ID) string { return "$KV." + BucketLeases + "." + string(id) + "-owner" }

// beganSubject holds the last start that has been at work: key <workflow>-began of the lease bucket.
func beganSubject(id workflow.ID) string { return "$KV." + BucketLeases + "." + string(id) + "-began" }

// privacyKey, of the configuration bucket, beside the workflows' documents, holds who has acknowledged the privacy responsibilities.
// Its value is {"version":1}, the version of the text; who, through what and when stand in the headers and the time of the message.
const privacyKey = "privacy"

// Retention is how long what holds or names personal data is kept: the command log, rejected records with their payloads,
// and decisions about contacts where the configuration does not say. Settled records are bounded by Keep.
func Retention() (commands, failures, ledger time.Duration) {
	return commandsKept, failuresMaxAge, ledgerMaxAge
}

// CommandSubject is where a command is published; an empty message will do.
func CommandSubject(id workflow.ID, verb workflow.Verb) string {
	return prefix + "commands." + string(id) + "." + string(verb)
}

// HeartbeatSubject is where an instance says how it is.
func HeartbeatSubject(id workflow.ID, instance string) string {
	return prefix + "heartbeats." + string(id) + "." + instance
}

// EventSubject is where events of a kind stand.
func EventSubject(id workflow.ID, kind workflow.EventKind) string {
	return prefix + "events." + string(id) + "." + string(kind)
}

// FailureSubject is where rejected records of a source stand.
func FailureSubject(id workflow.ID, source string) string {
	return prefix + "failures." + string(id) + "." + source
}

// LedgerSubject is where a workflow's decisions about a contact stand, oldest first.
func LedgerSubject(id workflow.ID, contact string) string {
	return prefix + "ledger." + string(id) + "." + Token(contact)
}

// The filters of the shared streams.
const (
	ledgerFilter     = prefix + "ledger.>"
	trendFilter      = prefix + "trend.>"
	commandsFilter   = prefix + "commands.>"
	eventsFilter     = prefix + "events.>"
	failuresFilter   = prefix + "failures.>"
	heartbeatsFilter = prefix + "heartbeats.>"
)

// Token makes a name fit for one token of a subject: what is not a letter, a digit or one of - _ becomes a dash.
func Token(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, name)
}
