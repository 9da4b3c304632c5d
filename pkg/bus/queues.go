package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Queues looks at the workflows' streams from outside: it is how the admin service knows a backlog when nobody serves
// the workflow.
type Queues struct{ c *Conn }

// NewQueues binds; nothing is opened.
func NewQueues(c *Conn) *Queues { return &Queues{c: c} }

// Backlog is what waits in one workflow's stream.
type Backlog struct {
	// Pending was not handed to a writer yet or waits to be read again, InFlight was handed over and is not settled,
	// Parked waits for another record to arrive first.
	Pending, InFlight, Parked uint64
	// OldestAt is when the oldest unsettled record was queued, zero when nothing waits.
	OldestAt time.Time
	// AckFloor is the last sequence up to which everything is settled.
	AckFloor uint64
	// Bytes and MaxBytes are the stream's size and limit.
	Bytes, MaxBytes uint64
	// PausedUntil is when deliveries go on, where an operator has paused the consumer; else zero.
	PausedUntil time.Time
}

// Total is the backlog: every record that is not settled. Pending alone would leave out what a writer holds.
func (b Backlog) Total() uint64 { return b.Pending + b.InFlight + b.Parked }

// Backlog asks the server; at most once a second a workflow, please.
func (s *Queues) Backlog(ctx context.Context, id workflow.ID) (Backlog, error) {
	stream, err := s.c.js.Stream(ctx, Stream(id))
	if err != nil {
		return Backlog{}, classify(err, "opening stream "+Stream(id))
	}
	consumer, err := stream.Consumer(ctx, ConsumerWriter)
	if err != nil {
		return Backlog{}, classify(err, "opening consumer "+ConsumerWriter)
	}
	info, streamInfo := consumer.CachedInfo(), stream.CachedInfo()
	b := Backlog{Pending: info.NumPending, InFlight: uint64(max(info.NumAckPending, 0)), AckFloor: info.AckFloor.Stream,
		Bytes: streamInfo.State.Bytes, MaxBytes: uint64(max(streamInfo.Config.MaxBytes, 0))}
	if info.Paused {
		b.PausedUntil = time.Now().Add(info.PauseRemaining)
	}
	retries, err := sourcesUnder(ctx, stream, RetriesSubject(id, ""))
	if err != nil {
		return Backlog{}, err
	}
	if b.Pending+b.InFlight > 0 {
		if b.OldestAt, err = s.oldest(ctx, stream, id, b.AckFloor+1); err != nil {
			return Backlog{}, err
		}
	}
	parked, err := sourcesUnder(ctx, stream, parkedRoot(id))
	if err != nil {
		return Backlog{}, err
	}
	for _, count := range parked {
		b.Parked += count
	}
	for _, count := range retries { // Taken out of the failures, and not at the destination yet.
		b.Pending += count
	}
	return b, nil
}

// Waiting counts the records of the queue that are not settled, those apart that are parked or wait to be read again.
func (q *Queue) Waiting(ctx context.Context) (uint64, error) {
	consumer, err := q.c.js.Consumer(ctx, Stream(q.id), ConsumerWriter)
	if err != nil {
		return 0, classify(err, "opening consumer "+ConsumerWriter)
	}
	info := consumer.CachedInfo()
	return info.NumPending + uint64(max(info.NumAckPending, 0)), nil
}

// oldest is when the first record at or behind a sequence was queued.
func (s *Queues) oldest(ctx context.Context, stream jetstream.Stream, id workflow.ID, from uint64) (time.Time, error) {
	msg, err := stream.GetMsg(ctx, from, jetstream.WithGetMsgSubject(RecordsFilter(id)))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, classify(err, "reading the oldest record")
	}
	return msg.Time, nil
}

// Failures counts a workflow's rejected records.
func (s *Queues) Failures(ctx context.Context, id workflow.ID) (uint64, error) {
	stream, err := s.c.js.Stream(ctx, StreamFailures)
	if err != nil {
		return 0, classify(err, "opening the failures")
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(FailureSubject(id, ">")))
	if err != nil {
		return 0, classify(err, "counting the failures")
	}
	var count uint64
	for _, n := range info.State.Subjects {
		count += n
	}
	return count, nil
}

