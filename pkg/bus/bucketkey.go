package bus

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// bucketKey is one key of a bucket. People edit what stands there, several at once, so a new value is stored on top of the revision that its
// author saw and on no other. It is read from its stream: nothing is opened, and what a reader must be allowed is one subject.
type bucketKey struct {
	c           *Conn
	bucket, key string
	// what names it in the sentences "NATS failed while reading ..." and "... storing ...".
	what string
	// stale says to whoever was overtaken what has happened, and what to do.
	stale string
}

func (k bucketKey) subject() string { return "$KV." + k.bucket + "." + k.key }

// latest is the newest value with its sequence, which is its revision, or nil where there never was one. A removal is a value too: it has
// headerOperation.
func (k bucketKey) latest(ctx context.Context) (*jetstream.RawStreamMsg, error) {
	stream, err := k.c.js.Stream(ctx, "KV_"+k.bucket)
	if err != nil {
		return nil, classify(err, "opening the bucket of "+k.what)
	}
	msg, err := stream.GetLastMsgForSubject(ctx, k.subject())
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	return msg, classify(err, "reading "+k.what)
}

// put stores a value on top of the revision expected, 0 for the first, and returns its own; fault.Stale where that is not the newest. By is
// empty where no person stores it.
// The value is not to be read back: in a cluster the copy that answers may not have it yet.
func (k bucketKey) put(ctx context.Context, data []byte, expected uint64, by string) (revision uint64, err error) {
	msg := nats.NewMsg(k.subject())
	msg.Data = data
	if by != "" {
		msg.Header.Set(HeaderBy, by)
	}
	ack, err := k.c.js.PublishMsg(ctx, msg, jetstream.WithExpectLastSequencePerSubject(expected))
	if hasCode(err, codeWrongLastSequence) {
		return 0, fault.Wrap(fault.Stale, err, k.stale)
	}
	if err != nil {
		return 0, classify(err, "storing "+k.what)
	}
	return ack.Sequence, nil
}
