package bus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// watched is a Failures that is kept up to date until the test ends.
func watched(t testing.TB, conn *bus.Conn) *bus.Failures {
	t.Helper()
	f := bus.NewFailures(conn)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); f.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return f
}

// reject stores a failure of a contact, as a writer does.
func reject(t testing.TB, conn *bus.Conn, key, reason string, version int64) {
	t.Helper()
	r := upsert(key, version)
	d := record.Delivery{Record: r, Raw: r.Data, Seq: uint64(version)}
	if err := bus.NewQueue(conn, workflow.Ingress).Reject(context.Background(), d, reason, 1); err != nil {
		t.Fatal(err)
	}
}

func list(t testing.TB, f *bus.Failures, q bus.FailureQuery, before uint64, limit int) bus.FailurePage {
	t.Helper()
	page, err := f.List(context.Background(), workflow.Ingress, q, before, limit)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// counted waits until the index has a number of records.
func counted(t *testing.T, f *bus.Failures, want int) bus.FailurePage {
	t.Helper()
	var page bus.FailurePage
	until(t, fmt.Sprint(want, " failures"), func() bool {
		page = list(t, f, bus.FailureQuery{}, 0, 500)
		return page.Complete && len(page.Failures) == want
	})
	return page
}

func all(bus.Removal) {}

func TestFailuresAreListedMergedAndGrouped(t *testing.T) {
	conn := bustest.New(t)
	f := watched(t, conn)
	counted(t, f, 0)
	for i := range 5 {
		reject(t, conn, fmt.Sprintf("key-000%d", i), fmt.Sprintf("contact key-000%d: the text has %d characters", i, 60+i), int64(i+1))
	}
	reject(t, conn, "key-0001", "contact key-0001: no such value", 9)
	page := counted(t, f, 5)
	until(t, "the second refusal of a record is known", func() bool { page = counted(t, f, 5); return page.Failures[0].Times == 2 })
	newest := page.Failures[0]
	if newest.Key != "key-0001" || newest.Times != 2 || newest.Attempts != 2 || newest.Reason != "contact key-0001: no such value" || newest.Source != "contact" ||
		newest.Workflow != workflow.Ingress || newest.Op != "upsert" || newest.StreamSeq != 9 || newest.CannotRetry != "" || newest.Payload != nil {
		t.Errorf("the newest is %+v", newest)
	}
	if !newest.FirstAt.Before(newest.LastAt) || newest.LastAt.Before(page.Failures[1].LastAt) || page.Failures[4].Key != "key-0000" {
		t.Errorf("times and order: %+v", page.Failures)
	}
	groups, complete, err := f.Groups(workflow.Ingress)
	if err != nil || !complete || len(groups) != 2 || groups[0].Count != 5 || groups[0].Cause != "contact …: the text has N characters" || groups[1].Count != 1 {
		t.Fatalf("groups %+v, %v", groups, err)
	}
	if got := list(t, f, bus.FailureQuery{Group: groups[0].ID}, 0, 3); len(got.Failures) != 3 || got.Next == 0 {
		t.Errorf("first page of a group: %+v", got)
	} else if rest := list(t, f, bus.FailureQuery{Group: groups[0].ID}, got.Next, 3); len(rest.Failures) != 2 || rest.Next != 0 {
		t.Errorf("second page: %+v", rest)
	}
	if got := list(t, f, bus.FailureQuery{Key: " KEY-0003 "}, 0, 10).Failures; len(got) != 1 || got[0].Key != "key-0003" {
		t.Errorf("by key: %+v", got)
	}
	one, err := f.Get(context.Background(), workflow.Ingress, newest.Seq)
	if payload, _ := json.Marshal(one.Payload); err != nil || string(payload) != `{"contactid":"key-0001","n":9}` || one.Times != 2 {
		t.Errorf("one failure: %+v, %v", one, err)
	}
	if _, err := f.Get(context.Background(), workflow.Egress, newest.Seq); !fault.Is(err, fault.NotFound) {
		t.Errorf("of another workflow: %v", err)
	}
	if _, err := f.List(context.Background(), "nope", bus.FailureQuery{}, 0, 10); !fault.Is(err, fault.NotFound) {
		t.Errorf("of no workflow: %v", err)
	}
	exported := 0
	for one, err := range f.All(context.Background(), workflow.Ingress, bus.FailureQuery{Group: groups[0].ID}) {
		if err != nil || one.Group != groups[0].ID || one.Payload != nil {
			t.Errorf("exported %+v, %v", one, err)
		}
		exported++
	}
	if exported != 5 {
		t.Errorf("%d exported", exported)
	}
}

// TestFullFailuresSaySo: what is full, and what makes room. The record stays where it is until then.
func TestFullFailuresSaySo(t *testing.T) {
	conn := bustest.Sized(t, bus.Sizes{FailureBytes: 10_000})
	q := bus.NewQueue(conn, workflow.Ingress)
	refused := record.Delivery{Record: upsert("a-key", 1), Raw: []byte(`{"n":1}`), Seq: 1}
	var err error
	for i := 0; err == nil; i++ {
		if err = q.Reject(testContext(t), refused, "refused", 1); i > 1000 {
			t.Fatal("the stream never fills")
		}
	}
	said := err.Error()
	if !fault.Is(err, fault.QueueFull) || !strings.Contains(said, bus.StreamFailures) || !strings.Contains(said, "limit") || !strings.Contains(said, "drop") {
		t.Fatalf("%v (%v)", err, fault.KindOf(err))
	}
	stream, err := conn.JetStream().Stream(testContext(t), bus.StreamFailures)
	if err == nil {
		err = stream.Purge(testContext(t))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Reject(testContext(t), refused, "refused", 1); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// TestWhatOthersRemoveIsNoticed: by another admin service, an expiry or somebody with the NATS CLI.
func TestWhatOthersRemoveIsNoticed(t *testing.T) {
	conn := bustest.New(t)
	f := watched(t, conn)
	for i := range 20 {
		reject(t, conn, fmt.Sprint("key-", i), "refused", int64(i+1))
	}
	page := counted(t, f, 20)
	stream, err := conn.JetStream().Stream(testContext(t), bus.StreamFailures)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(testContext(t), page.Failures[0].Seq); err != nil {
		t.Fatal(err)
	}
	if got := list(t, f, bus.FailureQuery{}, 0, 500).Failures; len(got) != 19 {
		t.Errorf("%d are listed, one is gone", len(got))
	}
	// In the middle, and looked at by nobody.
	if err := stream.Purge(testContext(t), jetstream.WithPurgeSubject(bus.FailureSubject(workflow.Ingress, "contact")), jetstream.WithPurgeSequence(11)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.JetStream().PublishMsg(testContext(t), &nats.Msg{Subject: "causeway.failures.nobody.x"}); err != nil {
		t.Fatal(err)
	}
	until(t, "the index agrees again", func() bool {
		groups, complete, err := f.Groups(workflow.Ingress)
		return err == nil && complete && len(groups) == 1 && groups[0].Count == 9
	})
	another := watched(t, conn)
	counted(t, another, 9)
	seqs, err := another.Select(workflow.Ingress, bus.Selection{FailureQuery: bus.FailureQuery{Key: "key-15"}}, false)
	if err != nil || len(seqs) != 1 {
		t.Fatalf("%v, %v", seqs, err)
	}
	if _, err := another.Drop(testContext(t), workflow.Ingress, seqs, all); err != nil {
		t.Fatal(err)
	}
	until(t, "what another has dropped is gone here too", func() bool {
		groups, _, err := f.Groups(workflow.Ingress)
		return err == nil && len(groups) == 1 && groups[0].Count == 8
	})
}

// TestNothingUnseenIsDropped: what came after somebody looked stays.
func TestNothingUnseenIsDropped(t *testing.T) {
	conn := bustest.New(t)
	f := watched(t, conn)
	for i := range 40 {
		reject(t, conn, fmt.Sprint("key-", i), "refused", int64(i+1))
	}
	seen := counted(t, f, 40)
	reject(t, conn, "late", "refused", 99)
	counted(t, f, 41)
	seqs, err := f.Select(workflow.Ingress, bus.Selection{FailureQuery: bus.FailureQuery{Through: seen.Newest}}, false)
	if err != nil || len(seqs) != 40 {
		t.Fatalf("%d, %v", len(seqs), err)
	}
	if done, err := f.Drop(testContext(t), workflow.Ingress, seqs, all); err != nil || done.Removed != 40 {
		t.Errorf("%+v, %v", done, err)
	}
	if left := counted(t, f, 1).Failures[0]; left.Key != "late" {
		t.Errorf("left %+v", left)
	}
}

// TestAParkedEventIsPutBackWhole: it can be retried as it was, once its source is mapped again.
func TestAParkedEventIsPutBackWhole(t *testing.T) {
	conn := bustest.New(t)
	f, q := watched(t, conn), bus.NewQueue(conn, workflow.Egress)
	read := time.UnixMilli(1_700_000_000_123)
	sent := []record.Record{
		{Source: "open", Key: "event/1", Op: record.Upsert, Version: 7, ReadAt: read, Data: json.RawMessage(`{"e":1}`)},
		{Source: "open", Key: "event/2", Op: record.Delete, Version: 8, ReadAt: read},
	}
	for _, r := range sent {
		if err := q.Park(testContext(t), record.Delivery{Record: r}, "its contact has not arrived"); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.PutBackParked(testContext(t), "open"); err != nil {
		t.Fatal(err)
	}
	if counts, err := q.ParkedSources(testContext(t)); err != nil || len(counts) > 0 {
		t.Errorf("still parked: %v, %v", counts, err)
	}
	var seqs []uint64
	until(t, "the failures are known", func() bool {
		var err error
		seqs, err = f.Select(workflow.Egress, bus.Selection{}, true)
		return err == nil && len(seqs) == 2
	})
	if one, err := f.Get(testContext(t), workflow.Egress, seqs[0]); err != nil || one.Reason != "open is not mapped any more" || one.CannotRetry != "" || one.Payload == nil {
		t.Errorf("%+v, %v", one, err)
	}
	if done, err := f.Retry(testContext(t), workflow.Egress, seqs, nil, all); err != nil || done.Records != 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	w := open(t, q, 2)
	for i, got := range pull(t, w, 2) {
		want := sent[i]
		if got.Broken != nil || got.Key != want.Key || got.Op != want.Op || got.Version != want.Version || !got.ReadAt.Equal(read) || string(got.Data) != string(want.Data) {
			t.Errorf("it came back as %+v", got)
		}
		_ = got.Ack()
	}
	shut(t, w)
}

// TestManyFailures: pages, groups and searches stay quick, and all are retried or dropped in a job.
func TestManyFailures(t *testing.T) {
	conn := bustest.New(t)
	const count = 30_000
	fill(t, conn, count)
	begin := time.Now()
	f := watched(t, conn)
	until(t, "all are counted", func() bool { return list(t, f, bus.FailureQuery{}, 0, 1).Complete })
	t.Logf("counted in %v", time.Since(begin))
	groups, _, err := f.Groups(workflow.Ingress)
	if err != nil || len(groups) != 7 {
		t.Fatalf("%d groups, %v", len(groups), err)
	}
	for what, look := range map[string]func() int{
		"newest":     func() int { return len(list(t, f, bus.FailureQuery{}, 0, 50).Failures) },
		"in between": func() int { return len(list(t, f, bus.FailureQuery{}, count/2, 50).Failures) },
		"of a group": func() int { return len(list(t, f, bus.FailureQuery{Group: groups[3].ID}, 0, 50).Failures) },
		"by key":     func() int { return 50 * len(list(t, f, bus.FailureQuery{Key: "key-777"}, 0, 50).Failures) },
	} {
		best := time.Hour
		for range 5 {
			begin := time.Now()
			if n := look(); n != 50 {
				t.Errorf("%s: %d", what, n)
			}
			best = min(best, time.Since(begin))
		}
		if t.Logf("%s: %v", what, best); best > 300*time.Millisecond {
			t.Errorf("%s takes %v", what, best)
		}
	}
	seqs, err := f.Select(workflow.Ingress, bus.Selection{FailureQuery: bus.FailureQuery{Group: groups[0].ID}}, true)
	if err != nil {
		t.Fatal(err)
	}
	seqs = seqs[:2000]
	begin = time.Now()
	var steps atomic.Int64
	done, err := f.Retry(context.Background(), workflow.Ingress, seqs, nil, func(bus.Removal) { steps.Add(1) })
	if err != nil || done.Removed != len(seqs) || done.Records != len(seqs) || steps.Load() < 2 {
		t.Fatalf("%+v in %d steps, %v", done, steps.Load(), err)
	}
	t.Logf("%d retried in %v", len(seqs), time.Since(begin))
	begin = time.Now()
	rest, err := f.Select(workflow.Ingress, bus.Selection{}, false)
	if err != nil || len(rest) != count-len(seqs) {
		t.Fatalf("%d left, %v", len(rest), err)
	}
	if done, err := f.Drop(context.Background(), workflow.Ingress, rest, all); err != nil || done.Removed != len(rest) {
		t.Fatalf("%+v, %v", done, err)
	}
	t.Logf("%d dropped in %v", len(rest), time.Since(begin))
	counted(t, f, 0)
	if n, err := bus.NewQueues(conn).Failures(testContext(t), workflow.Ingress); err != nil || n != 0 {
		t.Errorf("%d are stored, %v", n, err)
	}
}

// fill publishes failures as quickly as the stream takes them.
func fill(t *testing.T, conn *bus.Conn, count int) {
	t.Helper()
	stream, err := conn.JetStream().Stream(testContext(t), bus.StreamFailures)
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.AllowAtomicPublish = true // One fsync a thousand.
	if _, err := conn.JetStream().UpdateStream(testContext(t), cfg); err != nil {
		t.Fatal(err)
	}
	padding := strings.Repeat("x", 300)
	var batch []*nats.Msg
	for i := range count {
		key := fmt.Sprintf("key-%d", i)
		reason := fmt.Sprintf("contact %s: column c%d does not fit", key, i%7)
		batch = append(batch, &nats.Msg{Subject: bus.FailureSubject(workflow.Ingress, "contact"), Data: fmt.Appendf(nil, `{"n":%d,"padding":%q}`, i, padding),
			Header: nats.Header{bus.HeaderKey: {key}, bus.HeaderOp: {"upsert"}, bus.HeaderVersion: {"1"}, bus.HeaderReadAt: {"1"},
				bus.HeaderReason: {reason}, bus.HeaderCause: {record.Cause(reason, "contact", key)}, bus.HeaderAttempts: {"1"}}})
		if len(batch) < 1000 && i < count-1 {
			continue
		}
		if _, err := jetstreamext.PublishMsgBatch(testContext(t), conn.JetStream(), batch); err != nil {
			t.Fatal(err)
		}
		batch = nil
	}
}
