package backend

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Trace is everything that the bus knows of a record, by its key. It holds no payload and no value: whoever may see the key
// of a rejected record may see this.
type Trace struct {
	Key       string          `json:"key"`
	Workflows []WorkflowTrace `json:"workflows"`
}

// WorkflowTrace is what one workflow knows of the record.
type WorkflowTrace struct {
	Workflow workflow.ID `json:"workflow"`
	Name     string      `json:"name"`
	// Summary is where the record is now, in a sentence.
	Summary string      `json:"summary"`
	Steps   []TraceStep `json:"steps" doc:"what is known of it, newest first"`
	Search  TraceSearch `json:"search"`
}

// TraceSearch says how far the search went.
type TraceSearch struct {
	Complete bool   `json:"complete" doc:"everything that is kept was looked through"`
	Looked   uint64 `json:"looked" doc:"records that were looked at, the newest first"`
	Of       uint64 `json:"of" doc:"records that are kept"`
	// Since is when the oldest record was queued up to which there is no gap.
	Since time.Time `json:"since,omitzero" doc:"everything that was queued since was looked at"`
}

// TraceState says where a version of a record is.
type TraceState string

// The states.
const (
	TraceWaiting  TraceState = "waiting"
	TraceInFlight TraceState = "in-flight"
	TraceParked   TraceState = "parked"
	TraceRetry    TraceState = "to-be-read-again"
	TraceAside    TraceState = "put-aside"
	TraceSettled  TraceState = "settled"
	TraceRejected TraceState = "rejected"
	TraceDecided  TraceState = "decided"
)

// TraceStep is one thing that is known of a record.
type TraceStep struct {
	State TraceState `json:"state" enum:"waiting,in-flight,parked,to-be-read-again,put-aside,settled,rejected,decided"`
	// Text says it in a sentence.
	Text     string    `json:"text"`
	At       time.Time `json:"at" doc:"when it was queued, parked, rejected or decided"`
	Source   string    `json:"source,omitempty" doc:"the table, or whatever else the record was read from"`
	Op       string    `json:"op,omitempty" doc:"upsert or delete"`
	Version  int64     `json:"version,omitempty" doc:"the source's own"`
	FullRead bool      `json:"fullRead,omitempty" doc:"a full read brought it, not a change"`
	Seq      uint64    `json:"seq,omitempty" doc:"its place in the stream it stands in"`
	ReadAt   time.Time `json:"readAt,omitzero" doc:"when it was read at its source"`
	// Place counts from 1: so many records are written before, or with it.
	Place uint64 `json:"place,omitempty" doc:"of a waiting one: its place among those that wait, from 1"`
	// Newer is a version of the same record that waits behind: the two are written as one.
	Newer uint64 `json:"newer,omitempty" doc:"place of a newer version with which it is, or may have been, written as one"`
	// DueAt is when a parked one is looked at again.
	DueAt time.Time `json:"dueAt,omitzero" doc:"of a parked one: when it is looked at again"`
	// SettledAfter and SettledBy are between which it was settled, as far as the samples of the trend tell.
	SettledAfter time.Time `json:"settledAfter,omitzero"`
	SettledBy    time.Time `json:"settledBy,omitzero"`
	Reason       string    `json:"reason,omitempty" doc:"why it was parked or rejected"`
	// Failure names the rejected record, for /workflows/{id}/failures/{seq}.
	Failure uint64 `json:"failure,omitempty" doc:"names the rejected record"`
}

const (
	// traceTimeout bounds a search: somebody is waiting at a page.
	traceTimeout = 12 * time.Second
	// traceTurn is how long a search waits for the one before. One at a time is what the bus is asked for.
	traceTurn = 10 * time.Second
	// longestTraceKey is above every key that a source makes.
	longestTraceKey = 512
)

// Trace looks for a record by its key, in one workflow or in all. Errors: fault.Invalid for what cannot be a key,
// fault.NotFound for a workflow that does not exist, fault.Transient when other searches are under way.
func (s *Service) Trace(ctx context.Context, key, name string) (Trace, error) {
	key = strings.TrimSpace(key)
	if err := checkTraceKey(key); err != nil {
		return Trace{}, err
	}
	ids := workflow.All()
	if name != "" {
		id, err := WorkflowID(name)
		if err != nil {
			return Trace{}, err
		}
		ids = []workflow.ID{id}
	}
	if err := s.takeTurn(ctx); err != nil {
		return Trace{}, err
	}
	defer func() { <-s.tracing }()
	ctx, cancel := context.WithTimeout(ctx, traceTimeout)
	defer cancel()

	trace := Trace{Key: key, Workflows: make([]WorkflowTrace, len(ids))}
	problems := make([]error, len(ids))
	var searching sync.WaitGroup
	for i, id := range ids {
		searching.Go(func() { trace.Workflows[i], problems[i] = s.traceIn(ctx, id, key) })
	}
	searching.Wait()
	for _, err := range problems {
		if err != nil {
			return Trace{}, err
		}
	}
	return trace, nil
}

