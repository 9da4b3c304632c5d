package pump_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/record"
)

// upsert is version v of a key of the source "contact".
func upsert(key string, v int64) record.Record {
	return record.Record{Source: "contact", Key: key, Op: record.Upsert, Version: v, Data: json.RawMessage(fmt.Sprintf(`{"v":%d}`, v))}
}

// world is one workflow: a source, a queue and a destination, with the run under way.
type world struct {
	t        *testing.T
	source   *source
	queue    *queue
	dest     *destination
	cfg      pump.Config
	counters pump.Counters
	pump     *pump.Pump
	stopWith context.CancelCauseFunc
	ended    chan struct{}
	err      error
	readies  int
	mu       sync.Mutex
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, source: &source{}, queue: newQueue(), dest: newDestination()}
	w.cfg = pump.Config{Sources: map[string]pump.Source{"contact": w.source}, Queue: w.queue, Open: w.queue.Open, Sink: w.dest, InFlight: 4}
	return w
}

func (w *world) start() {
	var ctx context.Context
	ctx, w.stopWith = context.WithCancelCause(w.t.Context())
	w.pump = pump.New(w.cfg, &w.counters)
	w.ended = make(chan struct{})
	go func() {
		defer close(w.ended)
		w.err = w.pump.Run(ctx, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.readies++
		})
	}()
}

func (w *world) ready() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.readies
}

// stop asks the run to end, and returns what it said and how long it took.
func (w *world) stop() (time.Duration, error) {
	begin := time.Now()
	w.stopWith(errors.New("stopped by command"))
	<-w.ended
	return time.Since(begin), w.err
}

// mustStop stops, and checks that nothing went wrong on the way.
func (w *world) mustStop() {
	w.t.Helper()
	if _, err := w.stop(); err != nil {
		w.t.Errorf("a run that was stopped says %v", err)
	}
	w.check()
}

func (w *world) check() {
	w.t.Helper()
	for _, fault := range w.dest.faults {
		w.t.Error(fault)
	}
}

// running reports whether the run goes on.
func (w *world) running() bool {
	select {
	case <-w.ended:
		return false
	default:
		return true
	}
}
