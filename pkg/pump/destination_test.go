package pump_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/record"
)

// destination keeps rows, and the order in which writes landed and were confirmed.
type destination struct {
	mu      sync.Mutex
	rows    map[string]int64
	landed  []record.Record
	calls   []call
	busy    map[string]int
	latency time.Duration
	// landsWhenCut makes a write land although its caller was cut off before the answer came.
	landsWhenCut bool
	// answer decides about the nth call for a record (counted over all): nil writes and confirms.
	answer func(n int, r record.Record) outcome
	faults []string // what must never happen
}

type call struct {
	key     string
	version int64
	at      time.Time
	batch   int
}

// outcome of one write: it may land and be reported as failed.
type outcome struct {
	landed    bool
	unchanged bool
	expected  bool
	err       error
}

func newDestination() *destination {
	return &destination{rows: map[string]int64{}, busy: map[string]int{}}
}

func (d *destination) Write(ctx context.Context, batch []record.Record) []pump.Result {
	results := make([]pump.Result, len(batch))
	outcomes := make([]outcome, len(batch))
	d.mu.Lock()
	for i, r := range batch {
		if d.busy[r.Key]++; d.busy[r.Key] > 1 {
			d.faults = append(d.faults, "two writes of "+r.Key+" at a time")
		}
		d.calls = append(d.calls, call{key: r.Key, version: r.Version, at: time.Now(), batch: len(batch)})
		outcomes[i] = outcome{landed: true}
		if d.answer != nil {
			outcomes[i] = d.answer(len(d.calls), r)
		}
	}
	latency := d.latency
	d.mu.Unlock()
	cut := false
	if latency > 0 {
		timer := time.NewTimer(latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			cut = true
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, r := range batch {
		d.busy[r.Key]--
		if outcomes[i].landed && (!cut || d.landsWhenCut) {
			if r.Version < d.rows[r.Key] {
				d.faults = append(d.faults, fmt.Sprintf("version %d of %s landed over %d", r.Version, r.Key, d.rows[r.Key]))
			}
			d.rows[r.Key] = r.Version
			d.landed = append(d.landed, r)
		}
		results[i] = pump.Result{Unchanged: outcomes[i].unchanged, Err: outcomes[i].err, Expected: outcomes[i].expected}
		if cut {
			results[i].Err = fault.Wrap(fault.Transient, ctx.Err(), "cut off")
		}
	}
	return results
}

func (d *destination) seen() []call {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]call(nil), d.calls...)
}

func (d *destination) decide(answer func(n int, r record.Record) outcome) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answer = answer
}

// size is how many rows there are.
func (d *destination) size() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.rows)
}

func (d *destination) version(key string) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rows[key]
}