// Keep says how much of what is settled stays, for tracing and for trying an edited configuration.
type Keep struct {
	// Age is how long a settled record stays at most; default 24 h.
	Age time.Duration
	// Share is how much of the stream's size limit records may take, settled or not, before settled ones go early;
	// default 0.5.
	Share float64
}

// Trim purges settled records of a workflow: those behind the writer's ack floor that are older than keep allows, or
// more than the stream has room for. It never touches an unsettled one. It returns how many went.
func (s *Queues) Trim(ctx context.Context, id workflow.ID, keep Keep, now time.Time) (uint64, error) {
	if keep.Age == 0 {
		keep.Age = 24 * time.Hour
	}
	if keep.Share == 0 {
		keep.Share = 0.5
	}
	stream, err := s.c.js.Stream(ctx, Stream(id))
	if err != nil {
		return 0, classify(err, "opening stream "+Stream(id))
	}
	consumer, err := stream.Consumer(ctx, ConsumerWriter)
	if err != nil {
		return 0, classify(err, "opening consumer "+ConsumerWriter)
	}
	if err := trimPositions(ctx, stream, id, oldPositions); err != nil {
		return 0, err
	}
	state := stream.CachedInfo().State
	settled := consumer.CachedInfo().AckFloor.Stream // Everything at or before it is settled (invariant 2).
	until := uint64(0)
	if float64(state.Bytes) > keep.Share*float64(stream.CachedInfo().Config.MaxBytes) {
		until = settled
	} else if until, err = lastBefore(ctx, stream, RecordsFilter(id), state.FirstSeq, settled, now.Add(-keep.Age)); err != nil {
		return 0, err
	}
	if until == 0 {
		return 0, nil
	}
	before := state.Msgs
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject(RecordsFilter(id)), jetstream.WithPurgeSequence(until+1)); err != nil {
		return 0, classify(err, "trimming "+Stream(id))
	}
	after, err := stream.Info(ctx)
	if err != nil {
		return 0, classify(err, "trimming "+Stream(id))
	}
	return before - min(before, after.State.Msgs), nil
}

// oldPositions is how many read positions and fences of one source may stand behind the one that counts. Removing them
// makes the server read what stands between them, so it is done rarely; more often where positions are large: those of export files
// can have half a megabyte, and all of them together may take positionShare of the stream.
const (
	oldPositions  = 10_000
	positionShare = 1.0 / 16
)

// fewPositions are never too many, whatever their size: no time is spent on finding out.
const fewPositions = 32

// trimPositions removes the read positions and fences that newer ones have replaced, where there are too many.
func trimPositions(ctx context.Context, stream jetstream.Stream, id workflow.ID, many uint64) error {
	for _, filter := range []string{CheckpointSubject(id, ">"), FenceSubject(id, ">")} {
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter(filter))
		if err != nil {
			return classify(err, "counting read positions")
		}
		for subject, count := range info.State.Subjects {
			if count <= min(fewPositions, many) {
				continue
			}
			last, err := stream.GetLastMsgForSubject(ctx, subject)
			if err != nil {
				return classify(err, "counting read positions")
			}
			room := positionShare * float64(info.Config.MaxBytes) / float64(max(1, len(last.Data)))
			if count <= many && (info.Config.MaxBytes <= 0 || float64(count) <= room) {
				continue
			}
			if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject), jetstream.WithPurgeKeep(1)); err != nil {
				return classify(err, "trimming read positions")
			}
		}
	}
	return nil
}

// lastBefore is the last sequence in [low, high] of a filter's messages that was stored before a time, 0 when there is none. Times grow with
// sequences, so it halves the stretch: 20 reads find the place in a million.
func lastBefore(ctx context.Context, stream jetstream.Stream, filter string, low, high uint64, limit time.Time) (uint64, error) {
	found := uint64(0)
	for low <= high && high > 0 {
		middle := low + (high-low)/2
		msg, err := stream.GetMsg(ctx, middle, jetstream.WithGetMsgSubject(filter))
		if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			return 0, classify(err, "looking for what is old")
		}
		if err == nil && msg.Sequence <= high && msg.Time.Before(limit) {
			found, low = msg.Sequence, msg.Sequence+1
			continue
		}
		if middle == 0 {
			break
		}
		high = middle - 1
	}
	return found, nil
}
