package bus_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// TestARetryAsksForTheRow and removes every failure of the record, when the request is safe.
func TestARetryAsksForTheRow(t *testing.T) {
	conn := bustest.New(t)
	f, q := watched(t, conn), bus.NewQueue(conn, workflow.Ingress)
	reject(t, conn, "a-record", "refused", 1)
	reject(t, conn, "b-record", "refused", 2)
	snapshot := upsert("a-record", 3)
	snapshot.Snapshot = true
	if err := q.Reject(testContext(t), record.Delivery{Record: snapshot, Raw: snapshot.Data, Seq: 3}, "refused again", 2); err != nil {
		t.Fatal(err)
	}
	reject(t, conn, "a-record", "and again", 4)
	var page bus.FailurePage
	until(t, "all are known", func() bool {
		page = list(t, f, bus.FailureQuery{}, 0, 10)
		return len(page.Failures) == 2 && page.Failures[0].Times == 3
	})
	seqs, err := f.Select(workflow.Ingress, bus.Selection{Seqs: []uint64{page.Failures[0].Seq}}, true)
	if err != nil || len(seqs) != 3 {
		t.Fatalf("selected %v, %v", seqs, err)
	}
	done, err := f.Retry(testContext(t), workflow.Ingress, seqs, nil, all)
	if err != nil || done != (bus.Removal{Selected: 3, Removed: 3, Records: 1}) {
		t.Fatalf("%+v, %v", done, err)
	}
	if left := list(t, f, bus.FailureQuery{}, 0, 10).Failures; len(left) != 1 || left[0].Key != "b-record" {
		t.Errorf("left: %+v", left)
	}
	retries, err := q.Retries(testContext(t), "contact", 10)
	if err != nil || len(retries) != 1 || retries[0].Key != "a-record" || !retries[0].Snapshot {
		t.Fatalf("retries %+v, %v", retries, err)
	}
	if b := backlog(t, conn); b.Pending != 1 {
		t.Errorf("a retry is no backlog: %+v", b)
	}
	if none, err := q.Retries(testContext(t), "account", 10); err != nil || len(none) != 0 {
		t.Errorf("another source: %+v, %v", none, err)
	}
	if err := q.Retried(testContext(t), "contact", retries[0].Seq); err != nil {
		t.Fatal(err)
	}
	if b := backlog(t, conn); b.Total() != 0 {
		t.Errorf("backlog %+v", b)
	}
	if _, err := f.Select(workflow.Ingress, bus.Selection{Seqs: []uint64{seqs[0]}}, true); !fault.Is(err, fault.NotFound) {
		t.Errorf("a second retry: %v", err)
	}
	n, err := bus.NewQueues(conn).Failures(testContext(t), workflow.Ingress)
	if err != nil || n != 1 {
		t.Errorf("%d failures are stored, %v", n, err)
	}
}

func TestWhatCannotBeRetriedStays(t *testing.T) {
	conn := bustest.New(t)
	f := watched(t, conn)
	reject(t, conn, "good", "refused", 1)
	broken := record.Delivery{Record: record.Record{Source: "contact"}, Raw: []byte("garbage \xff"), Seq: 2}
	if err := bus.NewQueue(conn, workflow.Ingress).Reject(testContext(t), broken, "the record in the queue cannot be read:\nno key", 1); err != nil {
		t.Fatal(err)
	}
	other := upsert("elsewhere", 3)
	other.Source = "account"
	if err := bus.NewQueue(conn, workflow.Ingress).Reject(testContext(t), record.Delivery{Record: other, Raw: other.Data, Seq: 3}, "not mapped", 1); err != nil {
		t.Fatal(err)
	}
	page := counted(t, f, 3)
	if got := page.Failures[1]; got.CannotRetry == "" || strings.Contains(got.Reason, "\n") {
		t.Errorf("the broken one: %+v", got)
	}
	if one, err := f.Get(testContext(t), workflow.Ingress, page.Failures[1].Seq); err != nil || one.Payload != "garbage �" {
		t.Errorf("its payload: %+v, %v", one, err)
	}
	seqs, err := f.Select(workflow.Ingress, bus.Selection{}, true)
	if err != nil {
		t.Fatal(err)
	}
	done, err := f.Retry(testContext(t), workflow.Ingress, seqs, func(source string) bool { return source == "contact" }, all)
	if err != nil || done != (bus.Removal{Selected: 3, Removed: 1, Skipped: 2, Records: 1}) {
		t.Errorf("%+v, %v", done, err)
	}
	seqs, err = f.Select(workflow.Ingress, bus.Selection{}, false)
	if err != nil || len(seqs) != 2 {
		t.Fatalf("%v, %v", seqs, err)
	}
	if done, err := f.Drop(testContext(t), workflow.Ingress, seqs, all); err != nil || done.Removed != 2 {
		t.Errorf("%+v, %v", done, err)
	}
	counted(t, f, 0)
}

