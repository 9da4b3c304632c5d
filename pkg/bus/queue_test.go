package bus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// page makes upserts with keys first, first+1, ...
func page(first, count int) []record.Record {
	records := make([]record.Record, count)
	for i := range records {
		records[i] = upsert(fmt.Sprintf("key-%d", first+i), int64(first+i))
	}
	return records
}

func upsert(key string, version int64) record.Record {
	return record.Record{Source: "contact", Key: key, Op: record.Upsert, Version: version, ReadAt: time.UnixMilli(1_700_000_000_000),
		Data: json.RawMessage(fmt.Sprintf(`{"contactid":%q,"n":%d}`, key, version))}
}

func appendPage(t *testing.T, q *bus.Queue, records []record.Record, on record.Checkpoint, next string) record.Checkpoint {
	t.Helper()
	checkpoint, err := q.Append(testContext(t), "contact", records, on, record.Position(next))
	if err != nil {
		t.Fatalf("append: %v (%v)", err, fault.KindOf(err))
	}
	return checkpoint
}

func open(t *testing.T, q *bus.Queue, size int) *bus.Window {
	t.Helper()
	w, err := q.Open(testContext(t), size)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return w
}

// pull takes exactly count deliveries.
func pull(t *testing.T, w *bus.Window, count int) []record.Delivery {
	t.Helper()
	var all []record.Delivery
	for len(all) < count {
		list, err := w.Next(testContext(t), count-len(all))
		if err != nil {
			t.Fatalf("next after %d of %d: %v", len(all), count, err)
		}
		all = append(all, list...)
	}
	return all
}

func shut(t *testing.T, w *bus.Window) {
	t.Helper()
	if err := w.Close(testContext(t)); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func backlog(t *testing.T, conn *bus.Conn) bus.Backlog {
	t.Helper()
	b, err := bus.NewQueues(conn).Backlog(testContext(t), workflow.Ingress)
	if err != nil {
		t.Fatalf("backlog: %v", err)
	}
	return b
}

// soon is well below the ack wait, after which records come back by themselves: it tells what was handed back from what
// was not, on a machine that does other work too.
const soon = bus.AckWait / 3

// until waits for a condition that another part brings about, asking it every few milliseconds.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(time.Minute)
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("never: %s", what)
		}
	}
}

func TestARecordTravelsUnchanged(t *testing.T) {
	conn := bustest.New(t)
	q := bus.NewQueue(conn, workflow.Ingress)
	sent := []record.Record{
		{Source: "contact", Key: "0f8fad5b-d9cb-469f-a165-70867728950e", Op: record.Upsert, Version: 9007199254740993, Snapshot: true,
			ReadAt: time.UnixMilli(1_700_000_000_123), Data: json.RawMessage(`{"lastname":"Ærø \"x\""}`)},
		{Source: "contact", Key: "gone", Op: record.Delete, ReadAt: time.UnixMilli(1_700_000_000_124)},
	}
	appendPage(t, q, sent, record.Checkpoint{}, "p1")
	w := open(t, q, 10)
	for i, got := range pull(t, w, 2) {
		want := sent[i]
		if got.Broken != nil || got.Source != want.Source || got.Key != want.Key || got.Op != want.Op || got.Version != want.Version ||
			got.Snapshot != want.Snapshot || !got.ReadAt.Equal(want.ReadAt) || string(got.Data) != string(want.Data) {
			t.Errorf("sent %+v\n got %+v", want, got)
		}
		_ = got.Ack()
	}
	shut(t, w)
}

func TestPageAndPositionAreStoredTogether(t *testing.T) {
	conn := bustest.New(t)
	q := bus.NewQueue(conn, workflow.Ingress)
	first := appendPage(t, q, page(0, bus.MaxPage), record.Checkpoint{}, "p1")
	second := appendPage(t, q, nil, first, "p2")
	stored, err := q.Checkpoint(testContext(t), "contact")
	if err != nil || string(stored.Position) != "p2" || stored.Revision != second.Revision {
		t.Fatalf("checkpoint = %+v, %v; want p2 at %d", stored, err, second.Revision)
	}
	if b := backlog(t, conn); b.Pending != bus.MaxPage {
		t.Errorf("%d records are queued, want %d", b.Pending, bus.MaxPage)
	}

	// Another queue takes the source over: it goes on where this one was, and this one is refused and leaves nothing behind.
	other := bus.NewQueue(conn, workflow.Ingress)
	taken, err := other.Checkpoint(testContext(t), "contact")
	if err != nil || string(taken.Position) != "p2" {
		t.Fatalf("taken over at %+v, %v", taken, err)
	}
	_, err = q.Append(testContext(t), "contact", page(5000, 3), second, record.Position("late"))
	if !fault.Is(err, fault.Fenced) {
		t.Fatalf("the former reader got %v, want fenced", err)
	}
	if b := backlog(t, conn); b.Pending != bus.MaxPage {
		t.Errorf("a refused page left records behind: %d", b.Pending)
	}
	appendPage(t, other, page(6000, 1), taken, "p3")
	if _, err := q.Append(testContext(t), "contact", page(0, bus.MaxPage+1), second, nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("an oversized page: %v, want invalid", err)
	}
}

