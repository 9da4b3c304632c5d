package bus

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Where a record stands is found in its workflow's own stream: nothing is written for it while records flow. The key of a
// record is a header, not a subject, because a subject a key would cost the server memory for every key. So a search looks
// through the stream, the newest first and a stretch at a time, until it has seen all or its time is up: through the key
// log where there is one, a thousandth of the messages, else through the headers of the records, without their bodies
// (docs/adr/0013-record-trace.md).

// SightingKind says where in its workflow's stream something about a key stands.
type SightingKind string

// The kinds of sightings.
const (
	SeenRecord SightingKind = "record" // in the queue, settled or not
	SeenParked SightingKind = "parked" // put aside until another record has arrived
	SeenRetry  SightingKind = "retry"  // to be read again
)

// Sighting is one message about a key, without what it carries.
type Sighting struct {
	Kind   SightingKind
	Source string
	Seq    uint64
	Op     string
	// Version is the source's own, 0 where it has none.
	Version  int64
	Snapshot bool
	// ReadAt is when the source was read, QueuedAt when the message was stored.
	ReadAt, QueuedAt time.Time
	// WaitingSince and Waits are those of a record that was put aside before.
	WaitingSince time.Time
	Waits        int
	// DueAt is when a parked one is looked at again, Reason why it was parked.
	DueAt  time.Time
	Reason string
}

// Found is what a search has seen.
type Found struct {
	// Sightings are the newest first.
	Sightings []Sighting
	// Complete is false where time or room ran out before everything was looked at.
	Complete bool
	// Looked is how many records were looked at, Of how many there are. Since is when the oldest of the stretch that was
	// looked through without a gap was queued, zero where there was none.
	Looked, Of uint64
	Since      time.Time
	// AckFloor and Delivered are the writer's, Unsettled is how many records wait or are in its hands.
	AckFloor, Delivered, Unsettled uint64
}

const (
	// traceStretch is how many places one step of a search reads.
	traceStretch = 100_000
	// maxSightings bounds an answer, roomSightings what is held on the way to it: a record that changes all day stands in the
	// stream often.
	maxSightings  = 200
	roomSightings = 10 * maxSightings
)

// Find looks for everything about a key in a workflow's stream, until ctx ends: what was found by then is the answer, and
// not an error. Blanks around the key, braces and case do not matter.
func (s *Queues) Find(ctx context.Context, id workflow.ID, key string) (Found, error) {
	stream, err := s.c.js.Stream(ctx, Stream(id))
	if err != nil {
		return Found{}, classify(err, "opening stream "+Stream(id))
	}
	consumer, err := stream.Consumer(ctx, ConsumerWriter)
	if err != nil {
		return Found{}, classify(err, "opening consumer "+ConsumerWriter)
	}
	info := consumer.CachedInfo()
	found := Found{AckFloor: info.AckFloor.Stream, Delivered: info.Delivered.Stream, Unsettled: info.NumPending + uint64(max(info.NumAckPending, 0))}
	counts, err := sourcesUnder(ctx, stream, RecordsSubject(id, ""))
	if err != nil {
		return Found{}, err
	}
	for _, n := range counts {
		found.Of += n
	}
	look := &search{c: s.c, id: id, stream: stream, keys: spellings(key), found: &found}
	state := stream.CachedInfo().State
	first := state.FirstSeq
	if err = look.aside(ctx); err == nil && id == workflow.Ingress {
		first, err = look.log(ctx, state)
	} else if err == nil {
		first = state.LastSeq
	}
	if err == nil && !found.Complete {
		err = look.records(ctx, state.FirstSeq, first)
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = nil
	}
	slices.SortStableFunc(found.Sightings, func(a, b Sighting) int { return b.QueuedAt.Compare(a.QueuedAt) })
	if len(found.Sightings) > maxSightings {
		found.Sightings, found.Complete = found.Sightings[:maxSightings], false
	}
	return found, err
}

// spellings are the ways in which a key may stand in the stream.
func spellings(key string) []string {
	key = strings.TrimSpace(key)
	return []string{key, strings.ToLower(strings.Trim(key, "{}"))}
}

// search is one look through a stream.
type search struct {
	c      *Conn
	id     workflow.ID
	stream jetstream.Stream
	keys   []string
	found  *Found
}

// errEnough ends a look when there is room for no more sightings.
var errEnough = errors.New("enough")

// aside looks through what is parked or to be read again.
func (s *search) aside(ctx context.Context) error {
	for _, filter := range []string{ParkedFilter(s.id), retriesFilter(s.id)} {
		counts, err := sourcesUnder(ctx, s.stream, strings.TrimSuffix(filter, ">"))
		if err != nil || len(counts) == 0 {
			if err != nil {
				return err
			}
			continue
		}
		if err := s.between(ctx, filter, 1, s.stream.CachedInfo().State.LastSeq, func(uint64, time.Time) {}); err != nil {
			return err
		}
	}
	return nil
}

