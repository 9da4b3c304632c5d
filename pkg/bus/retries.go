package bus

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// A record that was rejected is not written again as it was: a newer version may have been written since. A retry asks
// the workflow's reader to read the row once more. The reader puts what it finds between its own pages, so the order of
// the queue stays the order of the source (invariant 4), and a retry is a message with a key and no payload.

// Retry asks for one row to be read again.
type Retry struct {
	// Seq is the request's place; later requests have greater ones.
	Seq uint64
	Key string
	// Snapshot is that of the record that was rejected: a row of a full read is written as one again.
	Snapshot bool
	// Attempts counts how often the row could not be read, so far.
	Attempts int
	// WaitingSince and Waits are those of a record that was parked, zero for any other.
	WaitingSince time.Time
	Waits        int
}

// RetriesSubject is where the rows of a source that are to be read again stand.
func RetriesSubject(id workflow.ID, source string) string {
	return prefix + string(id) + ".retries." + source
}

func retriesFilter(id workflow.ID) string { return RetriesSubject(id, ">") }

// message is the request on the bus.
func (r Retry) message(id workflow.ID, source string) *nats.Msg {
	msg := nats.NewMsg(RetriesSubject(id, source))
	msg.Header[HeaderKey] = []string{r.Key}
	if r.Snapshot {
		msg.Header[HeaderSnapshot] = []string{"1"}
	}
	encodeWaiting(msg.Header, record.Record{WaitingSince: r.WaitingSince, Waits: r.Waits})
	if r.Attempts > 0 {
		msg.Header[HeaderAttempts] = []string{strconv.Itoa(r.Attempts)}
	}
	return msg
}

// AskRetries stores requests to read rows of a source again, at most MaxPage, all of them or none. fault.QueueFull when
// the stream takes no more.
func (q *Queue) AskRetries(ctx context.Context, source string, retries []Retry) error {
	if len(retries) == 0 {
		return nil
	}
	batch := make([]*nats.Msg, len(retries))
	for i, r := range retries {
		batch[i] = r.message(q.id, source)
	}
	return q.store(ctx, batch)
}

// store publishes a batch in one step.
func (q *Queue) store(ctx context.Context, batch []*nats.Msg) error {
	_, err := q.publish(ctx, batch)
	if hasCode(err, codeStreamFull) {
		return full(q.id, err)
	}
	return classify(err, "storing retries in "+Stream(q.id))
}

// Retries lists the oldest requests of a source, at most limit.
func (q *Queue) Retries(ctx context.Context, source string, limit int) ([]Retry, error) {
	var retries []Retry
	oldest := stretch{stream: Stream(q.id), subject: RetriesSubject(q.id, source), from: 1, limit: limit}
	for msg, err := range q.c.stored(ctx, oldest, "reading the retries of "+source) {
		if err != nil {
			return nil, err
		}
		retries = append(retries, retry(msg))
	}
	return retries, nil
}

// retry reads a request. What somebody published by hand may lack any of its headers.
func retry(msg *jetstream.RawStreamMsg) Retry {
	attempts, _ := strconv.Atoi(first(msg.Header, HeaderAttempts))
	var waiting record.Record
	_ = decodeWaiting(msg.Header, &waiting)
	return Retry{Seq: msg.Sequence, Key: first(msg.Header, HeaderKey), Snapshot: first(msg.Header, HeaderSnapshot) != "", Attempts: attempts,
		WaitingSince: waiting.WaitingSince, Waits: waiting.Waits}
}

// Retried removes the requests of a source up to a place: what they asked for stands in the queue.
func (q *Queue) Retried(ctx context.Context, source string, through uint64) error {
	stream, err := q.c.js.Stream(ctx, Stream(q.id))
	if err != nil {
		return classify(err, "opening stream "+Stream(q.id))
	}
	err = stream.Purge(ctx, jetstream.WithPurgeSubject(RetriesSubject(q.id, source)), jetstream.WithPurgeSequence(through+1))
	return classify(err, "removing retries of "+source)
}

// RetrySources counts the requests by source.
func (q *Queue) RetrySources(ctx context.Context) (map[string]uint64, error) {
	return q.sourcesUnder(ctx, RetriesSubject(q.id, ""))
}

func (q *Queue) sourcesUnder(ctx context.Context, root string) (map[string]uint64, error) {
	stream, err := q.c.js.Stream(ctx, Stream(q.id))
	if err != nil {
		return nil, classify(err, "opening stream "+Stream(q.id))
	}
	return sourcesUnder(ctx, stream, root)
}

// sourcesUnder counts the messages of a stream by the token behind a subject's root.
func sourcesUnder(ctx context.Context, stream jetstream.Stream, root string) (map[string]uint64, error) {
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(root+">"))
	if err != nil {
		return nil, classify(err, "counting the messages of "+root+">")
	}
	counts := map[string]uint64{}
	for subject, count := range info.State.Subjects {
		source, _, _ := strings.Cut(strings.TrimPrefix(subject, root), ".")
		counts[source] += count
	}
	return counts, nil
}

// RejectRetry puts a request back among the failures: the row cannot be read, and the reason says why. The request is
// removed with Retried.
func (q *Queue) RejectRetry(ctx context.Context, source string, r Retry, reason string) error {
	d := record.Delivery{Record: record.Record{Source: source, Key: r.Key, Op: record.Upsert, Snapshot: r.Snapshot}, Seq: r.Seq}
	return q.Reject(ctx, d, fmt.Sprintf("retried, and the row cannot be read: %s", reason), r.Attempts+1)
}

// PutBack stores retries that nobody will read, because their source is not mapped any more, among the failures again.
func (q *Queue) PutBack(ctx context.Context, source string) error {
	for {
		retries, err := q.Retries(ctx, source, chunkSize)
		if err != nil || len(retries) == 0 {
			return err
		}
		for _, r := range retries {
			if err := q.RejectRetry(ctx, source, r, fmt.Sprintf("%s is not mapped any more", source)); err != nil {
				return err
			}
		}
		if err := q.Retried(ctx, source, retries[len(retries)-1].Seq); err != nil {
			return err
		}
	}
}

// rejectParked puts a parked record among the failures: a row as one that could not be read again, an event whole, because
// nobody can be asked for it a second time.
func (q *Queue) rejectParked(ctx context.Context, source string, p Parked, reason string) error {
	if !q.keepsEvents() {
		return q.RejectRetry(ctx, source, p.Retry, reason)
	}
	return q.Reject(ctx, record.Delivery{Record: p.Record, Raw: p.Record.Data, Seq: p.Seq}, reason, p.Attempts+1)
}

// PutBackParked does the same with the parked records of a source.
func (q *Queue) PutBackParked(ctx context.Context, source string) error {
	farFuture := time.Now().Add(365 * 24 * time.Hour)
	for {
		parked, err := q.Due(ctx, source, chunkSize, farFuture)
		if err != nil || len(parked) == 0 {
			return err
		}
		for _, p := range parked {
			if err := q.rejectParked(ctx, source, p, fmt.Sprintf("%s is not mapped any more", source)); err != nil {
				return err
			}
		}
		if err := q.Unpark(ctx, source, parked); err != nil {
			return err
		}
	}
}
