package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// batchSize is how many messages an atomic batch holds at most. The product's page is a batch of this size too: its
// records, their key log entry and the position.
const batchSize = 1000

// benchReader measures the reader of a pump whose source costs nothing.
func benchReader(ctx context.Context, dir string, s sizes) ([]row, error) {
	n := 0
	raw := onFresh(dir, &n, func(ctx context.Context, f *fixture) (float64, error) { return rawBatches(ctx, f, s.reader) })
	ours := onFresh(dir, &n, func(ctx context.Context, f *fixture) (float64, error) { return readPages(ctx, f, s.reader) })
	r, err := alternate(ctx, s.reader, s.rounds, raw, ours)
	return []row{r.named("reader into the stream, null source",
		fmt.Sprintf("%d records of 1 KiB with 5 headers in pages of %d (with key log and position: batches of %d); raw: PublishMsgBatch of %d bare messages of the same number of bytes; a fresh server each time",
			s.reader, bus.MaxPage, batchSize, batchSize)).atLeast(0.9)}, err
}

// headerSize is what the product's headers add to a record's message: with so many bytes more, bare messages have its size.
func headerSize() int {
	size := 0
	for name, value := range map[string]string{bus.HeaderKey: key(0), bus.HeaderOp: string(record.Upsert), bus.HeaderVersion: "100000",
		bus.HeaderSnapshot: "1", bus.HeaderReadAt: "1700000000000"} {
		size += len(name) + len(": ") + len(value) + len("\r\n")
	}
	return size
}

// rawBatches publishes atomic batches of plain messages.
func rawBatches(ctx context.Context, f *fixture, n int) (float64, error) {
	row, subject, began := append(body(), make([]byte, headerSize())...), bus.RecordsSubject(workflow.Ingress, source), time.Now()
	for done := 0; done < n; {
		batch := make([]*nats.Msg, min(batchSize, n-done))
		for i := range batch {
			batch[i] = nats.NewMsg(subject)
			batch[i].Data = row
		}
		if _, err := jetstreamext.PublishMsgBatch(ctx, f.conn.JetStream(), batch); err != nil {
			return 0, err
		}
		done += len(batch)
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

// readPages runs a pump that only reads: its window never has anything.
func readPages(ctx context.Context, f *fixture, n int) (float64, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	pages := &nullSource{n: n, body: body(), end: stop}
	p := pump.New(pump.Config{Sources: map[string]pump.Source{source: pages}, Queue: f.queue, Sink: &countingSink{},
		Open: func(context.Context, int) (pump.Window, error) { return emptyWindow{}, nil }}, &pump.Counters{})
	began := time.Now()
	if err := p.Run(ctx, func() {}); err != nil {
		return 0, err
	}
	if pages.done < n {
		return 0, fmt.Errorf("%d of %d records were read", pages.done, n)
	}
	return float64(n) / pages.ended.Sub(began).Seconds(), nil
}

// nullSource makes pages from memory. When it is asked for one behind the last, the last is stored.
type nullSource struct {
	n, done int
	body    []byte
	end     func()
	once    sync.Once
	ended   time.Time
}

func (s *nullSource) Read(context.Context, record.Position) (record.Page, error) {
	if s.done == s.n {
		s.once.Do(func() { s.ended = time.Now(); s.end() })
		return record.Page{}, nil
	}
	records := page(s.done, min(bus.MaxPage, s.n-s.done), s.body)
	s.done += len(records)
	return record.Page{Records: records, Next: fmt.Append(nil, s.done), More: true}, nil
}

// emptyWindow has nothing to write.
type emptyWindow struct{}

func (emptyWindow) Next(ctx context.Context, _ int) ([]record.Delivery, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
func (emptyWindow) Superseded(record.Delivery) bool { return false }
func (emptyWindow) Close(context.Context) error     { return nil }
