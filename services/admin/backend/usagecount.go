package backend

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// usageEvery is how often what was heard is stored.
const usageEvery = 5 * time.Second

// usageCount adds up what the workflows use of the remote systems. What it has heard and not stored yet is all that it holds
// of its own, and is told again by the next heartbeat.
type usageCount struct {
	bus      *bus.Usage
	settings *bus.Settings
	log      *zap.Logger
	// storing is held through a whole round.
	storing sync.Mutex
	stored  time.Time // when the last round was, guarded by storing

	mu      sync.Mutex
	heard   map[workflow.ID]map[string]Seen // by life, not stored yet or alive; guarded by mu, as all below
	known   map[workflow.ID]tally
	budgets bus.SettingsRevision
}

func newUsageCount(conn *bus.Conn, log *zap.Logger) *usageCount {
	u := &usageCount{bus: bus.NewUsage(conn), settings: bus.NewSettings(conn), log: log, heard: map[workflow.ID]map[string]Seen{}, known: map[workflow.ID]tally{}}
	for _, id := range workflow.All() {
		u.heard[id] = map[string]Seen{}
	}
	return u
}

// followUsage is called after every poll.
func (m *monitor) followUsage(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	m.usage.follow(ctx, time.Now())
}

// hear takes what a process tells of its use.
func (u *usageCount) hear(hb workflow.Heartbeat, now time.Time) {
	if len(hb.Usage) == 0 {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	lives, life := u.heard[hb.Workflow], lifeOf(hb)
	if _, known := lives[life]; known || len(lives) < maxInstances {
		lives[life] = Seen{Heartbeat: workflow.Heartbeat{Usage: hb.Usage}, Received: now}
	}
}

// follow stores what was heard, and reads what others have stored, when it is time.
func (u *usageCount) follow(ctx context.Context, now time.Time) {
	u.storing.Lock()
	defer u.storing.Unlock()
	if since := now.Sub(u.stored); since >= 0 && since < usageEvery {
		return
	}
	u.stored = now
	u.note(ctx, u.readSettings(ctx))
	for _, id := range workflow.All() {
		u.note(ctx, u.store(ctx, id, now))
	}
}

func (u *usageCount) note(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil && !fault.Is(err, fault.Stale) { // The other one has counted; the next round counts the rest.
		u.log.Warn("the use of the remote systems could not be stored yet", zap.String("why", fault.Message(err)))
	}
}

func (u *usageCount) readSettings(ctx context.Context) error {
	latest, err := u.settings.Latest(ctx)
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if latest.Number >= u.budgets.Number {
		u.budgets = latest
	}
	return nil
}

// store adds what was heard to what is stored.
func (u *usageCount) store(ctx context.Context, id workflow.ID, now time.Time) error {
	data, revision, err := u.bus.Latest(ctx, id)
	if err != nil {
		return err
	}
	before := readTally(data)
	after, changed := before.with(u.told(id), now)
	if changed {
		encoded, err := json.Marshal(after)
		if err != nil {
			return fmt.Errorf("encode usage: %w", err)
		}
		if _, err := u.bus.Put(ctx, id, encoded, revision); err != nil {
			return err
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.known[id] = after
	for life, told := range u.heard[id] {
		if now.Sub(told.Received) > forgetAfter {
			delete(u.heard[id], life)
		}
	}
	return nil
}

func (u *usageCount) told(id workflow.ID) map[string]Seen {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maps.Clone(u.heard[id])
}

// now is a workflow's tally with what was heard since it was stored.
func (u *usageCount) now(id workflow.ID, now time.Time) tally {
	told := u.told(id)
	u.mu.Lock()
	defer u.mu.Unlock()
	current, _ := u.known[id].with(told, now)
	return current
}

// flush stores what was heard before the service ends.
func (u *usageCount) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	u.storing.Lock()
	defer u.storing.Unlock()
	for _, id := range workflow.All() {
		u.note(ctx, u.store(ctx, id, time.Now()))
	}
}
