// Package hosttest is where the tests of the workflow services live: a real bus with as many instances of a service on it as
// a test starts, and what they say of themselves.
//
// It promises that every part which a test starts has ended when the test does, and that a part which ends with an error
// fails it. It waits for what other goroutines bring about, never for a time.
package hosttest

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/bus/embedded"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/host"
)

// House is a bus and the instances of one workflow's service. Its methods are for the test's goroutine.
type House struct {
	Server *embedded.Server
	Conn   *bus.Conn
	// Patience is how long Until waits: far longer than anything takes on a machine that does other work too.
	Patience time.Duration

	t  *testing.T
	id workflow.ID

	mu    sync.Mutex
	beats map[string]workflow.Heartbeat
	ended int
}

// New provisions a bus and hears heartbeats from then on.
func New(t *testing.T, id workflow.ID, sizes bus.Sizes) *House {
	t.Helper()
	h := &House{t: t, id: id, Server: bustest.Server(t, ""), Patience: 90 * time.Second, beats: map[string]workflow.Heartbeat{}}
	h.Conn = bustest.Connect(t, h.Server)
	bustest.Provision(t, h.Conn, sizes)
	control, err := bus.NewControl(h.Conn)
	if err != nil {
		t.Fatal(err)
	}
	control.OnHeartbeat(func(beat workflow.Heartbeat) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if before := h.beats[beat.Instance]; before.Status == workflow.Running && endedByItself(beat) {
			h.ended++
		}
		h.beats[beat.Instance] = beat
	})
	h.Background(control.Run)
	<-control.Running()
	return h
}

// Host is the configuration of an instance on this bus, whose warnings stand beside the test's own words.
func (h *House) Host(instance string) host.Config {
	return host.Config{Instance: instance, Log: zaptest.NewLogger(h.t, zaptest.Level(zap.WarnLevel)), NATS: bus.Options{InProcess: h.Server.InProcess()}}
}

// Background runs a part until the returned function is called or the test ends.
func (h *House) Background(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("a part ended with %v", err)
		}
	})
	h.t.Cleanup(stop)
	return stop
}

// Context is for one call of the bus.
func (h *House) Context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	h.t.Cleanup(cancel)
	return ctx
}

// Command starts or stops the workflow.
func (h *House) Command(verb workflow.Verb) {
	h.t.Helper()
	if _, err := bus.NewCommands(h.Conn).Send(h.Context(), workflow.Command{Workflow: h.id, Verb: verb, By: "test"}); err != nil {
		h.t.Fatal(err)
	}
}

// Store stores a document as the configuration of a workflow, and returns its revision.
func (h *House) Store(id workflow.ID, doc config.Document) uint64 {
	h.t.Helper()
	data, err := config.Encode(doc)
	if err != nil {
		h.t.Fatal(err)
	}
	configs := bus.NewConfigs(h.Conn)
	latest, err := configs.Latest(h.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	stored, err := configs.Put(h.Context(), id, data, latest.Number, "test")
	if err != nil {
		h.t.Fatal(err)
	}
	return stored.Number
}

// Edit stores a changed configuration of a house's workflow, and returns its revision.
func Edit[D any, P interface {
	*D
	config.Document
}](h *House, change func(P)) uint64 {
	h.t.Helper()
	latest, err := bus.NewConfigs(h.Conn).Latest(h.Context(), h.id)
	if err != nil {
		h.t.Fatal(err)
	}
	var doc D
	if err := json.Unmarshal(latest.Document, &doc); err != nil {
		h.t.Fatal(err)
	}
	change(&doc)
	return h.Store(h.id, P(&doc))
}

// Beat is the last heartbeat of an instance.
func (h *House) Beat(instance string) workflow.Heartbeat {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.beats[instance]
}

// Interruptions counts the runs that ended without a command: on a machine that stands still for seconds, a lease runs out,
// and what was in flight is written again.
func (h *House) Interruptions() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ended
}

func endedByItself(beat workflow.Heartbeat) bool {
	return beat.Status == workflow.Failed || beat.Status == workflow.Stopped && strings.HasPrefix(beat.Reason, "standby")
}

// Until waits for a condition that other goroutines bring about.
func (h *House) Until(what string, condition func() bool) {
	h.t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(h.Patience)
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			h.mu.Lock()
			defer h.mu.Unlock()
			h.t.Fatalf("never: %s; heartbeats: %+v", what, h.beats)
		}
	}
}

// Status waits until an instance has a status, with a reason that contains a text, and returns its heartbeat.
func (h *House) Status(instance string, status workflow.Status, reason string) workflow.Heartbeat {
	h.t.Helper()
	h.Until(instance+" is "+string(status)+" because of "+reason, func() bool {
		beat := h.Beat(instance)
		return beat.Status == status && strings.Contains(beat.Reason, reason)
	})
	return h.Beat(instance)
}

// Backlog is what waits for the workflow.
func (h *House) Backlog() bus.Backlog {
	h.t.Helper()
	b, err := bus.NewQueues(h.Conn).Backlog(h.Context(), h.id)
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

// Failures counts the workflow's rejected records.
func (h *House) Failures() uint64 {
	h.t.Helper()
	n, err := bus.NewQueues(h.Conn).Failures(h.Context(), h.id)
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}
