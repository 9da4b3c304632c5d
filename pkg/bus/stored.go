package bus

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// stretch is a part of a stream: what stands on a subject from a sequence on, at most limit messages.
type stretch struct {
	stream, subject string
	from            uint64
	limit           int
}

// answerTimeout bounds the wait for one answer.
const answerTimeout = 10 * time.Second

// headerPending counts, in each message of an answer, those of the subject that stand behind it.
const headerPending = "Nats-Num-Pending"

// stored yields the messages of a stretch, oldest first, and ends without an error only where that is all of them.
//
// The library ends a batch without a word when time runs out, so that a slow server looks like an empty stream, and the
// server ends one early that has grown large. Who took either for everything would forget a record: a decision that
// counts, a newer version, a retry. So nothing is believed to be nothing unless the server says so, and a short answer
// is asked for its rest. doing completes the sentence "NATS failed while ...".
func (c *Conn) stored(ctx context.Context, s stretch, doing string) iter.Seq2[*jetstream.RawStreamMsg, error] {
	return func(yield func(*jetstream.RawStreamMsg, error) bool) {
		for rest := s; rest.limit > 0; {
			end, err := c.answer(ctx, &rest, doing, yield)
			if err != nil {
				yield(nil, err)
			}
			if end || err != nil {
				return
			}
		}
	}
}

// answer asks once, yields what comes and moves the stretch behind it. It reports whether that was the end: the server
// has no more, or nobody wants more.
func (c *Conn) answer(ctx context.Context, s *stretch, doing string, yield func(*jetstream.RawStreamMsg, error) bool) (end bool, err error) {
	asking, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	messages, err := jetstreamext.GetBatch(asking, c.js, s.stream, s.limit, jetstreamext.GetBatchSeq(s.from), jetstreamext.GetBatchSubject(s.subject))
	if err != nil {
		return false, classify(err, doing)
	}
	last := ""
	for msg, err := range messages {
		if errors.Is(err, jetstreamext.ErrNoMessages) {
			return true, nil
		}
		if err != nil {
			return false, classify(err, doing)
		}
		last = first(msg.Header, headerPending)
		s.from, s.limit = msg.Sequence+1, s.limit-1
		if !yield(msg, nil) || s.limit == 0 {
			return true, nil
		}
	}
	switch {
	case last == "0":
		return true, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return false, ctx.Err()
	case last == "" || ctx.Err() != nil:
		return false, fault.Wrap(fault.Transient, asking.Err(), "NATS did not answer in time while "+doing)
	}
	return false, nil
}
