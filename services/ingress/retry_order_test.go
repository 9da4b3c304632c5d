package ingress

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"pgregory.net/rapid"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// table is a source as change tracking is one: what has changed since a position, each row as it is now.
type table struct {
	mu      sync.Mutex
	version int64
	rows    map[string]record.Record
	changes []string // keys, in the order in which they changed
	held    []record.Record
	heldAt  int
	// restless is how many rows are still going to be edited while an answer that holds their older version is handed over.
	restless int
}

func (s *table) edit(key string, op record.Op) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.editLocked(key, op)
}

func (s *table) editLocked(key string, op record.Op) {
	s.version++
	s.rows[key] = record.Record{Source: "contact", Key: key, Op: op, Version: s.version}
	if op == record.Upsert {
		r := s.rows[key]
		r.Data = json.RawMessage(`{}`)
		s.rows[key] = r
	}
	s.changes = append(s.changes, key)
}

func (s *table) has(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, there := s.rows[key]
	return there
}

// Read answers in slices of one record; a slice but the last is partial, and the answer behind it was read with it.
func (s *table) Read(_ context.Context, from record.Position) (record.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.held) == 0 {
		begin, _ := strconv.Atoi(string(from))
		for i, key := range s.changes[begin:] {
			if !slices.Contains(s.changes[begin+i+1:], key) {
				s.held = append(s.held, s.rows[key])
			}
		}
		s.heldAt = len(s.changes)
	}
	n := min(1, len(s.held))
	page := record.Page{Records: slices.Clone(s.held[:n])}
	if s.held = s.held[n:]; len(s.held) > 0 {
		if s.restless > 0 {
			s.restless--
			s.editLocked(s.held[0].Key, record.Upsert)
		}
		page.Next, page.More, page.Partial = from, true, true
		return page, nil
	}
	page.Next = record.Position(strconv.Itoa(s.heldAt))
	return page, nil
}

func (s *table) Rows(_ context.Context, keys []string) ([]record.Record, []error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	records := make([]record.Record, len(keys))
	for i, key := range keys {
		records[i] = s.rows[key]
	}
	return records, make([]error, len(keys))
}

// destination refuses some keys, and remembers what must never happen.
type destination struct {
	mu      sync.Mutex
	refused map[string]bool
	version map[string]int64
	wrong   []string
}

func (d *destination) refuse(key string, yes bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refused[key] = yes
}

func (d *destination) Write(_ context.Context, batch []record.Record) []pump.Result {
	d.mu.Lock()
	defer d.mu.Unlock()
	results := make([]pump.Result, len(batch))
	for i, r := range batch {
		if d.refused[r.Key] {
			results[i].Err = fault.New(fault.Rejected, "contact "+r.Key+": refused")
			continue
		}
		if r.Version < d.version[r.Key] { // invariant 4
			d.wrong = append(d.wrong, fmt.Sprintf("version %d of %s landed over %d", r.Version, r.Key, d.version[r.Key]))
		}
		d.version[r.Key] = r.Version
	}
	return results
}

// stage is a workflow on a real bus, whose two sides are a table and a destination.
type stage struct {
	t        *testing.T
	conn     *bus.Conn
	failures *bus.Failures
	queue    *bus.Queue
	table    *table
	dest     *destination
	stop     func(cause error)
	trouble  func() string
}

// begin empties the bus for the next story.
func (s *stage) begin(restless int) {
	s.table, s.dest = &table{rows: map[string]record.Record{}, restless: restless}, &destination{refused: map[string]bool{}, version: map[string]int64{}}
	for _, name := range []string{bus.Stream(workflow.Ingress), bus.StreamFailures} {
		stream, err := s.conn.JetStream().Stream(s.t.Context(), name)
		if err != nil {
			s.t.Fatal(err)
		}
		if err := stream.Purge(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
	}
	s.until("the failures of the story before are forgotten", func() bool { return len(s.failing(true)) == 0 })
	s.queue = bus.NewQueue(s.conn, workflow.Ingress)
	s.start()
}

func (s *stage) start() {
	ctx, cancel := context.WithCancelCause(context.Background())
	run := pump.New(pump.Config{
		Sources: map[string]pump.Source{"contact": newRereader(s.table, s.queue, "contact")}, Queue: s.queue, Sink: s.dest,
		Open: func(ctx context.Context, size int) (pump.Window, error) {
			window, err := s.queue.Open(ctx, size)
			if err != nil {
				return nil, err
			}
			return window, nil
		},
		InFlight: 2, Window: 8, PollInterval: time.Millisecond, Rejects: pump.RejectLimit{Share: -1},
	}, &pump.Counters{})
	ended := make(chan error, 1)
	go func() { ended <- run.Run(ctx, func() {}) }()
	s.trouble = run.Trouble
	s.stop = func(cause error) {
		cancel(cause)
		if err := <-ended; err != nil && !fault.Is(err, fault.Fenced) {
			s.t.Errorf("the run ended with %v", err)
		}
	}
}

// failing lists the places of all failures; the index may be a little behind.
func (s *stage) failing(complete bool) []uint64 {
	seqs, err := s.failures.Select(workflow.Ingress, bus.Selection{}, true)
	if err != nil && complete {
		return []uint64{0}
	}
	return seqs
}

func (s *stage) until(what string, condition func() bool) {
	s.t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(90 * time.Second)
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			backlog, err := bus.NewQueues(s.conn).Backlog(s.t.Context(), workflow.Ingress)
			s.t.Fatalf("never: %s; trouble %q, backlog %+v, %v", what, s.trouble(), backlog, err)
		}
	}
}

