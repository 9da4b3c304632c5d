package bus

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// A record that waits for another, such as a child whose parent has not arrived, is parked: it leaves the window and counts
// as backlog. A row is read again after a while, as that of a retried record is. A newer version that was written
// meanwhile is what is read then, so it is never undone (invariant 4). An event, of which there is never a newer version
// and which its source may not hand out twice, is parked whole and comes back as it was.
//
// Parked records stand by the step of their patience, each step with a longer pause than the one before; within a step
// the oldest is due first, so nothing has to be scheduled or searched.

// HeaderWaitingSince says since when a record waits for another, HeaderWaits how often it was parked.
const (
	HeaderWaitingSince = "Causeway-Waiting-Since"
	HeaderWaits        = "Causeway-Waits"
)

// parkPauses are how long a record is parked for the first time, the second time and so on.
func parkPauses() []time.Duration {
	return []time.Duration{2 * time.Second, 5 * time.Second, 30 * time.Second, 5 * time.Minute, 30 * time.Minute}
}

// ParkedSubject is where the records of a source that wait in a step stand.
func ParkedSubject(id workflow.ID, source string, step int) string {
	return parkedRoot(id) + source + "." + strconv.Itoa(step)
}

// ParkedFilter matches all of a workflow's parked records.
func ParkedFilter(id workflow.ID) string { return parkedRoot(id) + ">" }

func parkedRoot(id workflow.ID) string { return prefix + string(id) + ".parked." }

// Park puts a record aside and returns when that is safe: only then may the delivery be acknowledged (invariant 2).
func (q *Queue) Park(ctx context.Context, d record.Delivery, reason string) error {
	since := d.WaitingSince
	if since.IsZero() {
		since = time.Now()
	}
	msg := Retry{Key: d.Key, Snapshot: d.Snapshot, WaitingSince: since, Waits: d.Waits + 1}.message(q.id, d.Source)
	msg.Subject = ParkedSubject(q.id, d.Source, min(d.Waits, len(parkPauses())-1))
	msg.Header[HeaderReason] = []string{oneLine(reason)}
	if q.keepsEvents() {
		msg.Header[HeaderOp] = []string{string(d.Op)}
		msg.Header[HeaderVersion] = []string{strconv.FormatInt(d.Version, 10)}
		msg.Header[HeaderReadAt] = []string{strconv.FormatInt(d.ReadAt.UnixMilli(), 10)}
		msg.Data = d.Data
	}
	_, err := q.c.js.PublishMsg(ctx, msg)
	if hasCode(err, codeStreamFull) {
		return full(q.id, err)
	}
	return classify(err, "parking a record")
}

// keepsEvents reports whether the records of the queue are events or reports and not rows: they are parked whole, and no
// key of theirs will ever be missed.
func (q *Queue) keepsEvents() bool { return q.id != workflow.Ingress }

// Parked is a record whose time has come.
type Parked struct {
	Retry
	Step int
	// Record is an event as it was parked, with WaitingSince and Waits set; zero for a row, which is read again.
	Record record.Record
}

// Due lists parked records of a source whose pause is over at a time, at most limit of each step, oldest first. Where one
// is due, those that are halfway come with it: several versions of one row so become one again.
func (q *Queue) Due(ctx context.Context, source string, limit int, now time.Time) ([]Parked, error) {
	var due []Parked
	for step, pause := range parkPauses() {
		ripe := now.Add(-pause)
		oldest := stretch{stream: Stream(q.id), subject: ParkedSubject(q.id, source, step), from: 1, limit: limit}
		for msg, err := range q.c.stored(ctx, oldest, "reading the parked records of "+source) {
			if err != nil {
				return nil, err
			}
			if msg.Time.After(ripe) {
				break
			}
			ripe = now.Add(-pause / 2)
			due = append(due, q.parked(source, msg, step))
		}
	}
	return due, nil
}

func (q *Queue) parked(source string, msg *jetstream.RawStreamMsg, step int) Parked {
	p := Parked{Retry: retry(msg), Step: step}
	if p.WaitingSince.IsZero() {
		p.WaitingSince = msg.Time
	}
	if q.keepsEvents() {
		version, _ := strconv.ParseInt(first(msg.Header, HeaderVersion), 10, 64) // What was published by hand may lack it.
		op := record.Upsert
		if first(msg.Header, HeaderOp) == string(record.Delete) {
			op = record.Delete
		}
		p.Record = record.Record{Source: source, Key: p.Key, Op: op, Version: version, WaitingSince: p.WaitingSince, Waits: p.Waits,
			ReadAt: millis(first(msg.Header, HeaderReadAt), msg.Time), Data: msg.Data}
	}
	return p
}

func millis(text string, otherwise time.Time) time.Time {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return otherwise
	}
	return time.UnixMilli(n)
}

// Unpark removes parked records: what was read for them stands in the queue.
func (q *Queue) Unpark(ctx context.Context, source string, done []Parked) error {
	last := map[int]uint64{}
	for _, p := range done {
		last[p.Step] = max(last[p.Step], p.Seq)
	}
	stream, err := q.c.js.Stream(ctx, Stream(q.id))
	if err != nil {
		return classify(err, "opening stream "+Stream(q.id))
	}
	for step, seq := range last {
		err := stream.Purge(ctx, jetstream.WithPurgeSubject(ParkedSubject(q.id, source, step)), jetstream.WithPurgeSequence(seq+1))
		if err != nil {
			return classify(err, "removing parked records of "+source)
		}
	}
	return nil
}

// encodeWaiting writes the part of a record's headers that speaks of waiting.
func encodeWaiting(header nats.Header, r record.Record) {
	if !r.WaitingSince.IsZero() {
		header[HeaderWaitingSince] = []string{strconv.FormatInt(r.WaitingSince.UnixMilli(), 10)}
		header[HeaderWaits] = []string{strconv.Itoa(r.Waits)}
	}
}

func decodeWaiting(header nats.Header, r *record.Record) error {
	text := first(header, HeaderWaitingSince)
	if text == "" {
		return nil
	}
	r.WaitingSince = millis(text, time.Time{})
	waits, err := strconv.Atoi(first(header, HeaderWaits))
	if err != nil || r.WaitingSince.IsZero() {
		return fmt.Errorf("headers %s and %s are not numbers", HeaderWaitingSince, HeaderWaits)
	}
	r.Waits = waits
	return nil
}

// ParkedSources counts the parked records by source.
func (q *Queue) ParkedSources(ctx context.Context) (map[string]uint64, error) {
	return q.sourcesUnder(ctx, parkedRoot(q.id))
}
