package bus

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Window pulls records for the one active writer, at most its size at a time. It begins at the first record that is not
// settled, in the order of the stream, whatever an earlier writer left behind.
type Window struct {
	c         *Conn
	id        workflow.ID
	size      int
	newest    map[string]version // of the stretch that Open looked through, which ends at newestEnd
	newestEnd uint64
	messages  chan jetstream.Msg
	done      chan struct{}
	watching  sync.WaitGroup

	mu      sync.Mutex
	pull    jetstream.ConsumeContext
	closing bool
	failure error
	failed  chan struct{}
	last    time.Time
	settles string // where the newest delivered message is settled
}

// lookahead is how many records behind the last delivered one Open looks through for newer versions. A server that was
// killed forgets the acks of the last 300 ms; no destination takes more than this in that time.
const lookahead = 20_000

// Open starts pulling, at most size records unsettled. Only the holder of the workflow's lease may call it.
//
// It first resets the consumer to its ack floor. Records that a dead writer held would otherwise come back only after
// the ack wait, behind newer versions that were written meanwhile; and the acks that a killed server forgot would bring
// back a version that a newer one has replaced at the destination. So Open also notes the newest version of every key in
// that stretch: Superseded tells a writer what not to write any more (invariant 4). Of events there are no versions, and
// nothing to look for.
func (q *Queue) Open(ctx context.Context, size int) (*Window, error) {
	w := &Window{c: q.c, id: q.id, size: size, newest: map[string]version{}, messages: make(chan jetstream.Msg, size),
		done: make(chan struct{}), failed: make(chan struct{}), last: time.Now()}
	stream, err := q.c.js.Stream(ctx, Stream(q.id))
	if err != nil {
		return nil, classify(err, "opening stream "+Stream(q.id))
	}
	before, err := stream.Consumer(ctx, ConsumerWriter)
	if err != nil {
		return nil, classify(err, "opening consumer "+ConsumerWriter)
	}
	delivered := before.CachedInfo().Delivered.Stream
	reset, err := stream.ResetConsumer(ctx, ConsumerWriter)
	if err != nil {
		return nil, classify(err, "resetting consumer "+ConsumerWriter)
	}
	if reset.NumPending > 0 && !q.keepsEvents() {
		if err := w.scan(ctx, reset.ResetSeq, max(delivered, reset.ResetSeq)+lookahead); err != nil {
			return nil, err
		}
	}
	consumer, err := stream.Consumer(ctx, ConsumerWriter)
	if err != nil {
		return nil, classify(err, "opening consumer "+ConsumerWriter)
	}
	// The pin of a dead writer would keep us waiting for PinnedTTL. We hold the lease, so the place is ours.
	if err := stream.UnpinConsumer(ctx, ConsumerWriter, PriorityGroup); err != nil {
		return nil, classify(err, "taking the place of the last writer")
	}
	if err := w.start(consumer); err != nil {
		return nil, err
	}
	w.watching.Go(func() { w.watch(consumer) })
	return w, nil
}

// scan notes the newest sequence of every key between two sequences.
func (w *Window) scan(ctx context.Context, from, to uint64) error {
	w.newestEnd = to
	for from <= to {
		count := 0
		some := stretch{stream: Stream(w.id), subject: RecordsFilter(w.id), from: from, limit: 1000}
		for msg, err := range w.c.stored(ctx, some, "looking for newer versions in "+Stream(w.id)) {
			if err != nil {
				return err
			}
			count++
			from = msg.Sequence + 1
			row := identity(msg.Subject, first(msg.Header, HeaderKey))
			w.newest[row] = version{seq: msg.Sequence, snapshot: w.newest[row].snapshot || first(msg.Header, HeaderSnapshot) != "" ||
				first(msg.Header, HeaderOp) == string(record.Delete)}
		}
		if count == 0 {
			return nil
		}
	}
	return nil
}

// identity joins what makes a record one: its source, as the last token of its subject, and its key.
func identity(subject, key string) string { return subject + " " + key }

// Superseded reports whether a newer version of the delivery's key stands in the stream behind it, as far as Open has
// looked. Such a delivery may be acknowledged unwritten: what it says is contained in the newer one. It is for the
// goroutine that calls Next.
func (w *Window) Superseded(d record.Delivery) bool {
	if len(w.newest) == 0 {
		return false
	}
	if d.Seq > w.newestEnd {
		w.newest = nil
		return false
	}
	newest, known := w.newest[identity(RecordsSubject(w.id, d.Source), d.Key)]
	return known && newest.seq > d.Seq
}

