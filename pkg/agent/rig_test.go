package agent_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/agent"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// board is what the agents of a test share: the command log and the lease.
type board struct {
	mu         sync.Mutex
	desired    workflow.Desired
	command    uint64
	stopped    uint64
	unreadable error
	holder     string
	acquireErr error
	revision   uint64
}

func newBoard() *board { return &board{desired: workflow.DesiredStopped, revision: 1} }

// say gives a command: start or stop.
func (b *board) say(desired workflow.Desired) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.desired = desired
	b.command++
	if desired == workflow.DesiredStopped {
		b.stopped = b.command
	}
}

// with changes the board.
func (b *board) with(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

// active names the holder of the lease.
func (b *board) active() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.holder
}

type heldBy string

func (h heldBy) Error() string  { return "held by " + string(h) }
func (h heldBy) HeldBy() string { return string(h) }

type lease struct {
	board    *board
	instance string
	lost     chan struct{}
	released bool
}

func (l *lease) Lost() <-chan struct{} { return l.lost }

func (l *lease) Guard() error {
	select {
	case <-l.lost:
		return fault.New(fault.Fenced, "the lease was lost")
	default:
		return nil
	}
}

func (l *lease) Release(context.Context) error {
	l.board.mu.Lock()
	defer l.board.mu.Unlock()
	l.released = true
	if l.board.holder == l.instance {
		l.board.holder = ""
	}
	return nil
}

// rig is one agent with a run that does as it is told.
type rig struct {
	t      *testing.T
	board  *board
	name   string
	agent  *agent.Agent
	cfg    agent.Config
	cancel context.CancelFunc
	done   chan struct{}

	mu       sync.Mutex
	beats    []workflow.Heartbeat
	events   []workflow.Event
	lease    *lease
	acquires int
	prepares []time.Time
	running  int // runs under way
	most     int
	fail     chan error // ends the run
	causes   []error    // why the runs were told to stop
	trouble  string

	// prepare stands in for Prepare when it is not nil.
	prepare func(ctx context.Context) error
	// unready makes runs that never say ready; drain is how long a run takes to stop.
	unready bool
	drain   time.Duration
}

func newRig(t *testing.T, b *board, name string) *rig {
	r := &rig{t: t, board: b, name: name, fail: make(chan error)}
	r.cfg = agent.Config{
		Workflow: workflow.Ingress, Instance: name, Version: "test",
		Desired: r.desired, Acquire: r.acquire, Prepare: r.prepareRun,
		Counters: func() workflow.Counters { return workflow.Counters{Read: 7} },
		Beat: func(hb workflow.Heartbeat) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.beats = append(r.beats, hb)
			return nil
		},
		Event: func(e workflow.Event) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.events = append(r.events, e)
			return nil
		},
	}
	return r
}

func (r *rig) desired(context.Context) (agent.Wish, error) {
	r.board.mu.Lock()
	defer r.board.mu.Unlock()
	return agent.Wish{Desired: r.board.desired, Command: r.board.command, Stopped: r.board.stopped}, r.board.unreadable
}

func (r *rig) acquire(context.Context) (agent.Lease, error) {
	r.board.mu.Lock()
	defer r.board.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.acquires++
	switch {
	case r.board.acquireErr != nil:
		return nil, r.board.acquireErr
	case r.board.holder != "" && r.board.holder != r.name:
		return nil, heldBy(r.board.holder)
	}
	r.board.holder = r.name
	r.lease = &lease{board: r.board, instance: r.name, lost: make(chan struct{})}
	return r.lease, nil
}

func (r *rig) prepareRun(ctx context.Context, _ agent.Lease) (agent.Runner, uint64, error) {
	r.mu.Lock()
	r.prepares = append(r.prepares, time.Now())
	prepare := r.prepare
	r.mu.Unlock()
	if prepare != nil {
		if err := prepare(ctx); err != nil {
			return nil, 0, err
		}
	}
	r.board.mu.Lock()
	defer r.board.mu.Unlock()
	return runner{r}, r.board.revision, nil
}

type runner struct{ r *rig }

