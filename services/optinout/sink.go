package optinout

import (
	"context"
	"fmt"
	"time"

	"github.com/causeway-sync/causeway/pkg/consent"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/record"
)

// sink brings both sides to say the same.
type sink struct {
	rule consent.Rule
	// columns are those of Dynamics by the Campaign field that they are mapped to.
	columns map[string]string
	// remember has the ledger know contacts that have opted out of something before anything has to be decided: reports
	// without times tell a change only by comparison.
	remember bool
	// maxWait is how long an opt-out waits for its profile.
	maxWait time.Duration

	ledger   ledger
	contacts contacts
	profiles profiles
	// guard says no when this instance may not write any more (invariant 5).
	guard     func() error
	unmatched *unmatched
	locks     locks
}

// job is the handling of one record.
type job struct {
	record record.Record
	report report

	known    consent.State
	revision uint64 // of the ledger's newest entry
	campaign consent.Values
	contact  consent.Contact
	plan     consent.Plan

	written consent.Written
	stale   bool // the contact was changed since it was read
	done    bool
	result  pump.Result
}

// end gives a job its result.
func (j *job) end(r pump.Result) { j.result, j.done = r, true }

// fail ends a job with an error.
func (j *job) fail(err error) { j.end(pump.Result{Err: err}) }

// rest ends a job that has nothing to write.
func (j *job) rest() { j.end(pump.Result{Unchanged: true}) }

// Write implements pump.Sink. Records of one contact in one batch are handled one after the other.
func (s *sink) Write(ctx context.Context, batch []record.Record) []pump.Result {
	jobs := make([]*job, len(batch))
	var understood []*job
	for i, r := range batch {
		jobs[i] = &job{record: r}
		if s.accept(jobs[i]); !jobs[i].done {
			understood = append(understood, jobs[i])
		}
	}
	for len(understood) > 0 {
		var now, later []*job
		seen := map[string]bool{}
		for _, j := range understood {
			if seen[j.report.contact] {
				later = append(later, j)
				continue
			}
			seen[j.report.contact] = true
			now = append(now, j)
		}
		s.handle(ctx, now)
		understood = later
	}
	results := make([]pump.Result, len(jobs))
	for i, j := range jobs {
		results[i] = j.result
	}
	return results
}

// accept understands a record, or ends its job.
func (s *sink) accept(j *job) {
	if j.record.Op == record.Delete { // Its profile is the business of ingress.
		j.rest()
		return
	}
	var err error
	if j.report, err = s.understand(j.record); err != nil {
		j.fail(err)
		return
	}
	if j.report.doubtful {
		s.unmatched.add(future)
	}
	if j.report.contact == "" {
		s.unmatched.add(noKey)
		j.rest()
	}
}

// maxRounds is how often a contact may change under our hands before it is left for later.
const maxRounds = 5

// handle handles reports of as many contacts.
func (s *sink) handle(ctx context.Context, jobs []*job) {
	ids := make([]string, len(jobs))
	for i, j := range jobs {
		ids[i] = j.report.contact
	}
	defer s.locks.take(ids)()
	all := jobs
	defer func() { each(all, func(j *job) { s.forget(ctx, j) }) }()
	each(jobs, func(j *job) { s.recall(ctx, j) })
	each(open(jobs), func(j *job) { s.look(ctx, j) })
	for round := 0; ; round++ {
		jobs = open(jobs)
		if len(jobs) == 0 {
			return
		}
		each(jobs, func(j *job) { s.decide(ctx, j) })
		s.writeContacts(ctx, open(jobs))
		each(settled(jobs), func(j *job) { s.finish(ctx, j) })
		for _, j := range open(jobs) {
			if round >= maxRounds {
				j.fail(fault.New(fault.Transient, fmt.Sprintf("contact %s is being changed again and again in Dynamics 365; it is decided when it rests", j.report.contact)))
			}
		}
		each(open(jobs), func(j *job) { s.lookAgain(ctx, j) })
	}
}

// open are the jobs that have no result yet.
func open(jobs []*job) []*job {
	var list []*job
	for _, j := range jobs {
		if !j.done {
			list = append(list, j)
		}
	}
	return list
}

// settled are the open jobs whose contact was written as it was decided, or needed no write.
func settled(jobs []*job) []*job {
	var list []*job
	for _, j := range open(jobs) {
		if !j.stale {
			list = append(list, j)
		}
	}
	return list
}
