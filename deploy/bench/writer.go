package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// benchWriter measures the writer of a pump whose sink costs nothing.
func benchWriter(ctx context.Context, dir string, s sizes) ([]row, error) {
	f, err := filled(ctx, dir, s.writer)
	if err != nil {
		return nil, err
	}
	defer f.close()
	raw := func(pinned bool) measure {
		return func(ctx context.Context) (float64, error) { return rawFetch(ctx, f.conn, s.writer, pinned, ackAll) }
	}
	ours := func(ctx context.Context) (float64, error) {
		return drain(ctx, f, s.writer, pump.Config{InFlight: inFlight, BatchSize: 1}, func(context.Context, record.Record) error { return nil })
	}
	if _, err := raw(false)(ctx); err != nil { // The first pass reads the blocks from the disk.
		return nil, err
	}
	how := fmt.Sprintf("%d records of 1 KiB, from the first delivery until the server knows the last ack; ours: window 500, 64 in flight, 1 a write, as the product runs; raw: Fetch(500) and Ack each on the same stream, by a consumer of its own ", s.writer)
	bare, err := alternate(ctx, s.writer, s.rounds, raw(false), ours)
	if err != nil {
		return nil, err
	}
	pinned, err := alternate(ctx, s.writer, s.rounds, raw(true), ours)
	return []row{
		bare.named("writer out of the stream, null sink", how+"without a pinned group").atLeast(0.8),
		pinned.named("the same, raw loop with a pinned group", how+"with a pinned group, as the product's has to have (invariant 5)").atLeast(0.8),
	}, err
}

// filled is a bus with n records queued.
func filled(ctx context.Context, dir string, n int) (*fixture, error) {
	f, err := openFixture(ctx, dir)
	if err != nil {
		return nil, err
	}
	if err := fill(ctx, f.queue, n); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// handler deals with fetched messages, and returns how many there were when it can take more.
type handler func(messages <-chan jetstream.Msg) (int, error)

// ackAll acknowledges each message and does nothing else.
func ackAll(messages <-chan jetstream.Msg) (int, error) {
	count := 0
	for msg := range messages {
		if err := msg.Ack(); err != nil {
			return count, err
		}
		count++
	}
	return count, nil
}

// rawFetch is the raw loop: Fetch(500), handle, again, until n records are acknowledged.
func rawFetch(ctx context.Context, conn *bus.Conn, n int, pinned bool, handle handler) (float64, error) {
	consumer, err := newConsumer(ctx, conn, pinned)
	if err != nil {
		return 0, err
	}
	opts := []jetstream.FetchOpt{jetstream.FetchMaxWait(5 * time.Second)}
	if pinned {
		opts = append(opts, jetstream.FetchPriorityGroup(bus.PriorityGroup))
	}
	began := time.Now()
	for done := 0; done < n; {
		batch, err := consumer.Fetch(min(500, n-done), opts...)
		if err != nil {
			return 0, err
		}
		count, err := handle(batch.Messages())
		if err := errors.Join(err, batch.Error()); err != nil {
			return 0, err
		}
		if count == 0 {
			return 0, fmt.Errorf("only %d of %d records came", done, n)
		}
		done += count
	}
	ended, err := awaitSettled(ctx, conn, rawConsumer, n)
	if err != nil {
		return 0, err
	}
	return float64(n) / ended.Sub(began).Seconds(), conn.JetStream().DeleteConsumer(ctx, bus.Stream(workflow.Ingress), rawConsumer)
}

// drain runs a pump that only writes, from the beginning of the stream, until n records are acknowledged.
func drain(ctx context.Context, f *fixture, n int, tuning pump.Config, write func(context.Context, record.Record) error) (float64, error) {
	stream := bus.Stream(workflow.Ingress)
	if err := f.conn.JetStream().DeleteConsumer(ctx, stream, bus.ConsumerWriter); err != nil {
		return 0, err
	}
	if err := bus.Provision(ctx, f.conn, bus.Sizes{}); err != nil { // It begins at the beginning again.
		return 0, err
	}
	runCtx, stop := context.WithCancel(ctx)
	defer stop()
	sink := &countingSink{n: int64(n), write: write, all: make(chan struct{})}
	tuning.Queue, tuning.Sink = f.queue, sink
	tuning.Open = func(ctx context.Context, size int) (pump.Window, error) {
		window, err := f.queue.Open(ctx, size)
		if err != nil {
			return nil, err
		}
		return window, nil
	}
	ended := make(chan error, 1)
	go func() { ended <- pump.New(tuning, &pump.Counters{}).Run(runCtx, func() {}) }()
	select {
	case err := <-ended:
		return 0, fmt.Errorf("the pump ended: %w", err)
	case <-sink.all:
	}
	settled, err := awaitSettled(ctx, f.conn, bus.ConsumerWriter, n)
	stop()
	return float64(n) / settled.Sub(sink.began).Seconds(), errors.Join(err, <-ended)
}

// countingSink hands each record to write and says when n were written.
type countingSink struct {
	n     int64
	write func(context.Context, record.Record) error
	all   chan struct{}

	first sync.Once
	began time.Time // when the first record came; read after all is closed
	count atomic.Int64
}

// Write implements pump.Sink.
func (s *countingSink) Write(ctx context.Context, batch []record.Record) []pump.Result {
	s.first.Do(func() { s.began = time.Now() })
	results := make([]pump.Result, len(batch))
	for i, r := range batch {
		results[i].Err = s.write(ctx, r)
	}
	if s.count.Add(int64(len(batch))) == s.n {
		close(s.all)
	}
	return results
}