func (n runner) Run(ctx context.Context, ready func()) error {
	r := n.r
	r.with(func() { r.running++; r.most = max(r.most, r.running) })
	defer r.with(func() { r.running-- })
	if !r.unready {
		ready()
	}
	select {
	case err := <-r.fail:
		return err
	case <-ctx.Done():
	}
	var drain time.Duration
	r.with(func() { r.causes, drain = append(r.causes, context.Cause(ctx)), r.drain })
	if drain > 0 {
		timer := time.NewTimer(drain)
		<-timer.C
	}
	return errors.New("EOF") // A consequence.
}

func (n runner) Trouble() string {
	n.r.mu.Lock()
	defer n.r.mu.Unlock()
	return n.r.trouble
}

func (n runner) Waits() bool {
	n.r.mu.Lock()
	defer n.r.mu.Unlock()
	return n.r.trouble != "" && n.r.trouble != told
}

// told is what a source has to tell while the run works.
const told = "no export file has come for weeks"

func (n runner) Loads() []workflow.Progress {
	return []workflow.Progress{{Source: "contact", Read: 5, Expected: 10}}
}

func (r *rig) with(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

func (r *rig) start() {
	r.agent = agent.New(r.cfg)
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(r.t.Context())
	r.done = make(chan struct{})
	go func() {
		defer close(r.done)
		if err := r.agent.Run(ctx); err != nil {
			r.t.Errorf("Run: %v", err)
		}
	}()
	synctest.Wait()
}

// shut ends the service, and checks that nothing is left.
func (r *rig) shut() {
	r.t.Helper()
	r.cancel()
	<-r.done
	r.mu.Lock()
	beats := len(r.beats)
	if r.running != 0 {
		r.t.Errorf("%d runs are left", r.running)
	}
	if r.most > 1 {
		r.t.Errorf("%d runs at the same time", r.most)
	}
	if r.lease != nil && !r.lease.released {
		r.t.Error("the lease is not given up")
	}
	if last := r.beats[beats-1]; last.Status != workflow.Stopped || last.Role != workflow.Standby || last.ConfigRevision != 0 {
		r.t.Errorf("the last heartbeat: %+v", last)
	}
	r.mu.Unlock()
	quietly(time.Minute)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.beats) != beats {
		r.t.Error("it beats after its end")
	}
}

// lose takes the lease away.
func (r *rig) lose() {
	r.mu.Lock()
	close(r.lease.lost)
	r.mu.Unlock()
	synctest.Wait()
}

// command gives a command and nudges.
func (r *rig) command(desired workflow.Desired) {
	r.board.say(desired)
	r.agent.Nudge()
	synctest.Wait()
}

func (r *rig) last() workflow.Heartbeat {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.beats[len(r.beats)-1]
}

// expect checks status and reason, in the last heartbeat and in Status.
func (r *rig) expect(status workflow.Status, reason string) {
	r.t.Helper()
	if hb := r.last(); hb.Status != status || hb.Reason != reason {
		r.t.Errorf("%s says %s (%q), want %s (%q)", r.name, hb.Status, hb.Reason, status, reason)
	}
	if got, why := r.agent.Status(); got != status || why != reason {
		r.t.Errorf("%s is %s (%q), want %s (%q)", r.name, got, why, status, reason)
	}
}

// story is the events as one text.
func (r *rig) story() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := ""
	for i, e := range r.events {
		if e.Kind != workflow.EventStatus || e.Workflow != workflow.Ingress || e.Instance != r.name || e.At.IsZero() {
			r.t.Errorf("event %+v", e)
		}
		if i > 0 {
			text += " "
		}
		text += string(e.Status)
		if e.Message != "" {
			text += fmt.Sprintf("(%s)", e.Message)
		}
	}
	return text
}

func (r *rig) expectStory(want string) {
	r.t.Helper()
	if got := r.story(); got != want {
		r.t.Errorf("events:\n got %s\nwant %s", got, want)
	}
}

func (r *rig) starts() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.prepares)
}

// quietly waits in the bubble's own time.
func quietly(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
