package backend

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// FailureList is a page of rejected records, newest first, one entry a record and without its payload.
type FailureList struct {
	Failures []workflow.Failure `json:"failures"`
	Next     uint64             `json:"next,omitempty" doc:"the before of the next page; missing on the last one"`
	Newest   uint64             `json:"newest" doc:"the newest refusal that is known; send it as through, so that nothing unseen is retried or dropped"`
	Total    uint64             `json:"total" doc:"all refusals of the workflow"`
	Complete bool               `json:"complete" doc:"false while the service still counts what is stored"`
	Job      *FailureJob        `json:"job,omitempty" doc:"the last retry or drop that this service has begun"`
}

// FailureGroups is all refusals of a workflow by cause, the most frequent first.
type FailureGroups struct {
	Groups   []workflow.FailureGroup `json:"groups"`
	Complete bool                    `json:"complete" doc:"false while the service still counts what is stored"`
}

// Failures lists the rejected records of a workflow in front of a sequence (0 for the newest).
func (s *Service) Failures(ctx context.Context, name string, q bus.FailureQuery, before uint64, limit int) (FailureList, error) {
	id, err := WorkflowID(name)
	if err != nil {
		return FailureList{}, err
	}
	page, err := s.failures.List(ctx, id, q, before, limit)
	if err != nil {
		return FailureList{}, err
	}
	return FailureList{Failures: page.Failures, Next: page.Next, Newest: page.Newest, Total: s.monitor.View(id).Failures, Complete: page.Complete,
		Job: s.jobs.last(id)}, nil
}

// FailureGroups adds a workflow's refusals up by cause.
func (s *Service) FailureGroups(name string) (FailureGroups, error) {
	id, err := WorkflowID(name)
	if err != nil {
		return FailureGroups{}, err
	}
	groups, complete, err := s.failures.Groups(id)
	return FailureGroups{Groups: groups, Complete: complete}, err
}

// Failure is one rejected record with its payload. The payload is personal data: it is given to who asks for this one
// record, and stands in no list, log or event (invariant 9).
func (s *Service) Failure(ctx context.Context, name string, seq uint64) (workflow.Failure, error) {
	id, err := WorkflowID(name)
	if err != nil {
		return workflow.Failure{}, err
	}
	return s.failures.Get(ctx, id, seq)
}

// AllFailures yields every refusal that matches, oldest first, without payloads.
func (s *Service) AllFailures(ctx context.Context, name string, q bus.FailureQuery) (iter.Seq2[workflow.Failure, error], error) {
	id, err := WorkflowID(name)
	if err != nil {
		return nil, err
	}
	return s.failures.All(ctx, id, q), nil
}

// RetryFailures puts rejected records back into the queue: their rows are read again and written as they are now, so an
// older version never overwrites a newer one (invariant 4). The job may still run when it is returned.
func (s *Service) RetryFailures(ctx context.Context, name string, selection bus.Selection, who Caller) (FailureJob, error) {
	id, err := WorkflowID(name)
	if err != nil {
		return FailureJob{}, err
	}
	mapped, err := s.mappedSources(ctx, id)
	if err != nil {
		return FailureJob{}, err
	}
	seqs, err := s.failures.Select(id, selection, true)
	if err != nil {
		return FailureJob{}, err
	}
	job, err := s.work(ctx, id, workflow.FailuresRetried, seqs, selection, who, func(ctx context.Context, progress func(bus.Removal)) (bus.Removal, error) {
		return s.failures.Retry(ctx, id, seqs, mapped, progress)
	})
	if err == nil && job.Done && job.Selected > 0 && job.Skipped == job.Selected {
		return job, fault.New(fault.Conflict, "none of these records can be retried: they name no row, or their table is not mapped; map the table first, or drop them")
	}
	return job, err
}

// DropFailures removes rejected records for good. The job may still run when it is returned.
func (s *Service) DropFailures(ctx context.Context, name string, selection bus.Selection, who Caller) (FailureJob, error) {
	id, err := WorkflowID(name)
	if err != nil {
		return FailureJob{}, err
	}
	seqs, err := s.failures.Select(id, selection, false)
	if err != nil {
		return FailureJob{}, err
	}
	return s.work(ctx, id, workflow.FailuresDropped, seqs, selection, who, func(ctx context.Context, progress func(bus.Removal)) (bus.Removal, error) {
		return s.failures.Drop(ctx, id, seqs, progress)
	})
}

// work notes in the command log who asked for what, counts and causes only, and begins a job.
func (s *Service) work(ctx context.Context, id workflow.ID, verb workflow.Verb, seqs []uint64, selection bus.Selection, who Caller, do step) (FailureJob, error) {
	if len(seqs) == 0 {
		return FailureJob{Action: actionOfVerb(verb), By: who.By, Done: true}, nil
	}
	note := fmt.Sprintf("%s refusals", Count(uint64(len(seqs))))
	if len(seqs) == 1 {
		note = "1 refusal"
	}
	if cause := s.CauseOfGroup(id, selection.Group); cause != "" {
		note += ": " + cause
	}
	return s.jobs.begin(ctx, id, FailureJob{Action: actionOfVerb(verb), By: who.By, Selected: len(seqs)},
		func(ctx context.Context, progress func(bus.Removal)) (bus.Removal, error) {
			if _, err := s.commands.Send(ctx, workflow.Command{Workflow: id, Verb: verb, By: who.By, Via: who.Via, Note: noteOf([]string{note})}); err != nil {
				return bus.Removal{Selected: len(seqs)}, err // Nothing is done that nobody is told of.
			}
			done, err := do(ctx, progress)
			s.refreshAfter(ctx, id)
			if err != nil {
				s.log.Warn("rejected records could not all be worked on", zap.String("workflow", string(id)), zap.String("what", string(verb)), zap.Int("done", done.Removed),
					zap.Int("of", done.Selected), zap.Error(fault.Cause(err)))
			}
			return done, err
		})
}

func actionOfVerb(verb workflow.Verb) string {
	if verb == workflow.FailuresRetried {
		return "retry"
	}
	return "drop"
}

// CauseOfGroup is the cause that a group's id stands for, "" for none.
func (s *Service) CauseOfGroup(id workflow.ID, group string) string {
	if group == "" {
		return ""
	}
	groups, _, err := s.failures.Groups(id)
	if err != nil {
		return ""
	}
	for _, g := range groups {
		if g.ID == group {
			return g.Cause
		}
	}
	return ""
}

// mappedSources tells which sources of a workflow somebody reads, nil for all. A retry of another would wait for ever.
func (s *Service) mappedSources(ctx context.Context, id workflow.ID) (func(string) bool, error) {
	if id != workflow.Ingress {
		return nil, nil
	}
	stored, err := s.config(ctx, id)
	if err != nil {
		return nil, err
	}
	parsed, err := config.Decode(id, stored.Document)
	if err != nil {
		return nil, fault.Wrap(fault.Conflict, err, "the stored configuration cannot be read: mend it first")
	}
	doc, ok := parsed.(*config.IngressDoc)
	if !ok {
		return nil, errors.New("the configuration of ingress is another workflow's")
	}
	tables := map[string]bool{}
	for _, m := range doc.Mappings {
		tables[m.Table] = true
	}
	return func(source string) bool { return tables[source] }, nil
}

// CountFailures is how many rejected records a selection means.
func (s *Service) CountFailures(id workflow.ID, selection bus.Selection) (int, error) {
	return s.failures.Count(id, selection)
}