func TestAFullQueueRefusesAndTakesThePageAfterATrim(t *testing.T) {
	conn := bustest.Sized(t, bus.Sizes{QueueBytes: 200_000})
	q := bus.NewQueue(conn, workflow.Ingress)
	on := record.Checkpoint{}
	var err error
	pages := 0
	for ; err == nil; pages++ {
		if on, err = q.Append(testContext(t), "contact", page(pages*100, 100), on, record.Position(fmt.Sprint("p", pages))); pages > 100 {
			t.Fatal("the stream never fills")
		}
	}
	if !fault.Is(err, fault.QueueFull) {
		t.Fatalf("a full stream says %v (%v), want queue full", err, fault.KindOf(err))
	}
	stored, _ := q.Checkpoint(testContext(t), "contact")
	if stored.Revision != on.Revision {
		t.Fatal("the position moved although the page was refused")
	}
	waiting := backlog(t, conn).Pending
	w := open(t, q, 500)
	for _, d := range pull(t, w, int(waiting)) {
		_ = d.Ack()
	}
	shut(t, w)
	until(t, "all settled", func() bool { return backlog(t, conn).Total() == 0 })
	trimmed, err := bus.NewQueues(conn).Trim(testContext(t), workflow.Ingress, bus.Keep{}, time.Now())
	if err != nil || trimmed != waiting {
		t.Fatalf("trimmed %d, %v; want %d", trimmed, err, waiting)
	}
	appendPage(t, q, page(9000, 100), on, "after")
}

// TestAQueueFullOfPagesStillParks: the writer goes on where the reader has to wait, whatever the size of the pages.
func TestAQueueFullOfPagesStillParks(t *testing.T) {
	for _, size := range []int{1, 7, 100} {
		conn := bustest.Sized(t, bus.Sizes{QueueBytes: 200_000})
		q := bus.NewQueue(conn, workflow.Ingress)
		on, err, queued := record.Checkpoint{}, error(nil), 0
		for ; err == nil; queued += size {
			on, err = q.Append(testContext(t), "contact", page(queued, size), on, record.Position(fmt.Sprint("p", queued)))
		}
		if !fault.Is(err, fault.QueueFull) {
			t.Fatalf("pages of %d: a full stream says %v", size, err)
		}
		w := open(t, q, 20)
		for _, d := range pull(t, w, 20) {
			if err := q.Park(testContext(t), d, "its parent is missing"); err != nil {
				t.Fatalf("pages of %d: a full stream takes no record that is parked: %v", size, err)
			}
			_ = d.Ack()
		}
		shut(t, w)
		if b := backlog(t, conn); b.Parked != 20 {
			t.Errorf("pages of %d: %d records are parked, want 20", size, b.Parked)
		}
	}
}

func TestTrimNeverTouchesTheUnsettled(t *testing.T) {
	conn := bustest.New(t)
	q := bus.NewQueue(conn, workflow.Ingress)
	appendPage(t, q, page(0, 100), record.Checkpoint{}, "p")
	w := open(t, q, 100)
	list := pull(t, w, 100)
	for i, d := range list {
		if i != 40 {
			_ = d.Ack()
		}
	}
	until(t, "99 settled", func() bool { return backlog(t, conn).Total() == 1 })
	queues := bus.NewQueues(conn)
	if n, err := queues.Trim(testContext(t), workflow.Ingress, bus.Keep{Age: time.Hour}, time.Now()); err != nil || n != 0 {
		t.Errorf("young records were trimmed: %d, %v", n, err)
	}
	n, err := queues.Trim(testContext(t), workflow.Ingress, bus.Keep{Age: time.Hour}, time.Now().Add(2*time.Hour))
	if err != nil || n != 40 {
		t.Errorf("trimmed %d, %v; want the 40 in front of the unsettled one", n, err)
	}
	_ = list[40].Nak()
	shut(t, w)
	w = open(t, q, 10)
	if d := pull(t, w, 1)[0]; d.Key != "key-40" {
		t.Errorf("the unsettled record is %s", d.Key)
	}
	shut(t, w)
}

