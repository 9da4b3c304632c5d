package workflow

import "time"

// Failure is one record that its destination, or the mapping, refused for good. Of a record that was refused several
// times there is one, the latest, that counts the others.
type Failure struct {
	// Seq is the place of the latest refusal among the failures; it names the failure.
	Seq      uint64 `json:"seq" doc:"names the failure"`
	Workflow ID     `json:"workflow"`
	Source   string `json:"source" doc:"the table, or whatever else the record was read from"`
	Key      string `json:"key" doc:"the record's key at its source; empty where the record could not be read"`
	Op       string `json:"op,omitempty" doc:"upsert or delete"`
	// Reason is free of the record's values (invariant 9); the payload travels beside it, not in it.
	Reason string `json:"reason"`
	// Group names the failures of the same cause.
	Group    string    `json:"group"`
	FirstAt  time.Time `json:"firstAt"`
	LastAt   time.Time `json:"lastAt"`
	Attempts int       `json:"attempts" doc:"how often writing it was tried, all refusals together"`
	Times    int       `json:"times" doc:"how often it was refused"`
	// StreamSeq is where the record stood in the workflow's stream.
	StreamSeq uint64 `json:"streamSeq"`
	// CannotRetry says why a retry is not possible, empty where it is.
	CannotRetry string `json:"cannotRetry,omitempty"`
	// Payload is the row as it was refused. It is personal data, and only there where one failure was asked for.
	Payload any `json:"payload,omitempty" doc:"the row as it was refused; only in the answer about a single failure"`
}

// FailureGroup is all refusals of one cause.
type FailureGroup struct {
	ID string `json:"id"`
	// Cause is the reason without what is a single record's own.
	Cause   string    `json:"cause"`
	Count   uint64    `json:"count" doc:"refusals, a record that was refused twice counts twice"`
	FirstAt time.Time `json:"firstAt"`
	LastAt  time.Time `json:"lastAt"`
}