// version is the newest of a row that Open has found, and whether any that it replaces was of a full read, or a deletion:
// the newest is then written with all its fields.
type version struct {
	seq      uint64
	snapshot bool
}

func (w *Window) start(consumer jetstream.Consumer) error {
	pull, err := consumer.Consume(func(msg jetstream.Msg) {
		if w.arrived(msg) {
			w.handBack(msg)
			return
		}
		select {
		case w.messages <- msg:
		case <-w.done:
			w.handBack(msg)
		}
	}, jetstream.PullMaxMessages(w.size), jetstream.PullPriorityGroup(PriorityGroup), jetstream.PullExpiry(5*time.Second),
		jetstream.PullHeartbeat(time.Second), jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
			w.c.log.Debug("pull", zap.String("stream", Stream(w.id)), zap.Error(err))
		}))
	if err != nil {
		return classify(err, "pulling from "+Stream(w.id))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing { // A pull that nobody will stop would hold the pin and starve the next writer.
		pull.Stop()
		return nil
	}
	w.pull, w.last = pull, time.Now()
	return nil
}

// watchEvery is how often a silent window asks the server whether it should be silent.
const watchEvery = 3 * time.Second

// watch keeps the pull alive: a pull dies quietly when its consumer is deleted, and can be lost when the server
// restarts. It ends the window when the consumer is gone, and pulls anew when records wait and none arrives.
func (w *Window) watch(consumer jetstream.Consumer) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	connected := w.c.nc.StatusChanged(nats.CONNECTED)
	defer w.c.nc.RemoveStatusListener(connected)
	for {
		w.mu.Lock()
		pull := w.pull
		w.mu.Unlock()
		select {
		case <-w.done:
			return
		case <-connected:
			w.recall()
		case <-pull.Closed():
			if w.isClosing() {
				return
			}
			w.fail(fault.New(fault.Transient, "the pull from "+Stream(w.id)+" ended: its consumer was deleted or replaced"))
			return
		case <-ticker.C:
			if err := w.revive(consumer, pull); err != nil {
				w.fail(err)
				return
			}
		}
	}
}

// recall has the server deliver everything unsettled again after a disconnection, in order: settlements that were sent
// while it lasted are lost, and their records would come back only after the ack wait. The writer knows which of them it
// has settled, and acknowledges those again without writing them.
func (w *Window) recall() {
	ctx, cancel := w.untilClosed(recallTimeout)
	defer cancel()
	for {
		err := w.reset(ctx)
		if err == nil {
			return
		}
		select { // A server that has just started answers a little later.
		case <-time.After(200 * time.Millisecond):
		case <-w.done:
			return
		case <-ctx.Done():
			// The ack wait brings them back, later.
			w.c.log.Warn("unsettled records could not be recalled after a disconnection", zap.String("stream", Stream(w.id)), zap.Error(err))
			return
		}
	}
}

// recallTimeout bounds the attempts to recall, well below the ack wait.
const recallTimeout = 10 * time.Second

func (w *Window) reset(ctx context.Context) error {
	stream, err := w.c.js.Stream(ctx, Stream(w.id))
	if err != nil {
		return err
	}
	_, err = stream.ResetConsumer(ctx, ConsumerWriter)
	return err
}

// revive pulls anew when the server holds records for us, nobody works on any, and nothing has come for a while.
func (w *Window) revive(consumer jetstream.Consumer, pull jetstream.ConsumeContext) error {
	w.mu.Lock()
	silent := time.Since(w.last) > watchEvery
	w.mu.Unlock()
	if !silent || !w.c.nc.IsConnected() {
		return nil
	}
	ctx, cancel := w.untilClosed(2 * time.Second)
	defer cancel()
	info, err := consumer.Info(ctx)
	if err != nil {
		if hasCode(err, codeConsumerNotFound) || hasCode(err, codeStreamNotFound) {
			return classify(err, "watching consumer "+ConsumerWriter)
		}
		return nil
	}
	if info.NumPending == 0 || info.NumAckPending > 0 || info.Paused || w.isClosing() {
		return nil
	}
	w.c.log.Warn("records wait and none arrives: pulling anew", zap.String("stream", Stream(w.id)), zap.Uint64("pending", info.NumPending))
	pull.Stop()
	<-pull.Closed()
	return w.start(consumer)
}