func TestWindowHandsBackWhatIsNotSettled(t *testing.T) {
	conn := bustest.New(t)
	q := bus.NewQueue(conn, workflow.Ingress)
	appendPage(t, q, page(0, 300), record.Checkpoint{}, "p")
	w := open(t, q, 100)
	for i, d := range pull(t, w, 10) {
		if i < 5 {
			_ = d.Ack()
		} else {
			_ = d.Nak()
		}
	}
	shut(t, w)
	b := backlog(t, conn)
	if b.Total() != 295 || b.OldestAt.IsZero() {
		t.Errorf("backlog after close = %+v, want 295", b)
	}
	begin := time.Now()
	w = open(t, q, 100)
	list := pull(t, w, 295)
	if took := time.Since(begin); took > soon {
		t.Errorf("the next writer waited %v for what was handed back", took)
	}
	for i, d := range list {
		if want := fmt.Sprintf("key-%d", i+5); d.Key != want {
			t.Fatalf("delivery %d is %s, want %s: the order is lost", i, d.Key, want)
		}
		_ = d.Ack()
	}
	shut(t, w)
}

// TestANewWriterNeedNotWaitForADeadOne: the dead one still holds records, and newer versions of them wait behind.
func TestANewWriterNeedNotWaitForADeadOne(t *testing.T) {
	server := bustest.Server(t, "")
	dying := bustest.Connect(t, server)
	bustest.Provision(t, dying, bus.Sizes{})
	q := bus.NewQueue(dying, workflow.Ingress)
	on := appendPage(t, q, page(0, 50), record.Checkpoint{}, "p")
	w := open(t, q, 50)
	held := pull(t, w, 50)
	for _, d := range held[10:20] { // Settled out of order: the reset brings them again.
		_ = d.Ack()
	}
	if err := dying.NATS().Flush(); err != nil {
		t.Fatal(err)
	}
	dying.Close()

	conn := bustest.Connect(t, server)
	q = bus.NewQueue(conn, workflow.Ingress)
	appendPage(t, q, []record.Record{upsert("key-3", 1000), upsert("key-15", 1001)}, on, "p2")
	begin := time.Now()
	w = open(t, q, 100)
	list := pull(t, w, 52)
	if took := time.Since(begin); took > soon {
		t.Errorf("the new writer waited %v", took)
	}
	superseded := map[string]bool{}
	for i, d := range list {
		if i > 0 && d.Seq <= list[i-1].Seq {
			t.Fatalf("delivery %d (%s) is out of order", i, d.Key)
		}
		if w.Superseded(d) {
			superseded[d.Key] = true
		}
		_ = d.Ack()
	}
	if got := slices.Sorted(maps.Keys(superseded)); !slices.Equal(got, []string{"key-15", "key-3"}) {
		t.Errorf("superseded = %v, want the two that have a newer version", got)
	}
	shut(t, w)
	until(t, "nothing waits", func() bool { return backlog(t, conn).Total() == 0 })
}

// TestTheNewestVersionContainsWhatItReplaces: a change that stands for a row of a full read, or for one that was deleted
// and is there again, is written with all its fields.
func TestTheNewestVersionContainsWhatItReplaces(t *testing.T) {
	conn := bustest.New(t)
	q := bus.NewQueue(conn, workflow.Ingress)
	read, again := upsert("read", 1), upsert("again", 4)
	read.Snapshot = true
	gone := record.Record{Source: "contact", Key: "again", Op: record.Delete, ReadAt: time.UnixMilli(1)}
	appendPage(t, q, []record.Record{read, gone, upsert("plain", 2), upsert("read", 3), again, upsert("plain", 5)}, record.Checkpoint{}, "p")
	w := open(t, q, 10)
	whole := map[string]bool{}
	for _, d := range pull(t, w, 6) {
		if !w.Superseded(d) {
			whole[d.Key] = d.Snapshot
		}
		_ = d.Ack()
	}
	shut(t, w)
	if want := map[string]bool{"read": true, "again": true, "plain": false}; !maps.Equal(whole, want) {
		t.Errorf("written whole: %v, want %v", whole, want)
	}
}

func TestAStandbyPullsAtOnceAfterACleanClose(t *testing.T) {
	server := bustest.Server(t, "")
	a := bustest.Connect(t, server)
	bustest.Provision(t, a, bus.Sizes{})
	qa := bus.NewQueue(a, workflow.Ingress)
	appendPage(t, qa, page(0, 20), record.Checkpoint{}, "p")
	wa := open(t, qa, 10)
	for _, d := range pull(t, wa, 5) {
		_ = d.Ack()
	}
	shut(t, wa)
	b := bustest.Connect(t, server)
	begin := time.Now()
	wb := open(t, bus.NewQueue(b, workflow.Ingress), 10)
	list := pull(t, wb, 15)
	if took := time.Since(begin); took > bus.PinnedTTL*2/3 {
		t.Errorf("the standby waited %v after a clean close", took)
	}
	if list[0].Key != "key-5" {
		t.Errorf("the standby begins with %s", list[0].Key)
	}
	for _, d := range list {
		_ = d.Ack()
	}
	shut(t, wb)
}

