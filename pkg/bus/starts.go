package bus

import (
	"bytes"
	"context"
	"errors"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Starts remembers, for all instances of a workflow, which start was the last that has been at work: what an admin has just
// asked for is refused when a part of it cannot work, and what has worked goes on with the parts that can. Only the
// holder of the workflow's lease may call Begin.
type Starts struct {
	c       *Conn
	subject string
}

// NewStarts binds to the lease bucket, key <workflow>-began; nothing is opened.
func NewStarts(c *Conn, id workflow.ID) *Starts { return &Starts{c: c, subject: beganSubject(id)} }

// Began reports whether the start with a command's sequence has been at work, and what was noted with it.
func (s *Starts) Began(ctx context.Context, command uint64) (note []byte, began bool, err error) {
	stream, err := s.c.js.Stream(ctx, "KV_"+BucketLeases)
	if err != nil {
		return nil, false, classify(err, "opening the lease bucket")
	}
	msg, err := stream.GetLastMsgForSubject(ctx, s.subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, classify(err, "asking which start was at work")
	}
	number, note, _ := bytes.Cut(msg.Data, []byte(" "))
	return note, string(number) == strconv.FormatUint(command, 10), nil
}

// Begin notes that a start is at work. The note is kept until another start is.
func (s *Starts) Begin(ctx context.Context, command uint64, note []byte) error {
	msg := nats.NewMsg(s.subject)
	msg.Data = append(strconv.AppendUint(nil, command, 10), ' ')
	msg.Data = append(msg.Data, note...)
	_, err := s.c.js.PublishMsg(ctx, msg)
	return classify(err, "saying which start is at work")
}
