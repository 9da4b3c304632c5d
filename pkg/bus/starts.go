package bus

import (
	"context"
	"errors"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Starts remembers, for all instances of a workflow, which start was the last that has been at work: what an admin has just
// asked for is refused when a part of it cannot work, and what has worked goes on with the parts that can. Only the
// holder of the workflow's lease may call Begin.
type Starts struct {
	c  *Conn
	id workflow.ID
}

// NewStarts binds to the lease bucket, key <workflow>-began; nothing is opened.
func NewStarts(c *Conn, id workflow.ID) *Starts { return &Starts{c: c, id: id} }

// Began reports whether the start with a command's sequence has been at work.
func (s *Starts) Began(ctx context.Context, command uint64) (bool, error) {
	stream, err := s.c.js.Stream(ctx, "KV_"+BucketLeases)
	if err != nil {
		return false, classify(err, "opening the lease bucket")
	}
	msg, err := stream.GetLastMsgForSubject(ctx, beganSubject(s.id))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, classify(err, "asking which start was at work")
	}
	return string(msg.Data) == strconv.FormatUint(command, 10), nil
}

// Begin notes that a start is at work.
func (s *Starts) Begin(ctx context.Context, command uint64) error {
	_, err := s.c.js.Publish(ctx, beganSubject(s.id), []byte(strconv.FormatUint(command, 10)))
	return classify(err, "saying which start is at work")
}