func TestACorruptMessageIsDeliveredAsBroken(t *testing.T) {
	conn := bustest.New(t)
	q := bus.NewQueue(conn, workflow.Ingress)
	garbage := nats.NewMsg(bus.RecordsSubject(workflow.Ingress, "contact"))
	garbage.Data = []byte("not a record")
	if _, err := conn.JetStream().PublishMsg(testContext(t), garbage); err != nil {
		t.Fatal(err)
	}
	w := open(t, q, 10)
	d := pull(t, w, 1)[0]
	if d.Broken == nil || d.Source != "contact" || string(d.Raw) != "not a record" {
		t.Fatalf("a corrupt message came as %+v", d)
	}
	if err := q.Reject(testContext(t), d, "unreadable:\n"+d.Broken.Error(), 1); err != nil {
		t.Fatalf("reject: %v", err)
	}
	_ = d.Ack()
	shut(t, w)
	if n, err := bus.NewQueues(conn).Failures(testContext(t), workflow.Ingress); err != nil || n != 1 {
		t.Errorf("failures = %d, %v; want 1", n, err)
	}
	if n, _ := bus.NewQueues(conn).Failures(testContext(t), workflow.Egress); n != 0 {
		t.Errorf("another workflow counts the failure too")
	}
}

func TestKnownKeysAreThoseUpsertedAndNotDeletedSince(t *testing.T) {
	conn := bustest.New(t)
	q := bus.NewQueue(conn, workflow.Ingress)
	remove := func(key string) record.Record { return record.Record{Source: "contact", Key: key, Op: record.Delete} }
	on := appendPage(t, q, page(0, 5), record.Checkpoint{}, "1")
	on = appendPage(t, q, []record.Record{remove("key-1"), remove("key-2"), upsert("key-9", 1)}, on, "2")
	appendPage(t, q, []record.Record{upsert("key-2", 3)}, on, "3")
	var got []string
	for key, err := range q.KnownKeys("contact")(testContext(t)) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, key)
	}
	slices.Sort(got)
	if want := []string{"key-0", "key-2", "key-3", "key-4", "key-9"}; !slices.Equal(got, want) {
		t.Errorf("known keys %v, want %v", got, want)
	}
	for range q.KnownKeys("account")(testContext(t)) {
		t.Error("a source that was never read has keys")
	}
}

// TestAFoldedKeyLogSaysTheSame in the fewest lines, and goes on from there.
func TestAFoldedKeyLogSaysTheSame(t *testing.T) {
	conn := bustest.New(t)
	q := bus.NewQueue(conn, workflow.Ingress)
	known := func() []string {
		var keys []string
		for key, err := range q.KnownKeys("contact")(testContext(t)) {
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, key)
		}
		slices.Sort(keys)
		return keys
	}
	if err := q.FoldKeys(testContext(t), "contact"); err != nil {
		t.Fatalf("an empty log: %v", err)
	}
	on := record.Checkpoint{}
	for i := range 25 { // More than one message when folded.
		records := page(i*900, 900)
		for j := range records {
			records[j].Key = strings.Repeat("k", 30) + records[j].Key
		}
		on = appendPage(t, q, records, on, fmt.Sprint(i))
	}
	on = appendPage(t, q, []record.Record{{Source: "contact", Key: strings.Repeat("k", 30) + "key-7", Op: record.Delete}}, on, "deleted")
	before := known()
	if err := q.FoldKeys(testContext(t), "contact"); err != nil {
		t.Fatal(err)
	}
	if after := known(); !slices.Equal(before, after) || len(after) != 25*900-1 {
		t.Fatalf("%d keys before, %d after", len(before), len(after))
	}
	stream, err := conn.JetStream().Stream(testContext(t), bus.Stream(workflow.Ingress))
	if err != nil {
		t.Fatal(err)
	}
	info, err := stream.Info(testContext(t), jetstream.WithSubjectFilter(bus.KeysSubject(workflow.Ingress, "contact")))
	if err != nil {
		t.Fatal(err)
	}
	if n := info.State.Subjects[bus.KeysSubject(workflow.Ingress, "contact")]; n != 2 {
		t.Errorf("the folded log has %d messages, want 2", n)
	}
	appendPage(t, q, page(1_000_000, 1), on, "on")
	if len(known()) != len(before)+1 {
		t.Error("a page after the fold is not in the log")
	}
}

func TestDeletedConsumerEndsTheWindow(t *testing.T) {
	conn := bustest.New(t)
	w := open(t, bus.NewQueue(conn, workflow.Ingress), 10)
	if err := conn.JetStream().DeleteConsumer(testContext(t), bus.Stream(workflow.Ingress), bus.ConsumerWriter); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Next(testContext(t), 1); err == nil || testContext(t).Err() != nil {
		t.Errorf("a window without its consumer goes on: %v", err)
	}
}
