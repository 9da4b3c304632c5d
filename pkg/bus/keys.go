package bus

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// The key log tells which rows of a source were handed on and not deleted since. A source needs it after a full read, to
// find the rows that vanished while nobody was told. Each page appends one message to it, in the page's own atomic
// batch: one line a record, the operation's sign and the key. The log is durable, replicated and shared with the
// standby as the records are, and costs the server no memory a key (a key-value entry would).

// logsKeys reports whether anybody will ask for the keys: a workflow that deletes what has vanished at its source.
func (q *Queue) logsKeys() bool { return q.id == workflow.Ingress }

// keysOf is the log entry of a page.
func keysOf(id workflow.ID, source string, records []record.Record) *nats.Msg {
	var body bytes.Buffer
	for _, r := range records {
		sign := byte('+')
		if r.Op == record.Delete {
			sign = '-'
		}
		body.WriteByte(sign)
		body.WriteString(r.Key)
		body.WriteByte('\n')
	}
	msg := nats.NewMsg(KeysSubject(id, source))
	msg.Data = body.Bytes()
	return msg
}

// KnownKeys reads the key log of a source: every key that was upserted and not deleted since, each once. It holds them
// in memory while it runs, about 80 bytes a key.
func (q *Queue) KnownKeys(source string) record.KnownKeys {
	return func(ctx context.Context) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			known, err := q.foldKeys(ctx, source)
			if err != nil {
				yield("", err)
				return
			}
			for key := range known {
				if !yield(key, nil) {
					return
				}
			}
		}
	}
}

// foldKeys plays the log from its beginning to where it ends now. It reads the messages themselves and makes no consumer: a
// workflow's service may create nothing on the bus.
func (q *Queue) foldKeys(ctx context.Context, source string) (map[string]struct{}, error) {
	known := map[string]struct{}{}
	_, count, err := q.keyLog(ctx, source)
	if err != nil || count == 0 {
		return known, err
	}
	log := stretch{stream: Stream(q.id), subject: KeysSubject(q.id, source), from: 1, limit: int(count)}
	for msg, err := range q.c.stored(ctx, log, "reading the key log") {
		if err != nil {
			return nil, err
		}
		play(known, msg.Data)
	}
	return known, nil
}

// keyLog opens the stream and counts the log's messages.
func (q *Queue) keyLog(ctx context.Context, source string) (jetstream.Stream, uint64, error) {
	subject := KeysSubject(q.id, source)
	stream, err := q.c.js.Stream(ctx, Stream(q.id))
	if err != nil {
		return nil, 0, classify(err, "opening the key log")
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return nil, 0, classify(err, "opening the key log")
	}
	return stream, info.State.Subjects[subject], nil
}

// play applies one message of the log.
func play(known map[string]struct{}, body []byte) {
	for line := range bytes.Lines(body) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		switch {
		case len(line) < 2:
		case line[0] == '-':
			delete(known, string(line[1:]))
		default:
			known[string(line[1:])] = struct{}{}
		}
	}
}

// The key log is folded when so many messages, or so many lines of changes, have been added to it. A full read adds
// lines that are all needed, so those do not count.
const (
	foldMessages = 50_000
	foldLines    = 1_000_000
	// foldedBody bounds the messages of a folded log, well below the servers' limit of 1 MiB.
	foldedBody = 512 << 10
)

// growth is what one source has added to its key log since it was folded.
type growth struct{ messages, lines int }

// grown notes an appended page and reports whether the log is worth folding. The first page of a process asks the
// server how long the log is.
func (q *Queue) grown(ctx context.Context, source string, records []record.Record) bool {
	q.mu.Lock()
	g, known := q.growth[source]
	q.mu.Unlock()
	if !known {
		g = &growth{}
		if _, count, err := q.keyLog(ctx, source); err == nil {
			g.messages = int(count)
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.growth[source] = g
	g.messages++
	for _, r := range records {
		if !r.Snapshot {
			g.lines++
		}
	}
	return g.messages >= foldMessages || g.lines >= foldLines
}

// FoldKeys replaces a source's key log by one that says the same in the fewest lines, in one atomic batch: a crash
// leaves the old or the new. Append calls it when the log has grown; only the source's one reader may.
func (q *Queue) FoldKeys(ctx context.Context, source string) error {
	subject := KeysSubject(q.id, source)
	stream, _, err := q.keyLog(ctx, source)
	if err != nil {
		return err
	}
	last, err := stream.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return classify(err, "folding the key log")
	}
	known, err := q.foldKeys(ctx, source)
	if err != nil {
		return err
	}
	batch := folded(subject, known)
	batch[0].Header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
	batch[0].Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(last.Sequence, 10)) // invariant 5
	if _, err := q.publish(ctx, batch); err != nil {
		return classify(err, "folding the key log")
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.growth[source] = &growth{messages: len(batch)}
	return nil
}

// folded writes a set of keys as a log; an empty set is one empty message.
func folded(subject string, known map[string]struct{}) []*nats.Msg {
	var batch []*nats.Msg
	var body bytes.Buffer
	flush := func() {
		msg := nats.NewMsg(subject)
		msg.Data = bytes.Clone(body.Bytes())
		batch = append(batch, msg)
		body.Reset()
	}
	for key := range known {
		body.WriteByte('+')
		body.WriteString(key)
		body.WriteByte('\n')
		if body.Len() >= foldedBody {
			flush()
		}
	}
	if body.Len() > 0 || len(batch) == 0 {
		flush()
	}
	return batch
}
