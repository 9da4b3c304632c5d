package bus

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/causeway-sync/causeway/pkg/record"
)

// A record may be greater than the server takes in one message: a row with long texts, an event with a large body. Its
// page would be refused for ever and its source stand still. So such a record goes to the failures by itself, which say
// how large it is and what to do, and the rest of its page is stored.

// roomFor is how large a record may be on a server that takes messages of so many bytes. The sixteenth that is left is
// for the headers that come on top: those of the batch, and the reasons when the record is parked or rejected.
func roomFor(maxPayload int64) int64 { return maxPayload - maxPayload/16 }

// fitting are the records of a page that the server takes, as messages beside them. Those that it does not take stand
// among the failures when it returns: before the position moves, so that none is lost (invariant 1). A crash in between
// rejects them twice, which is harmless.
func (q *Queue) fitting(ctx context.Context, source, page string, records []record.Record) ([]record.Record, []*nats.Msg, error) {
	maxPayload := q.c.nc.MaxPayload()
	fit, messages := make([]record.Record, 0, len(records)), make([]*nats.Msg, 0, len(records)+2)
	var tooLarge []record.Delivery
	var reasons []string
	for _, r := range records {
		msg := encode(q.id, r)
		if size := int64(msg.Size()); size > roomFor(maxPayload) {
			r.Data = nil
			tooLarge, reasons = append(tooLarge, record.Delivery{Record: r}), append(reasons, oversized(r, size, maxPayload))
			continue
		}
		fit, messages = append(fit, r), append(messages, msg)
	}
	if len(tooLarge) == 0 || q.rejectedBefore(source, page) {
		return fit, messages, nil
	}
	for i, d := range tooLarge {
		if err := q.Reject(ctx, d, reasons[i], 1); err != nil {
			return nil, nil, err
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rejected[source] = page
	return fit, messages, nil
}

// rejectedBefore reports whether a page is offered again: one that waits for room in the queue is, every few seconds, and
// its records are rejected once.
func (q *Queue) rejectedBefore(source, page string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.rejected[source] == page
}

func oversized(r record.Record, size, maxPayload int64) string {
	return fmt.Sprintf("%s %s: the record has %d bytes, and NATS takes %d (its max_payload is %d, a part of it is for headers): "+
		"shorten its longest fields or raise max_payload of nats-server. Its payload is not kept here", r.Source, r.Key, size, roomFor(maxPayload), maxPayload)
}
