package backend

import (
	"context"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

const (
	// pollEvery is how often the bus is asked for what nobody announces: backlog, failures, oldest record.
	pollEvery = time.Second
	// pollTimeout bounds one poll of one workflow.
	pollTimeout = 3 * time.Second
	// pollGap is the least pause between two polls: a flood of commands does not become a flood of questions.
	pollGap = 100 * time.Millisecond
)

// monitor knows how the workflows are: it hears heartbeats, polls the bus once a second, and tells its subscribers when
// something that people see has changed. All methods may be called from everywhere.
type monitor struct {
	commands    *bus.Commands
	configs     *bus.Configs
	queues      *bus.Queues
	events      *bus.Events
	connections *bus.Connections
	stored      atomic.Pointer[StoredConnections]
	trends      *trends
	usage       *usageCount
	log         *zap.Logger
	since       time.Time
	hurry       chan struct{}
	ready       chan struct{}
	entries     map[workflow.ID]*entry

	mu          sync.Mutex
	subscribers map[chan struct{}]struct{}
	announced   []workflow.View
}

// entry is what is known of one workflow.
type entry struct {
	unavailable string
	// polling is held through a whole poll, so that an answer that was read earlier never overwrites a later one.
	polling sync.Mutex

	mu     sync.Mutex
	roll   *roll
	polled polled
}

func newMonitor(conn *bus.Conn, unavailable map[workflow.ID]string, log *zap.Logger) *monitor {
	m := &monitor{
		commands: bus.NewCommands(conn), configs: bus.NewConfigs(conn), queues: bus.NewQueues(conn), events: bus.NewEvents(conn), connections: bus.NewConnections(conn), trends: newTrends(conn, log), usage: newUsageCount(conn, log), log: log,
		since: time.Now(), hurry: make(chan struct{}, 1), ready: make(chan struct{}), entries: map[workflow.ID]*entry{},
		subscribers: map[chan struct{}]struct{}{},
	}
	for _, id := range workflow.All() {
		m.entries[id] = &entry{unavailable: unavailable[id], roll: newRoll(),
			polled: polled{desired: bus.DesiredState{Desired: workflow.DesiredStopped}}}
	}
	return m
}

// Ready is closed after the first poll: before it, nothing is known.
func (m *monitor) Ready() <-chan struct{} { return m.ready }

// Run polls until ctx ends. It is called once.
func (m *monitor) Run(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	defer m.usage.flush(ctx)
	m.pollAll(ctx)
	close(m.ready)
	for ; ; m.pollAll(ctx) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pollGap):
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-m.hurry:
		}
	}
}

// Hurry asks for a poll before the next second is over.
func (m *monitor) Hurry() {
	select {
	case m.hurry <- struct{}{}:
	default: // One is due already.
	}
}

// Hear takes a heartbeat. One that makes no sense is dropped: anybody on the bus can publish.
func (m *monitor) Hear(hb workflow.Heartbeat) {
	e, known := m.entries[hb.Workflow]
	if !known || hb.Instance == "" || !hb.Status.Valid() || !hb.Role.Valid() {
		m.log.Debug("a heartbeat makes no sense", zap.String("workflow", string(hb.Workflow)), zap.String("status", string(hb.Status)))
		return
	}
	now := time.Now()
	m.usage.hear(hb, now)
	e.mu.Lock()
	changed := e.roll.note(hb, now)
	missing := hb.Role == workflow.Active && !e.polled.knows(hb.ConfigRevision)
	e.mu.Unlock()
	if changed {
		m.announce()
	}
	if changed && missing {
		m.Hurry()
	}
}

// Refresh polls one workflow now. The error says that its desired state or its configuration could not be read.
func (m *monitor) Refresh(ctx context.Context, id workflow.ID) error {
	if err := m.pollConnections(ctx); err != nil && ctx.Err() == nil {
		m.log.Warn("the bus does not tell which connections are stored", zap.Error(err))
	}
	err := m.poll(ctx, id, m.entries[id])
	m.announce()
	return err
}

func (m *monitor) pollAll(ctx context.Context) {
	var polls sync.WaitGroup
	polls.Go(func() {
		if err := m.pollConnections(ctx); err != nil && ctx.Err() == nil {
			m.log.Warn("the bus does not tell which connections are stored", zap.Error(err))
		}
	})
	for id, e := range m.entries {
		polls.Go(func() {
			if err := m.poll(ctx, id, e); err != nil && ctx.Err() == nil {
				m.log.Warn("the bus does not tell how a workflow is", zap.String("workflow", string(id)), zap.Error(err))
			}
		})
	}
	polls.Wait()
	if ctx.Err() == nil {
		m.followTrends(ctx)
		m.followUsage(ctx)
		m.announce()
	}
}

// poll reads one workflow's facts and keeps them.
func (m *monitor) poll(asked context.Context, id workflow.ID, e *entry) error {
	e.polling.Lock()
	defer e.polling.Unlock()
	ctx, cancel := context.WithTimeout(asked, pollTimeout)
	defer cancel()

	e.mu.Lock()
	before := e.polled
	var running uint64
	now := time.Now()
	if active := activeOf(e.roll.list(now), now); active != nil {
		running = active.ConfigRevision
	}
	e.mu.Unlock()

	after, err := m.gather(ctx, id, before, running)
	if asked.Err() != nil { // Who asked has left: that is no trouble of the bus.
		return asked.Err()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.polled = after
	return err
}

// Views is how all workflows are now, in the order in which people see them. The result is the caller's own.
func (m *monitor) Views() []workflow.View {
	views := make([]workflow.View, 0, len(m.entries))
	for _, id := range workflow.All() {
		views = append(views, m.View(id))
	}
	return views
}

// View is how one workflow is now. The id must be valid.
func (m *monitor) View(id workflow.ID) workflow.View {
	now := time.Now()
	return View(m.facts(id, now), now)
}

// facts are what is known of a workflow now.
func (m *monitor) facts(id workflow.ID, now time.Time) Facts {
	e := m.entries[id]
	e.mu.Lock()
	defer e.mu.Unlock()
	facts := e.polled.facts()
	facts.Connections = m.storedConnections()
	facts.ID, facts.Unavailable, facts.ListeningSince = id, e.unavailable, m.since
	facts.Heartbeats = e.roll.list(now)
	if activeOf(facts.Heartbeats, now) != nil {
		facts.Rates = e.roll.meter.rates()
	}
	return facts
}

// Subscribe returns a channel that gets a signal after every change, several changes in one when the receiver is slow.
// The caller must call cancel when it listens no more.
func (m *monitor) Subscribe() (changes <-chan struct{}, cancel func()) {
	ch := make(chan struct{}, 1)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.subscribers[ch] = struct{}{}
	return ch, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.subscribers, ch)
	}
}

// announce signals the subscribers when the views are not what they were.
func (m *monitor) announce() {
	m.mu.Lock()
	defer m.mu.Unlock()
	views := m.Views()
	if reflect.DeepEqual(views, m.announced) {
		return
	}
	m.announced = views
	for ch := range m.subscribers {
		select {
		case ch <- struct{}{}:
		default: // It has not looked since the last signal.
		}
	}
}
