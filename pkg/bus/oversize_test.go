package bus_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// long is a row whose JSON has about so many bytes.
func long(key string, version int64, size int) record.Record {
	r := upsert(key, version)
	r.Data = json.RawMessage(`{"description":"` + strings.Repeat("x", size) + `"}`)
	return r
}

// TestAnOversizedRecordStopsNothing: it is rejected with its size and its limit, and the rest of its page is stored.
func TestAnOversizedRecordStopsNothing(t *testing.T) {
	conn := bustest.New(t)
	f, q := watched(t, conn), bus.NewQueue(conn, workflow.Ingress)
	limit := int(conn.NATS().MaxPayload())
	records := []record.Record{upsert("before", 1), long("too-long", 2, limit), long("long", 3, limit-limit/8), upsert("after", 4)}
	on := appendPage(t, q, records, record.Checkpoint{}, "p1")
	if stored, err := q.Checkpoint(testContext(t), "contact"); err != nil || stored.Revision != on.Revision || string(stored.Position) != "p1" {
		t.Errorf("the position is %+v, %v", stored, err)
	}
	w := open(t, q, 10)
	var keys []string
	for _, d := range pull(t, w, 3) {
		keys = append(keys, d.Key)
		// The greatest that is stored can still be rejected, with a reason.
		if d.Key == "long" {
			if err := q.Reject(testContext(t), d, strings.Repeat("why ", 1000), 1); err != nil {
				t.Errorf("rejecting a long record: %v", err)
			}
		}
		_ = d.Ack()
	}
	shut(t, w)
	if diff := cmp.Diff([]string{"before", "long", "after"}, keys); diff != "" {
		t.Error(diff)
	}
	rejected := counted(t, f, 2).Failures[1]
	for _, part := range []string{"contact too-long", "8388", "7864320", "max_payload"} {
		if !strings.Contains(rejected.Reason, part) {
			t.Errorf("%q does not say %s", rejected.Reason, part)
		}
	}
	if rejected.Key != "too-long" || rejected.Op != "upsert" || rejected.CannotRetry != "" {
		t.Errorf("%+v", rejected)
	}
	if one, err := f.Get(testContext(t), workflow.Ingress, rejected.Seq); err != nil || one.Payload != nil {
		t.Errorf("%+v, %v", one, err)
	}
	var known []string
	for key, err := range q.KnownKeys("contact")(testContext(t)) {
		if err != nil {
			t.Fatal(err)
		}
		known = append(known, key)
	}
	slices.Sort(known)
	if diff := cmp.Diff([]string{"after", "before", "long"}, known); diff != "" {
		t.Errorf("what was not handed on is known: %s", diff)
	}
	appendPage(t, q, []record.Record{long("alone", 5, limit)}, on, "p2") // Nothing is left of the page but its position.
	counted(t, f, 3)
}

// TestAnOversizedRecordOfAPageThatWaitsIsRejectedOnce: a page is offered every few seconds while the queue is full.
func TestAnOversizedRecordOfAPageThatWaitsIsRejectedOnce(t *testing.T) {
	conn := bustest.Sized(t, bus.Sizes{QueueBytes: 100_000})
	q := bus.NewQueue(conn, workflow.Ingress)
	records := append(page(0, 900), long("too-long", 9, int(conn.NATS().MaxPayload())))
	for range 3 {
		if _, err := q.Append(testContext(t), "contact", records, record.Checkpoint{}, record.Position("p")); !fault.Is(err, fault.QueueFull) {
			t.Fatalf("%v (%v)", err, fault.KindOf(err))
		}
	}
	if n, err := bus.NewQueues(conn).Failures(testContext(t), workflow.Ingress); err != nil || n != 1 {
		t.Errorf("%d are rejected, %v", n, err)
	}
}

// TestAnOversizedEventCannotBeRetried: its payload is gone, and its source does not hand it out twice.
func TestAnOversizedEventCannotBeRetried(t *testing.T) {
	conn := bustest.New(t)
	f, q := watched(t, conn), bus.NewQueue(conn, workflow.Egress)
	event := long("event/1", 1, int(conn.NATS().MaxPayload()))
	event.Source = "open"
	if _, err := q.Append(testContext(t), "open", []record.Record{event}, record.Checkpoint{}, record.Position("p")); err != nil {
		t.Fatal(err)
	}
	var seqs []uint64
	until(t, "the failure is known", func() bool {
		var err error
		seqs, err = f.Select(workflow.Egress, bus.Selection{}, true)
		return err == nil && len(seqs) == 1
	})
	if one, err := f.Get(testContext(t), workflow.Egress, seqs[0]); err != nil || !strings.Contains(one.CannotRetry, "payload") {
		t.Errorf("%+v, %v", one, err)
	}
	if done, err := f.Retry(testContext(t), workflow.Egress, seqs, nil, all); err != nil || done.Records != 0 || done.Skipped != 1 {
		t.Errorf("%+v, %v", done, err)
	}
}

// TestAMessageTooLargeIsNoPassingTrouble: it is as large at the next try.
func TestAMessageTooLargeIsNoPassingTrouble(t *testing.T) {
	conn := bustest.New(t)
	_, err := openLedger(t, conn).Append(testContext(t), ada, make([]byte, conn.NATS().MaxPayload()+1), 0)
	if !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), "max_payload") {
		t.Errorf("%v (%v)", err, fault.KindOf(err))
	}
}
