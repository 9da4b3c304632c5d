package pump_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/record"
)

// pages is a source that always has more.
type pages struct{ page []record.Record }

func (p pages) Read(context.Context, record.Position) (record.Page, error) {
	return record.Page{Records: p.page, Next: record.Position("p"), More: true}, nil
}

// counting is a queue that keeps nothing, and a window that delivers without end.
type counting struct {
	target uint64
	count  atomic.Uint64
	seq    uint64
	page   []record.Record
	done   context.CancelFunc
}

func (c *counting) add(n int) {
	if c.count.Add(uint64(n)) >= c.target {
		c.done()
	}
}

func (c *counting) Checkpoint(context.Context, string) (record.Checkpoint, error) {
	return record.Checkpoint{}, nil
}

func (c *counting) Append(_ context.Context, _ string, records []record.Record, on record.Checkpoint, next record.Position) (record.Checkpoint, error) {
	c.add(len(records))
	return record.Checkpoint{Position: next, Revision: on.Revision + 1}, nil
}

func (c *counting) Reject(context.Context, record.Delivery, string, int) error { return nil }
func (c *counting) Park(context.Context, record.Delivery, string) error        { return nil }

func (c *counting) Next(ctx context.Context, limit int) ([]record.Delivery, error) {
	list := make([]record.Delivery, min(limit, len(c.page)))
	for i := range list {
		list[i] = record.Delivery{Record: c.page[c.seq%uint64(len(c.page))], Seq: c.seq + 1, Settler: c}
		c.seq++
	}
	return list, ctx.Err()
}

func (c *counting) Superseded(record.Delivery) bool { return false }
func (c *counting) Close(context.Context) error     { return nil }
func (c *counting) Ack() error                      { c.add(1); return nil }
func (c *counting) Nak() error                      { return nil }
func (c *counting) Extend() error                   { return nil }

// idle is a window without records.
type idle struct{ counting }

func (*idle) Next(ctx context.Context, _ int) ([]record.Delivery, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func thousand() []record.Record {
	page := make([]record.Record, 998)
	for i, key := range keys(len(page)) {
		page[i] = upsert(key, int64(i+1))
	}
	return page
}

// BenchmarkReader is the price of the reader itself, a record.
func BenchmarkReader(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	c := &counting{target: uint64(b.N), done: cancel}
	p := pump.New(pump.Config{Sources: map[string]pump.Source{"contact": pages{thousand()}}, Queue: c, Sink: sinkFunc(nil),
		Open: func(context.Context, int) (pump.Window, error) { return &idle{}, nil }}, &pump.Counters{})
	b.ReportAllocs()
	if err := p.Run(ctx, func() {}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkWriter is the price of the writer itself, a record: lanes, workers, settlement.
func BenchmarkWriter(b *testing.B) {
	for name, size := range map[string]int{"one": 1, "batches": 100} {
		b.Run(name, func(b *testing.B) {
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			c := &counting{target: uint64(b.N), page: thousand(), done: cancel}
			null := sinkFunc(func(_ context.Context, batch []record.Record) []pump.Result { return make([]pump.Result, len(batch)) })
			p := pump.New(pump.Config{Queue: c, Sink: null, BatchSize: size, InFlight: 64,
				Open: func(context.Context, int) (pump.Window, error) { return c, nil }}, &pump.Counters{})
			b.ReportAllocs()
			if err := p.Run(ctx, func() {}); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
