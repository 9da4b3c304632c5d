package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// SettingsRevision is the settings as they are stored now; number 0 where nothing was ever stored.
type SettingsRevision struct {
	Number   uint64
	Settings config.Settings
	By       string
	At       time.Time
}

// Settings stores what is set for the whole installation.
type Settings struct{ c *Conn }

// NewSettings binds to the bucket; nothing is opened.
func NewSettings(c *Conn) *Settings { return &Settings{c: c} }

// settingsSubject is the bucket's only key.
const settingsSubject = "$KV." + BucketSettings + ".settings"

// Latest is what is stored, or the defaults.
func (s *Settings) Latest(ctx context.Context) (SettingsRevision, error) {
	stream, err := s.c.js.Stream(ctx, "KV_"+BucketSettings)
	if err != nil {
		return SettingsRevision{}, classify(err, "opening the settings bucket")
	}
	msg, err := stream.GetLastMsgForSubject(ctx, settingsSubject)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return SettingsRevision{}, nil
	case err != nil:
		return SettingsRevision{}, classify(err, "reading the settings")
	}
	rev := SettingsRevision{Number: msg.Sequence, By: orUnknown(msg.Header.Get(HeaderBy)), At: msg.Time}
	// What cannot be read, such as a key that was removed by hand, counts as the defaults: a budget only warns, and the next
	// edit mends it.
	_ = json.Unmarshal(msg.Data, &rev.Settings)
	return rev, nil
}

// Put stores settings on top of the version that the caller saw, 0 for the first; fault.Stale when that is no longer the
// newest.
func (s *Settings) Put(ctx context.Context, settings config.Settings, expected uint64, by string) (SettingsRevision, error) {
	data, err := json.Marshal(settings)
	if err != nil {
		return SettingsRevision{}, fmt.Errorf("encode settings: %w", err)
	}
	msg := nats.NewMsg(settingsSubject)
	msg.Data = data
	msg.Header.Set(HeaderBy, by)
	ack, err := s.c.js.PublishMsg(ctx, msg, jetstream.WithExpectLastSequencePerSubject(expected))
	if hasCode(err, codeWrongLastSequence) {
		return SettingsRevision{}, fault.Wrap(fault.Stale, err, "the settings were changed by somebody else meanwhile: load them again and repeat the edit")
	}
	if err != nil {
		return SettingsRevision{}, classify(err, "storing the settings")
	}
	return SettingsRevision{Number: ack.Sequence, Settings: settings, By: by, At: time.Now().UTC()}, nil
}
