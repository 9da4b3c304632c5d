package bus

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Events reads and writes the events that must not be lost. Those that may are published by Control.
type Events struct{ c *Conn }

// NewEvents binds to the stream; nothing is opened.
func NewEvents(c *Conn) *Events { return &Events{c: c} }

// Record stores an event and returns when it is safe. A gap that is recorded a second time within two minutes, after a
// crash, stays one.
func (s *Events) Record(ctx context.Context, event workflow.Event) error {
	payload, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	msg := nats.NewMsg(EventSubject(event.Workflow, event.Kind))
	msg.Data = payload
	if g := event.Gap; g != nil {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d %d", event.Workflow, g.Source, g.From.UnixNano(), g.To.UnixNano()))
		msg.Header.Set(jetstream.MsgIDHeader, hex.EncodeToString(sum[:16]))
	}
	_, err = s.c.js.PublishMsg(ctx, msg)
	return classify(err, "recording an event")
}

// gapsShown is how many gaps of a workflow are listed at most.
const gapsShown = 20

// Gaps lists what a workflow could not read any more, newest first, for as long as events are kept. The number names the
// newest event: where it is the same as before, so is the list, and it is not read again (nil).
func (s *Events) Gaps(ctx context.Context, id workflow.ID, known uint64) ([]workflow.Gap, uint64, error) {
	stream, err := s.c.js.Stream(ctx, StreamEvents)
	if err != nil {
		return nil, known, classify(err, "opening the events")
	}
	subject := EventSubject(id, workflow.EventGap)
	last, err := stream.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, known, classify(err, "reading the events")
	}
	if last.Sequence == known {
		return nil, known, nil
	}
	var gaps []workflow.Gap
	for msg, err := range s.c.stored(ctx, stretch{stream: StreamEvents, subject: subject, from: 1, limit: 1000}, "reading the events") {
		if err != nil {
			return nil, known, err
		}
		var event workflow.Event
		if json.Unmarshal(msg.Data, &event) == nil && event.Gap != nil { // Anybody can publish.
			gaps = append(gaps, *event.Gap)
		}
	}
	slices.Reverse(gaps)
	return gaps[:min(len(gaps), gapsShown)], last.Sequence, nil
}
