package bus

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Usage keeps what each workflow has used of the remote systems, one document a workflow, by compare-and-set: of two admin
// services that add at the same time one is refused, and adds anew to what the other has stored. It stores bytes; what a
// document says is the caller's.
type Usage struct{ c *Conn }

// NewUsage binds to the bucket; nothing is opened.
func NewUsage(c *Conn) *Usage { return &Usage{c: c} }

func usageSubject(id workflow.ID) string { return "$KV." + BucketUsage + "." + string(id) }

// Latest is a workflow's document with its revision; none and 0 where nothing was ever stored.
func (u *Usage) Latest(ctx context.Context, id workflow.ID) ([]byte, uint64, error) {
	stream, err := u.c.js.Stream(ctx, "KV_"+BucketUsage)
	if err != nil {
		return nil, 0, classify(err, "opening the usage bucket")
	}
	msg, err := stream.GetLastMsgForSubject(ctx, usageSubject(id))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, classify(err, "reading the usage")
	}
	return msg.Data, msg.Sequence, nil
}

// Put stores a document on top of a revision; fault.Stale when that is no longer the newest.
func (u *Usage) Put(ctx context.Context, id workflow.ID, data []byte, expected uint64) (uint64, error) {
	msg := nats.NewMsg(usageSubject(id))
	msg.Data = data
	ack, err := u.c.js.PublishMsg(ctx, msg, jetstream.WithExpectLastSequencePerSubject(expected), jetstream.WithRetryAttempts(0))
	if hasCode(err, codeWrongLastSequence) {
		return 0, fault.Wrap(fault.Stale, err, "another admin service has stored the usage")
	}
	if err != nil {
		return 0, classify(err, "storing the usage")
	}
	return ack.Sequence, nil
}