// records looks through the headers of the records between two places, the newest stretch first.
func (s *search) records(ctx context.Context, from, to uint64) error {
	for at := to; at >= from && at > 0 && s.found.Looked < s.found.Of; {
		begin := max(from, at-min(at, traceStretch)+1)
		var oldest time.Time
		err := s.between(ctx, RecordsFilter(s.id), begin, at, func(_ uint64, at time.Time) {
			s.found.Looked++
			if oldest.IsZero() {
				oldest = at.UTC()
			}
		})
		if err != nil {
			return err
		}
		if err := s.passed(oldest); err != nil {
			return err
		}
		at = begin - 1
	}
	s.found.Complete = true
	return nil
}

// passed notes how far back everything was looked at, and ends the search where the answer has room for no more.
func (s *search) passed(oldest time.Time) error {
	if !oldest.IsZero() {
		s.found.Since = oldest
	}
	if len(s.found.Sightings) > maxSightings {
		return errEnough
	}
	return nil
}

func (s *search) keep(one Sighting) error {
	if len(s.found.Sightings) >= roomSightings {
		return errEnough
	}
	s.found.Sightings = append(s.found.Sightings, one)
	return nil
}

// between reads the headers of what stands on a filter between two places, tells seen of each, and keeps what is about the
// key.
func (s *search) between(ctx context.Context, filter string, from, to uint64, seen func(uint64, time.Time)) error {
	const doing = "looking for a record"
	reader, err := s.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{FilterSubjects: []string{filter}, HeadersOnly: true,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from, InactiveThreshold: 10 * time.Second})
	if err != nil {
		return classify(err, doing)
	}
	info, err := reader.Info(ctx)
	if err != nil {
		return classify(err, doing)
	}
	left := info.NumPending
	if left == 0 {
		return nil
	}
	messages, err := reader.Messages(jetstream.PullMaxMessages(int(min(left, 2000))))
	if err != nil {
		return classify(err, doing)
	}
	defer messages.Stop()
	for ; left > 0; left-- {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return classify(err, doing)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return classify(err, doing)
		}
		if meta.Sequence.Stream > to {
			return nil
		}
		seen(meta.Sequence.Stream, meta.Timestamp)
		if slices.Contains(s.keys, first(msg.Headers(), HeaderKey)) {
			if err := s.keep(sighting(s.id, msg.Subject(), msg.Headers(), meta.Sequence.Stream, meta.Timestamp)); err != nil {
				return err
			}
		}
	}
	return nil
}

// sighting reads a message without its body. What was published by hand may lack any of the headers.
func sighting(id workflow.ID, subject string, header nats.Header, seq uint64, at time.Time) Sighting {
	version, _ := strconv.ParseInt(first(header, HeaderVersion), 10, 64)
	var waiting record.Record
	_ = decodeWaiting(header, &waiting)
	found := Sighting{Seq: seq, Op: first(header, HeaderOp), Version: version, Snapshot: first(header, HeaderSnapshot) != "", QueuedAt: at.UTC(),
		WaitingSince: waiting.WaitingSince, Waits: waiting.Waits}
	if text := first(header, HeaderReadAt); text != "" {
		found.ReadAt = millis(text, time.Time{})
	}
	switch kind, source := kindOf(id, subject); kind {
	case SeenParked:
		source, step, _ := strings.Cut(source, ".")
		n, _ := strconv.Atoi(step)
		pauses := parkPauses()
		found.Kind, found.Source = kind, source
		found.DueAt, found.Reason = at.UTC().Add(pauses[min(max(n, 0), len(pauses)-1)]), first(header, HeaderReason)
	default:
		found.Kind, found.Source = kind, source
	}
	return found
}

func kindOf(id workflow.ID, subject string) (SightingKind, string) {
	if source, parked := strings.CutPrefix(subject, parkedRoot(id)); parked {
		return SeenParked, source
	}
	if source, retry := strings.CutPrefix(subject, RetriesSubject(id, "")); retry {
		return SeenRetry, source
	}
	return SeenRecord, strings.TrimPrefix(subject, RecordsSubject(id, ""))
}

// Behind counts the records of a workflow at and behind a place, settled or not.
func (s *Queues) Behind(ctx context.Context, id workflow.ID, place uint64) (uint64, error) {
	const doing = "counting the records that wait"
	stream, err := s.c.js.Stream(ctx, Stream(id))
	if err != nil {
		return 0, classify(err, doing)
	}
	counter, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{FilterSubject: RecordsFilter(id), DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq: place, AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, InactiveThreshold: 5 * time.Second})
	if err != nil {
		return 0, classify(err, doing)
	}
	info := counter.CachedInfo()
	return info.NumPending, classify(stream.DeleteConsumer(ctx, info.Name), doing)
}
