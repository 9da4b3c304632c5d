package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/causeway-sync/causeway/pkg/config"
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

// key is the bucket's only key.
func (s *Settings) key() bucketKey {
	return bucketKey{c: s.c, bucket: BucketSettings, key: "settings", what: "the settings",
		stale: "the settings were changed by somebody else meanwhile: load them again and repeat the edit"}
}

// Latest is what is stored, or the defaults.
func (s *Settings) Latest(ctx context.Context) (SettingsRevision, error) {
	msg, err := s.key().latest(ctx)
	if msg == nil || err != nil {
		return SettingsRevision{}, err
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
	number, err := s.key().put(ctx, data, expected, by)
	if err != nil {
		return SettingsRevision{}, err
	}
	return SettingsRevision{Number: number, Settings: settings, By: by, At: time.Now().UTC()}, nil
}
