package bus

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// MaxPage is how many records one Append takes. An atomic batch holds 1000 messages: the page, its key log entry and the
// position.
const MaxPage = 998

// Queue is one workflow's stream: where its reader appends and its writer pulls.
type Queue struct {
	c  *Conn
	id workflow.ID

	mu       sync.Mutex
	growth   map[string]*growth // of key logs, by source
	fences   map[string]uint64  // what we took each source with
	rejected map[string]string  // the last page of each source of which records were too large
	room     room
}

// NewQueue binds to a workflow's stream; nothing is opened.
func NewQueue(c *Conn, id workflow.ID) *Queue {
	return &Queue{c: c, id: id, growth: map[string]*growth{}, fences: map[string]uint64{}, rejected: map[string]string{}}
}

// Checkpoint takes a source over and returns its read position, empty where none is stored: from now on only this queue
// may append to the source, until another takes it (invariant 5). Only the holder of the workflow's lease may call it.
func (q *Queue) Checkpoint(ctx context.Context, source string) (record.Checkpoint, error) {
	if err := q.take(ctx, source); err != nil {
		return record.Checkpoint{}, err
	}
	stored, _, err := q.checkpoint(ctx, source)
	return stored, err
}

// take puts a new fence in front of a source: batches that name an older one are refused from here on, those that are
// under way among them.
func (q *Queue) take(ctx context.Context, source string) error {
	ack, err := q.c.js.Publish(ctx, FenceSubject(q.id, source), nil)
	if hasCode(err, codeStreamFull) {
		return full(q.id, err)
	}
	if err != nil {
		return classify(err, "taking over "+source)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fences[source] = ack.Sequence
	return nil
}

func (q *Queue) checkpoint(ctx context.Context, source string) (record.Checkpoint, string, error) {
	stream, err := q.c.js.Stream(ctx, Stream(q.id))
	if err != nil {
		return record.Checkpoint{}, "", classify(err, "opening stream "+Stream(q.id))
	}
	msg, err := stream.GetLastMsgForSubject(ctx, CheckpointSubject(q.id, source))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return record.Checkpoint{}, "", nil
	}
	if err != nil {
		return record.Checkpoint{}, "", classify(err, "reading the read position of "+source)
	}
	return record.Checkpoint{Position: msg.Data, Revision: msg.Sequence}, msg.Header.Get(headerPage), nil
}

// Append stores a page and the position behind it in one atomic batch, on top of the checkpoint that the caller holds,
// and returns the new one (invariant 1). A record that is larger than the server takes goes to the failures instead. It
// fails with
//
//   - fault.Fenced when another queue has taken the source over (invariant 5);
//   - fault.QueueFull when the stream is full but for its headroom: nothing was stored, offer the same page again later;
//   - fault.QueueFull, too, when there is no room among the failures for a record that is larger than the server takes;
//   - fault.Transient when NATS did not answer. The page may be stored or not: offer the same page again with the same
//     checkpoint, Append finds out.
func (q *Queue) Append(ctx context.Context, source string, records []record.Record, on record.Checkpoint, next record.Position) (record.Checkpoint, error) {
	if len(records) > MaxPage {
		return on, fault.New(fault.Invalid, fmt.Sprintf("a page of %d records, at most %d fit into one batch", len(records), MaxPage))
	}
	page := pageID(records, on, next)
	records, batch, err := q.fitting(ctx, source, page, records)
	if err != nil {
		return on, err
	}
	if len(records) > 0 && q.logsKeys() {
		batch = append(batch, keysOf(q.id, source, records))
	}
	position := nats.NewMsg(CheckpointSubject(q.id, source))
	position.Data = next
	position.Header.Set(headerPage, page)
	// The fence stands on a subject of its own, and older positions stay until the trimmer comes. A condition on the
	// position itself, or rolling it up, makes the server read in the block that it is writing and keep it in memory for
	// ten seconds: a gigabyte at full speed (docs/adr/0005).
	q.mu.Lock()
	position.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(q.fences[source], 10))
	q.mu.Unlock()
	position.Header.Set(jetstream.ExpectedLastSubjSeqSubjHeader, FenceSubject(q.id, source))
	batch = append(batch, position)
	if len(records) > 0 { // A position alone is small, and tells that a source goes on.
		if err := q.reserve(ctx, batch); err != nil {
			return on, err
		}
	}

	sendCtx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	revision, err := q.publish(sendCtx, batch)
	if err != nil {
		return q.resolve(sendCtx, source, on, page, err)
	}
	if len(records) > 0 && q.logsKeys() && q.grown(ctx, source, records) {
		q.tidy(ctx, source)
	}
	return record.Checkpoint{Position: next, Revision: revision}, nil
}

