package agent

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// run is one run under way.
type run struct {
	command uint64 // that the run followed
	lease   Lease
	stop    context.CancelCauseFunc
	done    chan struct{}
	err     error // valid when done is closed

	wellSince time.Time // zero when it is not well
}

// errStopped is why the context of a run ends that was told to stop.
var errStopped = errors.New("stopped by command")

// ended is closed when the run is over; nil, which never happens, when there is none.
func (r *run) ended() <-chan struct{} {
	if r == nil {
		return nil
	}
	return r.done
}

// steadyAfter is how long a run must be well before its earlier failures are forgiven. The first success does not do: a
// workflow that reads well and cannot write would never pause longer.
const steadyAfter = time.Minute

// steady reports whether the run has been well for long enough.
func (r *run) steady(now time.Time, well bool) bool {
	switch {
	case !well:
		r.wellSince = time.Time{}
	case r.wellSince.IsZero():
		r.wellSince = now
	}
	return well && now.Sub(r.wellSince) >= steadyAfter
}

// begin starts a run under a lease.
func (a *Agent) begin(ctx context.Context, lease Lease) {
	a.mu.Lock()
	a.role = workflow.Active
	a.mu.Unlock()
	a.become(workflow.Starting, "")
	runCtx, stop := context.WithCancelCause(ctx)
	r := &run{command: a.retry.command, lease: lease, stop: stop, done: make(chan struct{})}
	a.run = r
	go func() { // halt and bury wait for done.
		defer close(r.done)
		r.err = a.work(runCtx, lease)
	}()
}

// work prepares and runs, fenced by the lease.
func (a *Agent) work(ctx context.Context, lease Lease) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	defer watch.Wait()
	defer cancel(nil)
	watch.Go(func() {
		select {
		case <-lease.Lost():
			cancel(fenced(lease)) // invariant 5
		case <-ctx.Done():
		}
	})
	runner, revision, err := a.cfg.Prepare(ctx, lease)
	if err != nil {
		return cause(ctx, err)
	}
	a.mu.Lock()
	a.runner, a.revision = runner, revision // invariant 7
	a.mu.Unlock()
	a.beat()
	return cause(ctx, runner.Run(ctx, func() { a.become(workflow.Running, "") }))
}

// fenced is the fault of a lost lease.
func fenced(lease Lease) error {
	if err := lease.Guard(); err != nil {
		return err
	}
	return fault.New(fault.Fenced, "this instance is no longer the active one: it lost its lease")
}

// cause replaces a consequence by what brought it about: a run that was fenced fails in many ways (invariant 8).
func cause(ctx context.Context, err error) error {
	if fence := context.Cause(ctx); fault.Is(fence, fault.Fenced) {
		return fence
	}
	return err
}
