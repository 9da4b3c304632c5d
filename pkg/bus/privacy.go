package bus

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"
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

func (p *Privacy) key() bucketKey {
	return bucketKey{c: p.c, bucket: BucketConfig, key: privacyKey, what: "the acknowledgement of the privacy responsibilities"}
}

// Latest is the newest acknowledgement; one of version 0 is none.
func (p *Privacy) Latest(ctx context.Context) (Acknowledgement, error) {
	msg, err := p.key().latest(ctx)
	if msg == nil || err != nil {
		return Acknowledgement{}, err
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
	msg := nats.NewMsg(p.key().subject())
	msg.Header.Set(HeaderBy, by)
	msg.Header.Set(HeaderVia, via)
	var err error
	if msg.Data, err = json.Marshal(map[string]int{"version": version}); err != nil {
		return Acknowledgement{}, err
	}
	if _, err := p.c.js.PublishMsg(ctx, msg); err != nil {
		return Acknowledgement{}, classify(err, "storing "+p.key().what)
	}
	// Not read back: in a cluster the copy that answers may not have it yet.
	return Acknowledgement{Version: version, By: orUnknown(by), Via: via, At: time.Now().UTC()}, nil
}
