package pump_test

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/record"
)

// queue keeps what the bus keeps: records in order, positions, acknowledgements, failures. Its answers can be lost, its
// last acknowledgements forgotten.
type queue struct {
	mu          sync.Mutex
	log         []record.Delivery // seq is index + 1
	acked       map[uint64]bool
	acks        []uint64 // in order
	naks        []uint64
	extended    map[uint64]int
	checkpoints map[string]checkpoint
	parked      []failure
	failures    []failure
	capacity    int // unsettled records; 0 is no limit
	news        chan struct{}
	window      *window
	epoch       int // counts crashes: what a dead process says is not heard
	offers      int

	appendFails func(n int) (stored bool, err error)
	rejectFails func() error
	openFails   func() error
	onAck       func(d record.Delivery)
}

type checkpoint struct {
	record.Checkpoint
	page string
}

type failure struct {
	record.Delivery
	reason   string
	attempts int
}

func newQueue() *queue {
	return &queue{acked: map[uint64]bool{}, extended: map[uint64]int{}, checkpoints: map[string]checkpoint{}, news: make(chan struct{})}
}

func (q *queue) tellLocked() {
	close(q.news)
	q.news = make(chan struct{})
}

func (q *queue) Checkpoint(_ context.Context, source string) (record.Checkpoint, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.checkpoints[source].Checkpoint, nil
}

func (q *queue) Append(ctx context.Context, source string, records []record.Record, on record.Checkpoint, next record.Position) (record.Checkpoint, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.offers++
	stored := q.checkpoints[source]
	page := fmt.Sprint(on.Revision, " ", string(next), " ", records)
	switch {
	case ctx.Err() != nil:
		return on, ctx.Err()
	case stored.page == page:
		return stored.Checkpoint, nil
	case stored.Revision != on.Revision:
		return on, fault.New(fault.Fenced, "another instance reads "+source)
	case q.capacity > 0 && q.backlogLocked()+len(records) > q.capacity:
		return on, fault.New(fault.QueueFull, "the queue is full")
	}
	if q.appendFails != nil {
		if keep, err := q.appendFails(q.offers); err != nil {
			if keep {
				q.storeLocked(source, records, next, page)
			}
			return on, err
		}
	}
	return q.storeLocked(source, records, next, page), nil
}

func (q *queue) storeLocked(source string, records []record.Record, next record.Position, page string) record.Checkpoint {
	for _, r := range records {
		q.log = append(q.log, record.Delivery{Record: r, Seq: uint64(len(q.log) + 1)})
	}
	made := checkpoint{record.Checkpoint{Position: next, Revision: q.checkpoints[source].Revision + 1}, page}
	q.checkpoints[source] = made
	q.tellLocked()
	return made.Checkpoint
}

// put stores records without a source; a record without a key is broken.
func (q *queue) put(records ...record.Record) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range records {
		d := record.Delivery{Record: r, Seq: uint64(len(q.log) + 1)}
		if r.Key == "" {
			d.Broken = errors.New("no key")
		}
		q.log = append(q.log, d)
	}
	q.tellLocked()
}

func (q *queue) Reject(ctx context.Context, d record.Delivery, reason string, attempts int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if q.rejectFails != nil {
		if err := q.rejectFails(); err != nil {
			return err
		}
	}
	q.failures = append(q.failures, failure{d, reason, attempts})
	return nil
}

// Park keeps a record among the parked ones.
func (q *queue) Park(ctx context.Context, d record.Delivery, reason string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if q.rejectFails != nil {
		if err := q.rejectFails(); err != nil {
			return err
		}
	}
	q.parked = append(q.parked, failure{d, reason, 0})
	return nil
}

func (q *queue) backlogLocked() int { return len(q.log) - len(q.acked) }

func (q *queue) backlog() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.backlogLocked()
}

func (q *queue) failed() []failure {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]failure(nil), q.failures...)
}

