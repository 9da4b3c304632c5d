package pump

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// Pump is one run of a workflow. Make a new one for each start: its configuration does not change (invariant 7).
type Pump struct {
	cfg      Config
	counters *Counters
	trouble  *troubles
	holds    *holds
	lead     *lead
	readers  map[string]*reader
	progress sync.Map // source name → record.Progress, while a full read is under way
}

// New makes a pump; nothing is opened. The counters go on where they are, so that they can outlive a run.
func New(cfg Config, counters *Counters) *Pump {
	cfg = cfg.withDefaults()
	return &Pump{cfg: cfg, counters: counters, trouble: newTroubles(), holds: newHolds(len(cfg.Sources)), lead: newLead(cfg, counters)}
}

// closeTimeout is how long the window may take to hand back what it holds.
const closeTimeout = 5 * time.Second

// Run reads and writes until ctx ends (nil), or until it cannot go on (the root cause). A ctx that ends with a cause of
// kind Fenced stops harder: the writes under way are cut off, and Run returns that cause. It calls ready once, when the
// window is open and every source has been read with success for the first time, or is held.
func (p *Pump) Run(ctx context.Context, ready func()) error {
	// The first fault ends the run and is its root cause; what the others say then is a consequence (invariant 8).
	runCtx, end := context.WithCancelCause(ctx)
	defer end(nil)
	window, err := p.open(runCtx)
	if err != nil {
		end(err)
		return outcome(ctx, runCtx)
	}
	var parts sync.WaitGroup
	p.readers = map[string]*reader{}
	for name, source := range p.cfg.Sources {
		p.readers[name] = newReader(p, name, source)
	}
	for _, r := range p.readers {
		parts.Go(func() { end(r.run(runCtx)) })
	}
	parts.Go(func() { newWriter(p, window, end).run(runCtx) })
	parts.Go(func() { announce(runCtx, p.readers, ready) })
	parts.Wait()
	p.close(ctx, window)
	return outcome(ctx, runCtx)
}

// open opens the window, and tries again while that fails for a passing reason.
func (p *Pump) open(ctx context.Context) (window Window, err error) {
	err = p.persist(ctx, "opening the queue", func() error {
		if err := p.cfg.Guard(); err != nil { // invariant 5
			return err
		}
		window, err = p.cfg.Open(ctx, p.cfg.Window)
		return err
	})
	return window, err
}

func (p *Pump) close(ctx context.Context, window Window) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := window.Close(ctx); err != nil {
		p.cfg.Log.Warn("the window did not close cleanly; what it held comes again later", zap.Error(err))
	}
}

// announce calls ready when every reader has succeeded once, those apart that are held: the proof of progress (invariant
// 8). One at least has succeeded, for a run whose sources are all held ends.
func announce(ctx context.Context, readers map[string]*reader, ready func()) {
	for _, r := range readers {
		select {
		case <-r.settled:
		case <-ctx.Done():
			return
		}
	}
	if ctx.Err() == nil {
		ready()
	}
}

// outcome is why a run ended: nil when that was asked for, unless by a fence.
func outcome(ctx, runCtx context.Context) error {
	cause := context.Cause(runCtx)
	if ctx.Err() != nil && errors.Is(cause, context.Cause(ctx)) && !fault.Is(cause, fault.Fenced) {
		return nil
	}
	return cause
}

// Trouble says what the run is waiting for, and what its sources have to say; "" when all is well.
func (p *Pump) Trouble() string {
	var lines []string
	if waiting := p.trouble.String(); waiting != "" {
		lines = append(lines, waiting)
	}
	for _, name := range slices.Sorted(maps.Keys(p.cfg.Sources)) {
		if source, speaks := p.cfg.Sources[name].(Troubled); speaks {
			lines = append(lines, source.Trouble()...)
		}
	}
	return strings.Join(lines, "; ")
}

// Waits reports whether the run waits for something. What a source has to tell is no reason.
func (p *Pump) Waits() bool { return p.trouble.String() != "" }

// loading reports whether a source is, or may still turn out to be, in the middle of a full read that goes on.
func (p *Pump) loading(name string) bool {
	r, there := p.readers[name]
	if !there || p.holds.has(name) {
		return false
	}
	select {
	case <-r.settled:
	default:
		return true // Not known before its first read.
	}
	_, loading := p.progress.Load(name)
	return loading
}

// Loads lists the full reads under way, by source.
func (p *Pump) Loads() map[string]record.Progress {
	loads := map[string]record.Progress{}
	p.progress.Range(func(name, progress any) bool {
		loads[name.(string)] = progress.(record.Progress)
		return true
	})
	return loads
}
