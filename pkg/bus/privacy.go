package bus

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Acknowledgement says who has taken note of the responsibilities for personal data, and of which version of their text.
type Acknowledgement struct {
	Version int       `json:"version"`
	By      string    `json:"by"`
	Via     string    `json:"via"`
	At      time.Time `json:"at"`
}

// Privacy keeps the acknowledgement. It stands in the configuration bucket, which nothing expires from, and not in the
// command log alone, which forgets after 90 days.
type Privacy struct{ c *Conn }

// NewPrivacy binds; nothing is opened.
func NewPrivacy(c *Conn) *Privacy { return &Privacy{c: c} }

// Latest is the newest acknowledgement; one of version 0 is none.
func (p *Privacy) Latest(ctx context.Context) (Acknowledgement, error) {
	const doing = "reading the acknowledgement of the privacy responsibilities"
	stream, err := p.c.js.Stream(ctx, "KV_"+BucketConfig)
	if err != nil {
		return Acknowledgement{}, classify(err, doing)
	}
	msg, err := stream.GetLastMsgForSubject(ctx, privacySubject())
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Acknowledgement{}, nil
	}
	if err != nil {
		return Acknowledgement{}, classify(err, doing)
	}
	var a Acknowledgement
	if json.Unmarshal(msg.Data, &a) != nil { // Removed, or written by hand: nobody has acknowledged that.
		return Acknowledgement{}, nil
	}
	a.By, a.Via, a.At = orUnknown(msg.Header.Get(HeaderBy)), msg.Header.Get(HeaderVia), msg.Time
	return a, nil
}

// Acknowledge stores that somebody has taken note of a version.
func (p *Privacy) Acknowledge(ctx context.Context, version int, by, via string) (Acknowledgement, error) {
	msg := nats.NewMsg(privacySubject())
	msg.Header.Set(HeaderBy, by)
	msg.Header.Set(HeaderVia, via)
	var err error
	if msg.Data, err = json.Marshal(map[string]int{"version": version}); err != nil {
		return Acknowledgement{}, err
	}
	if _, err := p.c.js.PublishMsg(ctx, msg); err != nil {
		return Acknowledgement{}, classify(err, "storing the acknowledgement of the privacy responsibilities")
	}
	// Not read back: in a cluster the copy that answers may not have it yet.
	return Acknowledgement{Version: version, By: orUnknown(by), Via: via, At: time.Now().UTC()}, nil
}
