package workflow

import (
	"fmt"
	"time"
)

// Status is one of four words, exactly.
type Status string

// The statuses, and how they follow each other:
//
//	STOPPED --start--> STARTING --preflight and first poll succeed--> RUNNING
//	STARTING --cannot work--> FAILED      RUNNING --cannot recover--> FAILED
//	RUNNING | STARTING | FAILED --stop--> STOPPED      FAILED --start--> STARTING
const (
	Stopped  Status = "STOPPED"
	Starting Status = "STARTING"
	Running  Status = "RUNNING"
	Failed   Status = "FAILED"
)

// transitions holds every allowed step; what is not here cannot happen.
var transitions = map[Status][]Status{
	Stopped:  {Starting},
	Starting: {Running, Failed, Stopped},
	Running:  {Failed, Stopped},
	Failed:   {Starting, Stopped},
}

// Valid reports whether s is one of the four words.
func (s Status) Valid() bool { _, known := transitions[s]; return known }

// Started reports whether the toggle should offer Stop: the workflow works, tries to, or failed while it was to work.
func (s Status) Started() bool { return s == Running || s == Starting || s == Failed }

// CanBecome reports whether the step from s to next is in the diagram.
func (s Status) CanBecome(next Status) bool {
	for _, allowed := range transitions[s] {
		if allowed == next {
			return true
		}
	}
	return false
}

// State is a status with its reason and since when it holds.
type State struct {
	Status Status
	Reason string
	Since  time.Time
}

// NewState is how every workflow begins.
func NewState(now time.Time) State { return State{Status: Stopped, Since: now} }

// To is the one guarded transition: it returns the state after the step, or an error and the old state when the
// diagram has no such step. A step to the same status keeps Since and takes the new reason.
func (s State) To(next Status, reason string, now time.Time) (State, error) {
	if s.Status == next {
		s.Reason = reason
		return s, nil
	}
	if !s.Status.CanBecome(next) {
		return s, fmt.Errorf("workflow: no step from %s to %s", s.Status, next)
	}
	return State{Status: next, Reason: reason, Since: now}, nil
}
