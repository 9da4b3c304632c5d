package backend

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// FailureJob is a retry or a drop of rejected records. A large one goes on after the answer; a service that is stopped
// meanwhile leaves the rest among the failures.
type FailureJob struct {
	Action   string `json:"action" enum:"retry,drop"`
	By       string `json:"by"`
	Selected int    `json:"selected" doc:"how many refusals it is for"`
	Removed  int    `json:"removed" doc:"how many are gone from the failures"`
	Queued   int    `json:"queued" doc:"how many records were put back into the queue"`
	Skipped  int    `json:"skipped" doc:"how many were left because they cannot be retried"`
	Done     bool   `json:"done"`
	Problem  string `json:"problem,omitempty" doc:"why it ended early"`
}

// step is the work of a job. It tells its progress.
type step func(ctx context.Context, progress func(bus.Removal)) (bus.Removal, error)

// jobWait is how long an answer waits for a job to be done.
const jobWait = 2 * time.Second

// jobs works on rejected records, one job a workflow at a time.
type jobs struct {
	todo chan func(context.Context)

	mu      sync.Mutex
	current map[workflow.ID]*FailureJob
}

func newJobs() *jobs {
	return &jobs{todo: make(chan func(context.Context)), current: map[workflow.ID]*FailureJob{}}
}

// run works until ctx ends, and returns when every job has noticed.
func (j *jobs) run(ctx context.Context) {
	var working sync.WaitGroup
	defer working.Wait()
	for {
		select {
		case job := <-j.todo:
			working.Go(func() { job(ctx) })
		case <-ctx.Done():
			return
		}
	}
}

// begin starts a job and waits a little for its end. fault.Conflict while another is under way.
func (j *jobs) begin(ctx context.Context, id workflow.ID, job FailureJob, do step) (FailureJob, error) {
	j.mu.Lock()
	if other := j.current[id]; other != nil && !other.Done {
		j.mu.Unlock()
		return FailureJob{}, fault.New(fault.Conflict, fmt.Sprintf("another %s of rejected records is under way, %s of %s are done: wait for it",
			other.Action, Count(uint64(other.Removed)), Count(uint64(other.Selected))))
	}
	j.current[id] = &job
	j.mu.Unlock()

	ended := make(chan error, 1)
	work := func(ctx context.Context) {
		done, err := do(ctx, func(r bus.Removal) { j.note(&job, r, false, nil) })
		j.note(&job, done, true, err)
		ended <- err
	}
	select {
	case j.todo <- work:
	case <-ctx.Done():
		j.note(&job, bus.Removal{Selected: job.Selected}, true, ctx.Err())
		return j.copy(&job), ctx.Err()
	}
	wait := time.NewTimer(jobWait)
	defer wait.Stop()
	select {
	case err := <-ended:
		return j.copy(&job), err
	case <-wait.C:
	case <-ctx.Done():
	}
	return j.copy(&job), nil
}

func (j *jobs) note(job *FailureJob, r bus.Removal, done bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	job.Selected, job.Removed, job.Queued, job.Skipped, job.Done = r.Selected, r.Removed, r.Records, r.Skipped, done
	if err != nil {
		job.Problem = fault.Message(err)
	}
}

func (j *jobs) copy(job *FailureJob) FailureJob {
	j.mu.Lock()
	defer j.mu.Unlock()
	return *job
}

// last is the last job of a workflow, nil where there was none.
func (j *jobs) last(id workflow.ID) *FailureJob {
	j.mu.Lock()
	defer j.mu.Unlock()
	if job := j.current[id]; job != nil {
		c := *job
		return &c
	}
	return nil
}