// tidy folds the key log. It takes a second or two in a few hours; one that fails is tried again when the log has grown by
// half as much again.
func (q *Queue) tidy(ctx context.Context, source string) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := q.FoldKeys(ctx, source); err != nil {
		q.mu.Lock()
		q.growth[source] = &growth{messages: foldMessages / 2}
		q.mu.Unlock()
		q.c.log.Warn("the key log could not be folded", zap.String("source", source), zap.String("why", fault.Message(err)))
	}
}

// headerPage names the page that moved a position, so that a batch whose answer was lost can be recognised.
const headerPage = "Causeway-Page"

// pageID is the same for the same page on the same checkpoint, whoever offers it and however often.
func pageID(records []record.Record, on record.Checkpoint, next record.Position) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %q", on.Revision, next)
	for _, r := range records {
		fmt.Fprintf(h, " %s %q %d", r.Op, r.Key, r.Version)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// publish sends the batch, or a single message as what it is, and returns the position's sequence.
func (q *Queue) publish(ctx context.Context, batch []*nats.Msg) (uint64, error) {
	if len(batch) == 1 {
		ack, err := q.c.js.PublishMsg(ctx, batch[0], jetstream.WithRetryAttempts(0))
		if err != nil {
			return 0, err
		}
		return ack.Sequence, nil
	}
	ack, err := jetstreamext.PublishMsgBatch(ctx, q.c.js, batch)
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// resolve finds out what a failed batch has left behind. A batch whose answer was lost may be stored, or may still
// arrive. Taking the source anew ends that: what has not arrived by then is refused. If it is stored, the stored
// checkpoint carries its page id.
func (q *Queue) resolve(ctx context.Context, source string, on record.Checkpoint, page string, cause error) (record.Checkpoint, error) {
	switch {
	case hasCode(cause, codeStreamFull):
		return on, full(q.id, cause)
	case hasCode(cause, codeWrongLastSequence):
		return on, fault.Wrap(fault.Fenced, cause, "another instance reads "+source+" now")
	case errors.Is(ctx.Err(), context.Canceled):
		return on, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := q.retake(ctx, source); err != nil {
		return on, err
	}
	stored, storedPage, err := q.checkpoint(ctx, source)
	switch {
	case err != nil:
		return on, err
	case storedPage == page:
		return stored, nil
	default:
		return on, classify(cause, "storing a page of "+source)
	}
}

// retake replaces our own fence by a newer one, and fails with fault.Fenced where it is not ours any more.
func (q *Queue) retake(ctx context.Context, source string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	ack, err := q.c.js.Publish(ctx, FenceSubject(q.id, source), nil, jetstream.WithExpectLastSequencePerSubject(q.fences[source]), jetstream.WithRetryAttempts(0))
	if hasCode(err, codeWrongLastSequence) {
		return fault.Wrap(fault.Fenced, err, "another instance reads "+source+" now")
	}
	if err != nil {
		return classify(err, "finding out what became of a page of "+source)
	}
	q.fences[source] = ack.Sequence
	return nil
}

func full(id workflow.ID, cause error) error {
	return fault.Wrap(fault.QueueFull, cause, "the queue is full: "+Stream(id)+" has reached its size limit and takes records again when some are written")
}