// TestAnEventGoesBackAsItIs: there is never a newer version of it, and its source cannot be asked.
func TestAnEventGoesBackAsItIs(t *testing.T) {
	conn := bustest.New(t)
	f, q := watched(t, conn), bus.NewQueue(conn, workflow.Egress)
	sent := record.Record{Source: "open", Key: "event/1", Op: record.Upsert, Version: 7, ReadAt: time.UnixMilli(1_700_000_000_000), Data: json.RawMessage(`{"e":1}`)}
	if err := q.Reject(testContext(t), record.Delivery{Record: sent, Raw: sent.Data, Seq: 1}, "refused", 1); err != nil {
		t.Fatal(err)
	}
	until(t, "the failure is known", func() bool {
		seqs, err := f.Select(workflow.Egress, bus.Selection{}, true)
		return err == nil && len(seqs) == 1
	})
	seqs, _ := f.Select(workflow.Egress, bus.Selection{}, true)
	if done, err := f.Retry(testContext(t), workflow.Egress, seqs, nil, all); err != nil || done.Records != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	w := open(t, q, 1)
	got := pull(t, w, 1)[0]
	if got.Broken != nil || got.Key != sent.Key || got.Version != 7 || !got.ReadAt.Equal(sent.ReadAt) || string(got.Data) != `{"e":1}` {
		t.Errorf("it came back as %+v", got)
	}
	_ = got.Ack()
	shut(t, w)
}

// TestEachReportGoesBack: two lines about a contact each say something of their own, and so do two rejections of one row not.
func TestEachReportGoesBack(t *testing.T) {
	for id, want := range map[workflow.ID]int{workflow.OptInOut: 2, workflow.Ingress: 1} {
		conn := bustest.New(t)
		f, q := watched(t, conn), bus.NewQueue(conn, id)
		for version := range 2 {
			r := record.Record{Source: "export", Key: "one", Op: record.Upsert, ReadAt: time.Now(), Data: json.RawMessage(fmt.Sprintf(`{"line":%d}`, version))}
			if err := q.Reject(testContext(t), record.Delivery{Record: r, Raw: r.Data, Seq: uint64(version + 1)}, "refused", 1); err != nil {
				t.Fatal(err)
			}
		}
		var seqs []uint64
		until(t, "the failures are known", func() bool {
			var err error
			seqs, err = f.Select(id, bus.Selection{}, true)
			return err == nil && len(seqs) == 2
		})
		if done, err := f.Retry(testContext(t), id, seqs, nil, all); err != nil || done.Records != want || done.Removed != 2 {
			t.Errorf("%s: %+v, %v; want %d records of 2 failures", id, done, err, want)
		}
	}
}

// TestAFullQueueRefusesARetry: the failures stay.
func TestAFullQueueRefusesARetry(t *testing.T) {
	conn := bustest.Sized(t, bus.Sizes{QueueBytes: 40_000})
	f, q := watched(t, conn), bus.NewQueue(conn, workflow.Ingress)
	reject(t, conn, "a-record", "refused", 1)
	counted(t, f, 1)
	for i := 0; !fault.Is(q.AskRetries(testContext(t), "contact", []bus.Retry{{Key: "another"}}), fault.QueueFull); i++ {
		if i > 1000 {
			t.Fatal("the stream never fills")
		}
	}
	seqs, _ := f.Select(workflow.Ingress, bus.Selection{}, true)
	if done, err := f.Retry(testContext(t), workflow.Ingress, seqs, nil, all); !fault.Is(err, fault.QueueFull) || done.Removed != 0 {
		t.Errorf("%+v, %v", done, err)
	}
	counted(t, f, 1)
}

func TestRetriesOfASourceThatNobodyReadsGoBack(t *testing.T) {
	conn := bustest.New(t)
	f, q := watched(t, conn), bus.NewQueue(conn, workflow.Ingress)
	if err := q.AskRetries(testContext(t), "gone", []bus.Retry{{Key: "a-key", Snapshot: true}, {Key: "b-key", Attempts: 3}}); err != nil {
		t.Fatal(err)
	}
	if counts, err := q.RetrySources(testContext(t)); err != nil || counts["gone"] != 2 {
		t.Fatalf("%v, %v", counts, err)
	}
	if err := q.PutBack(testContext(t), "gone"); err != nil {
		t.Fatal(err)
	}
	page := counted(t, f, 2)
	if got := page.Failures[0]; got.Key != "b-key" || got.Attempts != 4 || !strings.Contains(got.Reason, "not mapped") {
		t.Errorf("%+v", got)
	}
	if b := backlog(t, conn); b.Total() != 0 {
		t.Errorf("backlog %+v", b)
	}
}
