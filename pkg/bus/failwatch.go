package bus

import (
	"context"
	"errors"
	"hash/maphash"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Failures looks at the rejected records of all workflows. It keeps an index of them in memory, 32 bytes a failure, so
// that a page of a million is answered in milliseconds; Run builds it from the headers of what is stored and keeps it
// right. Several Failures may work on one stream: what another removes is noticed within seconds.
type Failures struct {
	c    *Conn
	seed maphash.Seed

	mu       sync.RWMutex
	current  *indexes
	building *indexes // becomes current when it is complete; often the same
	removing int      // removals under way: the stream's count is behind or ahead of the index
}

// indexes are those of all workflows, built in one pass.
type indexes struct {
	of map[workflow.ID]*index
	// seen is the last sequence that was noted; complete is set when everything that was stored at the beginning was.
	seen     uint64
	complete bool
	capped   bool
	strays   uint64 // failures of no workflow
}

// NewFailures binds; nothing is opened. Until Run has looked through what is stored, answers are not complete, and say so.
func NewFailures(c *Conn) *Failures {
	f := &Failures{c: c, seed: maphash.MakeSeed()}
	f.current = f.empty()
	return f
}

func (f *Failures) empty() *indexes {
	s := &indexes{of: map[workflow.ID]*index{}}
	for _, id := range workflow.All() {
		s.of[id] = newIndex(f.seed)
	}
	return s
}

func (s *indexes) size() int {
	n := int(s.strays)
	for _, x := range s.of {
		n += len(x.entries)
	}
	return n
}

// errDrifted says that the index and the stream do not agree: it is built again.
var errDrifted = errors.New("the index of the failures has drifted")

// Run keeps the index until ctx ends.
func (f *Failures) Run(ctx context.Context) {
	for ctx.Err() == nil {
		err := f.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		f.c.log.Warn("the failures are read again from the beginning", zap.String("why", err.Error()))
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// follow builds an index and keeps it up to date until something goes wrong. While a complete one is there, the new one
// takes its place only when it is complete too.
func (f *Failures) follow(ctx context.Context) error {
	stream, err := f.c.js.Stream(ctx, StreamFailures)
	if err != nil {
		return classify(err, "opening the failures")
	}
	reader, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{HeadersOnly: true, FilterSubjects: []string{failuresFilter}})
	if err != nil {
		return classify(err, "reading the failures")
	}
	messages, err := reader.Messages(jetstream.PullMaxMessages(2000))
	if err != nil {
		return classify(err, "reading the failures")
	}
	last := stream.CachedInfo().State.LastSeq
	next := f.begin(last)
	f.reserve(ctx, stream, next)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { cancel(f.watch(ctx, next)) })
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			cancel(err)
			return context.Cause(ctx)
		}
		f.note(next, msg, last)
	}
}

// begin makes the index that is going to be filled, and shows it at once where there is no complete one.
func (f *Failures) begin(last uint64) *indexes {
	next := f.empty()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.building = next
	if last == 0 || !f.current.complete {
		next.complete = last == 0
		f.current = next
	}
	return next
}

// reserve makes room for what is stored, so that the index does not grow in steps, each of which leaves a copy behind.
// Where the server does not say how much that is, it grows.
func (f *Failures) reserve(ctx context.Context, stream jetstream.Stream, s *indexes) {
	ctx, cancel := context.WithTimeout(ctx, failuresTimeout)
	defer cancel()
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(failuresFilter))
	if err != nil {
		return
	}
	stored := map[workflow.ID]uint64{}
	for subject, n := range info.State.Subjects {
		id, _ := parseFailureSubject(subject)
		stored[id] += n
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, x := range s.of {
		x.reserve(int(min(stored[id], maxEntries)))
	}
}

// note adds one stored failure. When it is the last that was there at the beginning, the index is complete.
func (f *Failures) note(s *indexes, msg jetstream.Msg, last uint64) {
	meta, err := msg.Metadata()
	if err != nil { // Cannot happen for a message that was pulled.
		return
	}
	id, source := parseFailureSubject(msg.Subject())
	header := msg.Headers()
	attempts, _ := strconv.Atoi(first(header, HeaderAttempts))
	f.mu.Lock()
	defer f.mu.Unlock()
	s.seen = meta.Sequence.Stream
	if x := s.of[id]; x != nil {
		x.add(s.seen, meta.Timestamp, source, first(header, HeaderKey), causeOf(header, source), attempts)
		if len(x.entries) > maxEntries {
			x.entries = append(x.entries[:0:0], x.entries[maxEntries/8:]...)
			s.capped = true
		}
	} else {
		s.strays++
	}
	if !s.complete && (s.seen >= last || meta.NumPending == 0) {
		s.complete = true
		f.current = s
	}
}

// compareEvery is how often the index is compared with the stream.
const compareEvery = time.Second

// watch compares the index with the stream: what has expired is forgotten, and a count that does not agree twice in a
// row means that somebody else has removed failures.
func (f *Failures) watch(ctx context.Context, s *indexes) error {
	ticker := time.NewTicker(compareEvery)
	defer ticker.Stop()
	wrong, seen := 0, uint64(0)
	for wrong < 2 {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		stateCtx, cancel := context.WithTimeout(ctx, failuresTimeout)
		stream, err := f.c.js.Stream(stateCtx, StreamFailures)
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case hasCode(err, codeStreamNotFound):
			return classify(err, "watching the failures")
		case err != nil:
			continue
		}
		agrees, now := f.agrees(s, stream.CachedInfo().State, seen)
		if seen = now; agrees {
			wrong = 0
		} else {
			wrong++
		}
	}
	return errDrifted
}

// agrees forgets what has expired and reports whether the index has as many failures as the stream. It cannot tell while
// messages are on their way (it has seen more than at the last look) or are being removed.
func (f *Failures) agrees(s *indexes, state jetstream.StreamState, before uint64) (agrees bool, seen uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if state.LastSeq < s.seen { // The stream was made anew.
		return false, s.seen
	}
	if state.Msgs == 0 {
		s.complete, s.strays, f.current = true, 0, s
	}
	for _, x := range s.of {
		x.trim(state.FirstSeq)
	}
	switch {
	case !s.complete, f.removing > 0, s.seen < state.LastSeq && s.seen != before:
		return true, s.seen
	case s.capped:
		return s.size() > maxEntries/2, s.seen
	}
	return uint64(s.size()) == state.Msgs, s.seen
}

// forget takes removed failures out of the index.
func (f *Failures) forget(id workflow.ID, seqs []uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current.of[id].remove(seqs)
	if f.building != nil && f.building != f.current {
		f.building.of[id].remove(seqs)
	}
}

// removal notes that failures are being removed until the returned function is called.
func (f *Failures) removal() (done func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.removing++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.removing--
	}
}

// known is the index of a workflow for reading; release must be called.
func (f *Failures) known(id workflow.ID) (x *index, complete bool, release func(), err error) {
	f.mu.RLock()
	if x = f.current.of[id]; x == nil {
		f.mu.RUnlock()
		return nil, false, nil, fault.New(fault.NotFound, "there is no workflow of that name")
	}
	return x, f.current.complete, f.mu.RUnlock, nil
}
