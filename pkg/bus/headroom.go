package bus

import (
	"context"
	"math"

	"github.com/nats-io/nats.go"
)

// headroom is what a reader leaves free of a stream with a size limit, for what makes room: a stream that pages have filled
// to the last byte could take neither a record that has to be parked nor the request that reads one again, and the writer
// could not go on (invariant 2: it may not acknowledge what is nowhere safe).
func headroom(limit int64) int64 { return min(limit/8, 32<<20) }

// overhead is above what a batch and the file store add to a message's subject, headers and content: the batch's id, the
// message's place in it, and 30 bytes. What is too high is mended by the next look.
const overhead = 200

// room is how much of a stream its readers may still fill, as far as one queue knows: what others append beside it is seen
// at the next look.
type room struct{ used, most int64 }

// reserve takes place for a page, or fails with fault.QueueFull. It asks the server only when what it knows says that there
// is no place.
func (q *Queue) reserve(ctx context.Context, batch []*nats.Msg) error {
	size := int64(0)
	for _, m := range batch {
		size += int64(m.Size()) + overhead
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.room.used+size > q.room.most {
		stream, err := q.c.js.Stream(ctx, Stream(q.id))
		if err != nil {
			return classify(err, "opening stream "+Stream(q.id))
		}
		info := stream.CachedInfo()
		q.room = room{used: int64(info.State.Bytes), most: math.MaxInt64}
		if limit := info.Config.MaxBytes; limit > 0 {
			q.room.most = limit - headroom(limit)
		}
	}
	if q.room.used+size > q.room.most {
		return full(q.id, nil)
	}
	q.room.used += size
	return nil
}
