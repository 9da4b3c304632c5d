package agent

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Agent runs one workflow.
type Agent struct {
	cfg     Config
	nudge   chan struct{}
	started time.Time

	// Of Run's goroutine alone.
	run   *run // under way, or nil
	retry retry

	beating sync.Mutex // held while a heartbeat is made and sent: they leave in the order of their times

	mu       sync.Mutex
	state    workflow.State
	role     workflow.Role
	runner   Runner // nil while nothing runs
	revision uint64
	failures int    // starts that failed since the workflow was last steady
	stopping bool   // a run is being stopped
	blind    string // why the desired state cannot be read, "" when it can
}

// New makes an agent; nothing is started.
func New(cfg Config) *Agent {
	now := time.Now()
	return &Agent{cfg: cfg.withDefaults(), nudge: make(chan struct{}, 1), started: now, state: workflow.NewState(now), role: workflow.Standby}
}

// Nudge makes the agent compare desired and observed now instead of at its next tick.
func (a *Agent) Nudge() {
	select {
	case a.nudge <- struct{}{}:
	default:
	}
}

// Run works until ctx ends. It returns nil: whatever goes wrong is a status. It may be called once.
func (a *Agent) Run(ctx context.Context) error {
	quiet := make(chan struct{})
	var heart sync.WaitGroup
	heart.Go(func() { a.keepBeating(quiet) })
	defer heart.Wait()
	defer close(quiet)

	ticker := time.NewTicker(a.cfg.Tick)
	defer ticker.Stop()
	for {
		a.reconcile(ctx)
		select {
		case <-ctx.Done():
			a.halt("the service was shut down")
			return nil
		case <-a.run.ended():
			a.bury()
		case <-a.nudge:
		case <-ticker.C:
		}
	}
}

// retry says when a start that failed is repeated.
type retry struct {
	command uint64    // the command that the last attempt followed; a newer one is followed at once
	at      time.Time // the next attempt for the same command
	never   bool      // there is none: only a person helps
}

func (r retry) due(command uint64, now time.Time) bool {
	return command != r.command || !r.never && !now.Before(r.at)
}

// reconcile takes one step from what is to what is desired (invariant 6).
func (a *Agent) reconcile(ctx context.Context) {
	wish, err := a.desired(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		// Without knowing better, what runs goes on and what stands stays.
	case wish.Desired == workflow.DesiredStopped:
		a.halt("")
	case a.run != nil && wish.Stopped > a.run.command:
		a.halt("")
		a.follow(ctx, wish.Command)
	case a.run != nil:
		a.retry.command = wish.Command
		if a.run.steady(time.Now(), a.well()) {
			a.forgive()
		}
	case a.retry.due(wish.Command, time.Now()):
		a.follow(ctx, wish.Command)
	}
}

// follow makes the attempt to run that a command asks for.
func (a *Agent) follow(ctx context.Context, command uint64) {
	if command != a.retry.command {
		a.forgive()
	}
	a.retry = retry{command: command}
	a.start(ctx)
}

// desired asks for the desired state, and remembers when it cannot be read.
func (a *Agent) desired(ctx context.Context) (Wish, error) {
	askCtx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	wish, err := a.cfg.Desired(askCtx)
	if ctx.Err() != nil {
		return wish, ctx.Err()
	}
	a.mu.Lock()
	before, now := a.blind, fault.Message(err)
	a.blind = now
	a.mu.Unlock()
	if before != now {
		a.beat() // A change of the reason is said at once.
	}
	if err != nil && before == "" {
		a.cfg.Log.Warn("the desired state cannot be read", zap.String("why", fault.Message(err)), zap.Error(errors.Unwrap(err)))
	}
	return wish, err
}

// start takes the lease and begins a run, or says why it cannot.
func (a *Agent) start(ctx context.Context) {
	askCtx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	lease, err := a.cfg.Acquire(askCtx)
	var held HeldElsewhere
	switch {
	case err == nil:
		a.begin(ctx, lease)
	case ctx.Err() != nil:
	case errors.As(err, &held): // invariant 5
		a.forgive()
		a.become(workflow.Stopped, "standby: "+held.HeldBy()+" is active")
	default:
		// Whatever is wrong with the lease mends without us. Nothing was begun, so a FAILED workflow stays FAILED.
		if status, _ := a.Status(); status != workflow.Failed {
			a.become(workflow.Starting, "")
		}
		a.become(workflow.Failed, fault.Message(err))
		a.retry.at = time.Now().Add(a.backoff(err))
	}
}

// halt stops what runs, by command or shutdown, and waits until it is quiet.
func (a *Agent) halt(reason string) {
	r := a.run
	if r != nil {
		a.mu.Lock()
		a.stopping = true
		a.mu.Unlock()
		a.beat()
		r.stop(errStopped)
		<-r.done
	}
	a.forgive()
	a.leave(workflow.Stopped, reason)
}

// bury deals with a run that ended by itself.
func (a *Agent) bury() {
	err := a.run.err
	if err == nil {
		err = fault.New(fault.Transient, "the run ended by itself")
	}
	a.retry.at = time.Now().Add(a.backoff(err))
	switch fault.KindOf(err) {
	case fault.Fenced:
		a.leave(workflow.Stopped, "standby: "+fault.Message(err))
	case fault.Transient, fault.Throttled, fault.QueueFull:
		a.leave(workflow.Failed, fault.Message(err))
	default:
		a.retry.never = true
		a.leave(workflow.Failed, fault.Message(err))
	}
}

// leave says the new status when nothing runs any more, and gives up the lease.
func (a *Agent) leave(status workflow.Status, reason string) {
	r := a.run
	a.run = nil
	a.mu.Lock()
	a.runner, a.revision, a.role, a.stopping = nil, 0, workflow.Standby, false
	a.mu.Unlock()
	a.become(status, reason)
	if r != nil {
		a.release(r)
	}
}

func (a *Agent) release(r *run) {
	r.stop(nil)
	ctx, cancel := context.WithTimeout(context.Background(), a.cfg.StopTimeout)
	defer cancel()
	if err := r.lease.Release(ctx); err != nil {
		a.cfg.Log.Warn("the lease was not released; it runs out by itself", zap.String("why", fault.Message(err)))
	}
}

// backoff counts a failed start and says how long to wait before the next: longer each time, and never less than the
// remote asked for (invariant 10).
func (a *Agent) backoff(err error) time.Duration {
	a.mu.Lock()
	a.failures++
	failures := a.failures
	a.mu.Unlock()
	pause := a.cfg.FirstPause
	for n := 1; n < failures && pause < a.cfg.LastPause; n++ {
		pause *= 2
	}
	return max(min(pause, a.cfg.LastPause), fault.After(err))
}

// forgive forgets earlier failures.
func (a *Agent) forgive() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failures = 0
}
