package bus

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Owners names, for all instances of a workflow, the run that was the last that could write to the destination. What an
// instance remembers of the destination is right only while no other run has been named since. Only the holder of the
// workflow's lease may call Put.
type Owners struct {
	c       *Conn
	subject string
}

// NewOwners binds to the bucket; nothing is opened.
func NewOwners(c *Conn, id workflow.ID) *Owners { return &Owners{c: c, subject: ownerSubject(id)} }

// Last is the name that was put last, "" where none ever was, and the revision that the next Put must name.
func (o *Owners) Last(ctx context.Context) (name string, revision uint64, err error) {
	stream, err := o.c.js.Stream(ctx, "KV_"+BucketLeases)
	if err != nil {
		return "", 0, classify(err, "opening the lease bucket")
	}
	msg, err := stream.GetLastMsgForSubject(ctx, o.subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return "", 0, nil
	}
	if err != nil {
		return "", 0, classify(err, "asking who has written last")
	}
	return string(msg.Data), msg.Sequence, nil // A deleted entry has no data and a revision: nobody.
}

// Put replaces the name that has the revision; fault.Stale when somebody else has put one since.
func (o *Owners) Put(ctx context.Context, name string, revision uint64) error {
	_, err := o.c.js.Publish(ctx, o.subject, []byte(name), jetstream.WithExpectLastSequencePerSubject(revision), jetstream.WithRetryAttempts(0))
	if hasCode(err, codeWrongLastSequence) {
		return fault.Wrap(fault.Stale, err, "another instance has become the one that writes")
	}
	return classify(err, "saying who writes")
}
