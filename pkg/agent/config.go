package agent

import (
	"cmp"
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Runner is one run of a workflow, made for one configuration.
type Runner interface {
	// Run works until ctx ends (nil) or it cannot go on (the root cause). It calls ready when it has proof of progress.
	// When ctx ends with a cause of kind fault.Fenced, another instance may be active: nothing more may be written.
	Run(ctx context.Context, ready func()) error
	// Trouble says what the run is waiting for and what its sources have to tell, "" when all is well.
	Trouble() string
	// Waits reports whether the run waits for something. What a source has to tell, that no file has come for weeks, is no reason.
	Waits() bool
	// Loads lists the full reads under way.
	Loads() []workflow.Progress
}

// Lease is the right to run.
type Lease interface {
	// Guard returns an error of kind fault.Fenced once the right is gone.
	Guard() error
	// Lost is closed when the right is gone.
	Lost() <-chan struct{}
	// Release gives it up.
	Release(ctx context.Context) error
}

// HeldElsewhere is an error of Acquire that says who has the lease.
type HeldElsewhere interface {
	error
	HeldBy() string
}

// Wish is what a workflow is to do, and which commands said so.
type Wish struct {
	Desired workflow.Desired
	// Command is the deciding command. A start that is newer than a failure tries again at once.
	Command uint64
	// Stopped is the last stop, 0 where there was none. A run that began before it is over, even when a start followed so
	// quickly that nobody saw the stop.
	Stopped uint64
}

// Config of an agent.
type Config struct {
	Workflow workflow.ID
	// Instance is unique among the living processes.
	Instance string
	Version  string
	// Desired reads what the workflow is to do.
	Desired func(ctx context.Context) (Wish, error)
	// Acquire takes the lease, or fails with HeldElsewhere. Any other error is tried again. It is given askTimeout.
	Acquire func(ctx context.Context) (Lease, error)
	// Prepare loads the configuration and checks that it can work. It returns the run and the revision it is made for;
	// its error is the reason of FAILED. It may take its time, and comes back soon when ctx ends.
	Prepare func(ctx context.Context, lease Lease) (Runner, uint64, error)
	// Counters of all runs of this process.
	Counters func() workflow.Counters
	// Beat and Event publish. Their errors are logged: the next heartbeat follows. Beat is not called twice at a time.
	Beat  func(workflow.Heartbeat) error
	Event func(workflow.Event) error
	// Tick is how often desired and observed are compared and a heartbeat is sent; default 1 s.
	Tick time.Duration
	// FirstPause and LastPause bound the pauses between starts that failed for a passing reason; default 1 s and 10 min.
	FirstPause, LastPause time.Duration
	// StopTimeout bounds how long the release of the lease may take; default 3 s.
	StopTimeout time.Duration
	Log         *zap.Logger
}

// askTimeout bounds how long one question to the bus may hold up the agent.
const askTimeout = 3 * time.Second

func (c Config) withDefaults() Config {
	c.Tick = cmp.Or(c.Tick, time.Second)
	c.FirstPause = cmp.Or(c.FirstPause, time.Second)
	c.LastPause = cmp.Or(c.LastPause, 10*time.Minute)
	c.StopTimeout = cmp.Or(c.StopTimeout, 3*time.Second)
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	return c
}
