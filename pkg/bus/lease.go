package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Lease says who of several instances is active (invariant 5). It lives LeaseTTL past its last renewal and is renewed
// every LeaseRenew.
type Lease struct {
	c       *Conn
	subject string
	holder  string // the instance and a part that no other life of it has
	lost    chan struct{}
	stop    chan struct{}
	stopped chan struct{}

	mu       sync.Mutex
	revision uint64
	until    time.Time
	isLost   bool
}

// leaseMargin is how much earlier than the server we take the lease for lost.
const leaseMargin = 300 * time.Millisecond

// ErrHeld is returned by Acquire when another instance is active; Holder names it.
type ErrHeld struct{ Holder string }

func (e ErrHeld) Error() string { return "another instance is active: " + e.Holder }

// HeldBy names the instance that has the lease.
func (e ErrHeld) HeldBy() string { return e.Holder }

// Acquire takes the workflow's lease for an instance, or fails with ErrHeld. A lease that a former life of the same
// instance left behind is taken over at once where the instance is sole: nobody else can be alive under its name. Anywhere
// else it runs out by itself.
func (q *Queue) Acquire(ctx context.Context, instance string, sole bool) (*Lease, error) {
	l := &Lease{c: q.c, subject: leaseSubject(q.id), holder: instance + " " + rand.Text(),
		lost: make(chan struct{}), stop: make(chan struct{}), stopped: make(chan struct{})}
	stream, err := q.c.js.Stream(ctx, "KV_"+BucketLeases)
	if err != nil {
		return nil, classify(err, "opening the lease bucket")
	}
	last, err := stream.GetLastMsgForSubject(ctx, l.subject)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
	case err != nil:
		return nil, classify(err, "reading the lease")
	default:
		l.revision = last.Sequence
		holder, _, _ := strings.Cut(string(last.Data), " ")
		if holder != "" && !(sole && holder == instance) {
			return nil, ErrHeld{Holder: holder}
		}
	}
	if err := l.put(ctx); err != nil {
		if hasCode(err, codeWrongLastSequence) {
			return nil, ErrHeld{Holder: "one that was quicker"}
		}
		return nil, classify(err, "taking the lease")
	}
	go l.renew()
	return l, nil
}

func leaseSubject(id workflow.ID) string { return "$KV." + BucketLeases + "." + string(id) }

// put publishes the lease with both its time to live and the expected sequence: a plain update of a key-value entry
// would drop the time to live, and the key would live for ever.
func (l *Lease) put(ctx context.Context) error {
	sent := time.Now()
	msg := nats.NewMsg(l.subject)
	msg.Data = []byte(l.holder)
	l.mu.Lock()
	expected := l.revision
	l.mu.Unlock()
	msg.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(expected, 10))
	msg.Header.Set(jetstream.MsgTTLHeader, LeaseTTL.String())
	ack, err := l.c.js.PublishMsg(ctx, msg, jetstream.WithRetryAttempts(0))
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.revision, l.until = ack.Sequence, sent.Add(LeaseTTL-leaseMargin)
	return nil
}

// renew keeps the lease until Release, or until it cannot be kept.
func (l *Lease) renew() {
	defer close(l.stopped)
	ticker := time.NewTicker(LeaseRenew)
	defer ticker.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-ticker.C:
		}
		ctx, cancel := context.WithTimeout(context.Background(), LeaseRenew)
		err := l.put(ctx)
		cancel()
		switch {
		case err == nil:
		case hasCode(err, codeWrongLastSequence) && !l.ours():
			l.lose("another instance has taken it")
			return
		case !l.Held():
			l.lose("it could not be renewed in time")
			return
		default:
			l.c.log.Warn("the lease could not be renewed, trying again", zap.String("lease", l.subject), zap.Error(err))
		}
	}
}

// ours finds out whether the stored lease is our own: a renewal whose answer was lost has moved its revision.
func (l *Lease) ours() bool {
	ctx, cancel := context.WithTimeout(context.Background(), LeaseRenew)
	defer cancel()
	stream, err := l.c.js.Stream(ctx, "KV_"+BucketLeases)
	if err != nil {
		return true // Not known; the time that is left decides.
	}
	last, err := stream.GetLastMsgForSubject(ctx, l.subject)
	if err != nil || string(last.Data) != l.holder {
		return err != nil && !errors.Is(err, jetstream.ErrMsgNotFound)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.revision = last.Sequence
	return true
}

func (l *Lease) lose(why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.isLost {
		l.isLost = true
		l.c.log.Warn("the lease is lost", zap.String("lease", l.subject), zap.String("why", why))
		close(l.lost)
	}
}

// Held reports whether the holder may still write. It is cheap: ask it before every write.
func (l *Lease) Held() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.isLost && time.Now().Before(l.until)
}

// Guard is Held as an error: fault.Fenced when the lease is gone.
func (l *Lease) Guard() error {
	if l.Held() {
		return nil
	}
	return fault.New(fault.Fenced, "this instance is no longer the active one: it lost its lease")
}

// Lost is closed when the lease was lost, not when it was released.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// Release gives the lease up, so that a standby need not wait for it to run out. It is harmless on a lost one.
func (l *Lease) Release(ctx context.Context) error {
	close(l.stop)
	<-l.stopped
	l.mu.Lock()
	gone, revision := l.isLost, l.revision
	l.mu.Unlock()
	if gone {
		return nil
	}
	kv, err := l.c.js.KeyValue(ctx, BucketLeases)
	if err != nil {
		return classify(err, "opening the lease bucket")
	}
	key := l.subject[len("$KV."+BucketLeases+"."):]
	err = kv.Purge(ctx, key, jetstream.LastRevision(revision))
	if hasCode(err, codeWrongLastSequence) {
		return nil
	}
	return classify(err, "releasing the lease")
}