func checkTraceKey(key string) error {
	problem, fix := "", "give the whole key of one record: of a row its id, such as 0f8fad5b-d9cb-469f-a165-70867728950e, of an e-mail event the event's"
	switch {
	case key == "":
		problem = "the key is missing"
	case len(key) > longestTraceKey:
		problem = fmt.Sprintf("the key is longer than %d bytes", longestTraceKey)
	case !utf8.ValidString(key) || strings.ContainsFunc(key, unicode.IsControl):
		problem = "the key holds characters that no key has"
	default:
		return nil
	}
	return fault.Wrap(fault.Invalid, config.Faults{{Path: "key", Problem: problem, Fix: fix}}, problem+": "+fix)
}

// takeTurn waits until no other search is under way.
func (s *Service) takeTurn(ctx context.Context) error {
	timer := time.NewTimer(traceTurn)
	defer timer.Stop()
	select {
	case s.tracing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fault.Wrap(fault.Transient, ctx.Err(), "the search was given up")
	case <-timer.C:
		return fault.New(fault.Transient, "other searches are under way: try again in a moment")
	}
}

// traceIn looks through one workflow.
func (s *Service) traceIn(ctx context.Context, id workflow.ID, key string) (WorkflowTrace, error) {
	found, err := s.monitor.queues.Find(ctx, id, key)
	if err != nil {
		return WorkflowTrace{}, err
	}
	// What is left is little, and must not fail because the search took all its time.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pollTimeout)
	defer cancel()
	refusals, err := s.refusalsOf(ctx, id, key)
	if err != nil {
		return WorkflowTrace{}, err
	}
	t := tracer{found: found, refusals: refusals, samples: s.monitor.trends.since(id, time.Time{})}
	steps := t.steps()
	if err := s.places(ctx, id, found, steps); err != nil {
		return WorkflowTrace{}, err
	}
	if id == workflow.OptInOut {
		decided, err := s.decisionsOf(ctx, key)
		if err != nil {
			return WorkflowTrace{}, err
		}
		steps = append(steps, decided...)
	}
	slices.SortStableFunc(steps, func(a, b TraceStep) int { return b.At.Compare(a.At) })
	for i := range steps {
		steps[i].Text = steps[i].sentence()
	}
	trace := WorkflowTrace{Workflow: id, Name: id.Name(), Steps: steps,
		Search: TraceSearch{Complete: found.Complete, Looked: min(found.Looked, found.Of), Of: found.Of, Since: found.Since}}
	trace.Summary = trace.summary()
	return trace, nil
}

// maxTold bounds how many refusals of one record are told, and how many decisions about one contact: the newest.
const maxTold = 100

// refusalsOf are the refusals of a record that are kept, each by itself, oldest first.
func (s *Service) refusalsOf(ctx context.Context, id workflow.ID, key string) ([]workflow.Failure, error) {
	var refusals []workflow.Failure
	for f, err := range s.failures.All(ctx, id, bus.FailureQuery{Key: key}) {
		if err != nil {
			return nil, err
		}
		refusals = append(refusals, f)
	}
	return refusals, nil
}

// maxPlaces is how many waiting versions are told their place: each is a question to the server.
const maxPlaces = 10

// places tells the waiting versions their place in the queue.
func (s *Service) places(ctx context.Context, id workflow.ID, found bus.Found, steps []TraceStep) error {
	asked := 0
	for i := range steps {
		if steps[i].State != TraceWaiting || asked == maxPlaces {
			continue
		}
		asked++
		behind, err := s.monitor.queues.Behind(ctx, id, steps[i].Seq)
		if err != nil {
			return err
		}
		steps[i].Place = max(found.Unsettled, behind) - behind + 1
	}
	return nil
}

// decisionsOf are the entries of the ledger about a contact, without what was decided: values are for operators.
func (s *Service) decisionsOf(ctx context.Context, key string) ([]TraceStep, error) {
	var steps []TraceStep
	for after, more := uint64(0), true; more; {
		ledger, err := s.Ledger(ctx, key, after)
		if fault.Is(err, fault.Invalid) { // A key that is no contact's.
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, e := range ledger.Entries {
			reason := "written by another release"
			if !e.Unreadable {
				reason = PhaseText(e.Phase)
			}
			steps = append(steps, TraceStep{State: TraceDecided, At: e.At, Seq: e.Revision, Reason: reason})
		}
		steps = steps[max(0, len(steps)-maxTold):]
		after, more = ledger.Next, ledger.Next > 0
	}
	return steps, nil
}