func (s *stage) retry(seqs []uint64) {
	if _, err := s.failures.Retry(s.t.Context(), workflow.Ingress, seqs, nil, func(bus.Removal) {}); err != nil {
		s.t.Fatal(err)
	}
}

// settled reports whether the source has nothing new and nothing waits, in this order: what is new comes to wait.
func (s *stage) settled() bool {
	// Not Queue.Checkpoint: that takes the source over.
	stream, err := s.conn.JetStream().Stream(s.t.Context(), bus.Stream(workflow.Ingress))
	if err != nil {
		return false
	}
	position := ""
	if stored, err := stream.GetLastMsgForSubject(s.t.Context(), bus.CheckpointSubject(workflow.Ingress, "contact")); err == nil {
		position = string(stored.Data)
	}
	s.table.mu.Lock()
	read := position == strconv.Itoa(len(s.table.changes)) || len(s.table.changes) == 0
	s.table.mu.Unlock()
	backlog, err := bus.NewQueues(s.conn).Backlog(s.t.Context(), workflow.Ingress)
	return read && err == nil && backlog.Total() == 0
}

func (s *stage) failureCount() uint64 {
	stream, err := s.conn.JetStream().Stream(s.t.Context(), bus.StreamFailures)
	if err != nil {
		s.t.Fatal(err)
	}
	info, err := stream.Info(s.t.Context(), jetstream.WithSubjectFilter(">"))
	if err != nil {
		s.t.Fatal(err)
	}
	return info.State.Msgs
}

// take does one step of a story.
func (s *stage) take(step, key string) {
	switch step {
	case "edit":
		s.table.edit(key, record.Upsert)
	case "delete":
		s.table.edit(key, record.Delete)
	case "refuse":
		s.dest.refuse(key, true)
	case "mend":
		s.dest.refuse(key, false)
	case "retry all":
		s.retry(s.failing(false))
	case "retry one":
		if seqs := s.failing(false); len(seqs) > 0 {
			s.retry(seqs[:1])
		}
	case "crash of a retry": // The request is safe, and nobody has removed the failure.
		if err := s.queue.AskRetries(s.t.Context(), "contact", []bus.Retry{{Key: key}}); err != nil {
			s.t.Fatal(err)
		}
	case "crash":
		s.stop(fault.New(fault.Fenced, "killed"))
		s.table.held = nil
		s.start()
	case "restart":
		s.stop(errors.New("stopped by command"))
		s.table.held = nil
		s.start()
	case "settle":
		s.until("all is settled", s.settled)
	}
}

// end mends everything, retries until nothing fails, and compares.
func (s *stage) end(rt *rapid.T, keys []string) {
	for _, key := range keys {
		s.dest.refuse(key, false)
	}
	s.until("nothing waits and nothing fails", func() bool {
		s.retry(s.failing(false))
		return s.settled() && s.failureCount() == 0
	})
	s.stop(errors.New("stopped by command"))
	for _, wrong := range s.dest.wrong {
		rt.Error(wrong)
	}
	for key, row := range s.table.rows {
		if s.dest.version[key] != row.Version {
			rt.Errorf("%s is at version %d at the source, %d at the destination", key, row.Version, s.dest.version[key])
		}
	}
}

// TestRetriesKeepTheOrder: whatever is edited, refused, mended, retried and killed, no older version ever lands over a
// newer one, and in the end the destination equals the source (invariants 1 and 4).
func TestRetriesKeepTheOrder(t *testing.T) {
	conn := bustest.New(t)
	s := &stage{t: t, conn: conn, failures: bus.NewFailures(conn)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.failures.Run(ctx) }()
	defer func() { cancel(); <-done }()
	few(t)
	keys := []string{"a", "b", "c"}
	rapid.Check(t, func(rt *rapid.T) {
		type step struct{ What, Key string }
		story := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
			return step{rapid.SampledFrom([]string{"edit", "edit", "edit", "delete", "refuse", "refuse", "mend", "retry all", "retry one", "crash of a retry", "crash", "restart", "settle"}).Draw(rt, "what"),
				rapid.SampledFrom(keys).Draw(rt, "key")}
		}), 1, 25).Draw(rt, "story")
		s.begin(rapid.IntRange(0, 10).Draw(rt, "restless"))
		for _, step := range story {
			if step.What != "crash of a retry" || s.table.has(step.Key) {
				s.take(step.What, step.Key)
			}
		}
		s.end(rt, keys)
	})
}

// few makes rapid check fewer stories than usual: each runs on a real bus.
func few(t *testing.T) {
	checks := flag.Lookup("rapid.checks")
	if checks == nil || checks.Value.String() != checks.DefValue {
		return // Somebody has chosen a number.
	}
	before := checks.Value.String()
	if err := flag.Set("rapid.checks", "50"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set("rapid.checks", before) })
}