// stored is the position of a source, and how often it has moved.
func (q *queue) stored(source string) record.Checkpoint {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.checkpoints[source].Checkpoint
}

// length is how many records were ever stored.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.log)
}

// forgetLocked loses the last n acknowledgements, as a server does that is killed.
func (q *queue) forgetLocked(n int) (forgotten []uint64) {
	n = min(n, len(q.acks))
	forgotten = q.acks[len(q.acks)-n:]
	q.acks = q.acks[:len(q.acks)-n]
	for _, seq := range forgotten {
		delete(q.acked, seq)
	}
	return forgotten
}

// killServer forgets acknowledgements while a window is open: the records are delivered again.
func (q *queue) killServer(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	forgotten := q.forgetLocked(n)
	if q.window != nil {
		q.window.again = append(q.window.again, forgotten...)
	}
	q.tellLocked()
}

// crash is the death of the process: what it still says is not heard.
func (q *queue) crash(forget int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.epoch++
	q.forgetLocked(forget)
}

// window delivers from the ack floor on, as bus.Window does: what was settled above it comes again.
type window struct {
	q      *queue
	epoch  int
	next   uint64
	again  []uint64
	newest map[string]uint64
	closed bool
}

func (q *queue) Open(context.Context, int) (pump.Window, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.openFails != nil {
		if err := q.openFails(); err != nil {
			return nil, err
		}
	}
	floor := uint64(1)
	for q.acked[floor] {
		floor++
	}
	w := &window{q: q, epoch: q.epoch, next: floor, newest: map[string]uint64{}}
	for _, d := range q.log[floor-1:] {
		delete(q.acked, d.Seq)
		w.newest[d.Key] = d.Seq
	}
	q.acks = nil
	q.window = w
	return w, nil
}

func (w *window) Next(ctx context.Context, limit int) ([]record.Delivery, error) {
	for {
		w.q.mu.Lock()
		if w.closed || limit <= 0 {
			w.q.mu.Unlock()
			return nil, fault.New(fault.Fatal, "a defect: Next of a closed window, or for nothing")
		}
		list := w.deliverLocked(limit)
		news := w.q.news
		w.q.mu.Unlock()
		if len(list) > 0 {
			return list, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (w *window) deliverLocked(limit int) (list []record.Delivery) {
	for ; len(w.again) > 0 && len(list) < limit; w.again = w.again[1:] {
		list = append(list, w.deliveryLocked(w.again[0]))
	}
	for ; int(w.next) <= len(w.q.log) && len(list) < limit; w.next++ {
		list = append(list, w.deliveryLocked(w.next))
	}
	return list
}

func (w *window) deliveryLocked(seq uint64) record.Delivery {
	d := w.q.log[seq-1]
	d.Settler = &settler{w, d}
	return d
}

func (w *window) Superseded(d record.Delivery) bool { return w.newest[d.Key] > d.Seq }

func (w *window) Close(context.Context) error {
	w.q.mu.Lock()
	defer w.q.mu.Unlock()
	w.closed = true
	w.q.window = nil
	return nil
}

type settler struct {
	w *window
	d record.Delivery
}

func (s *settler) Ack() error {
	q := s.w.q
	q.mu.Lock()
	defer q.mu.Unlock()
	if s.w.epoch != q.epoch {
		return errors.New("the connection is gone")
	}
	if q.onAck != nil {
		q.onAck(s.d)
	}
	if !q.acked[s.d.Seq] {
		q.acked[s.d.Seq] = true
		q.acks = append(q.acks, s.d.Seq)
	}
	return nil
}

func (s *settler) Nak() error {
	s.w.q.mu.Lock()
	defer s.w.q.mu.Unlock()
	s.w.q.naks = append(s.w.q.naks, s.d.Seq)
	return nil
}

func (s *settler) Extend() error {
	s.w.q.mu.Lock()
	defer s.w.q.mu.Unlock()
	s.w.q.extended[s.d.Seq]++
	return nil
}