// untilClosed is a context that ends after a while, or when the window closes.
func (w *Window) untilClosed(limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	stopped := make(chan struct{})
	go func() { // cancel ends it.
		select {
		case <-w.done:
			cancel()
		case <-ctx.Done():
		}
		close(stopped)
	}()
	return ctx, func() { cancel(); <-stopped }
}

// arrived notes where a delivered message is settled, and reports whether the window is closing.
func (w *Window) arrived(msg jetstream.Msg) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settles = msg.Reply()
	return w.closing
}

func (w *Window) isClosing() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closing
}

func (w *Window) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failure == nil && !w.closing {
		w.failure = err
		close(w.failed)
	}
}

// Next waits for records and returns those that are there, at least one and at most limit. It fails when ctx ends or the
// window cannot go on; deliveries handed out before stay valid.
func (w *Window) Next(ctx context.Context, limit int) ([]record.Delivery, error) {
	select {
	case msg := <-w.messages:
		return w.take(msg, limit), nil
	case <-w.failed:
		w.mu.Lock()
		defer w.mu.Unlock()
		return nil, w.failure
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (w *Window) take(msg jetstream.Msg, limit int) []record.Delivery {
	list := make([]record.Delivery, 0, min(limit, 1+len(w.messages)))
	list = append(list, w.delivery(msg))
	for len(list) < limit {
		select {
		case msg := <-w.messages:
			list = append(list, w.delivery(msg))
		default:
			w.mu.Lock()
			w.last = time.Now()
			w.mu.Unlock()
			return list
		}
	}
	return list
}

func (w *Window) delivery(msg jetstream.Msg) record.Delivery {
	r, err := decode(w.id, msg.Subject(), msg.Headers(), msg.Data())
	d := record.Delivery{Record: r, Settler: settler{msg}, Broken: err, Raw: msg.Data()}
	meta, metaErr := msg.Metadata()
	if metaErr != nil { // Cannot happen for a message that was pulled; without a place it must not be written.
		d.Broken = fmt.Errorf("no place in the queue: %w", metaErr)
		return d
	}
	d.Seq = meta.Sequence.Stream
	if len(w.newest) > 0 && d.Op == record.Upsert {
		newest := w.newest[identity(msg.Subject(), d.Key)]
		d.Snapshot = d.Snapshot || newest.seq == d.Seq && newest.snapshot
	}
	return d
}

func (w *Window) handBack(msg jetstream.Msg) {
	if err := msg.Nak(); err != nil {
		w.c.log.Debug("a record could not be handed back", zap.Error(err))
	}
}

// Close stops pulling, hands back what was pulled and not taken, and lets a standby pull at once. The caller has settled
// everything that it took. It may be called once.
func (w *Window) Close(ctx context.Context) error {
	w.mu.Lock()
	w.closing = true
	w.mu.Unlock()
	close(w.done)
	w.watching.Wait() // It may be pulling anew; afterwards nobody replaces the pull or resets the consumer.
	w.mu.Lock()
	pull := w.pull
	w.mu.Unlock()
	pull.Drain()
	select {
	case <-pull.Closed():
	case <-ctx.Done():
		pull.Stop()
	}
	for {
		select {
		case msg := <-w.messages:
			w.handBack(msg)
			continue
		default:
		}
		break
	}
	if err := w.fence(ctx); err != nil {
		return classify(err, "handing back records")
	}
	stream, err := w.c.js.Stream(ctx, Stream(w.id))
	if err != nil {
		return classify(err, "opening stream "+Stream(w.id))
	}
	return classify(stream.UnpinConsumer(ctx, ConsumerWriter, PriorityGroup), "making way for a standby")
}

// fence waits until the consumer has counted every settlement and hand-back sent before. They are published without
// waiting, and the consumer takes them from a queue of its own: a flush tells that the server has them, not that a reset
// or a count which follows sees them. It counts them in their order, and answers a progress report when its turn comes.
func (w *Window) fence(ctx context.Context) error {
	w.mu.Lock()
	subject := w.settles
	w.mu.Unlock()
	if subject == "" { // Nothing was delivered, so nothing was settled.
		return nil
	}
	_, err := w.c.nc.RequestWithContext(ctx, subject, []byte("+WPI"))
	return err
}

// settler settles one message.
type settler struct{ msg jetstream.Msg }

func (s settler) Ack() error    { return s.msg.Ack() }
func (s settler) Nak() error    { return s.msg.Nak() }
func (s settler) Extend() error { return s.msg.InProgress() }
