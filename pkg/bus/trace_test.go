package bus_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

func find(t *testing.T, conn *bus.Conn, id workflow.ID, key string) bus.Found {
	t.Helper()
	found, err := bus.NewQueues(conn).Find(testContext(t), id, key)
	if err != nil {
		t.Fatalf("find %s: %v", key, err)
	}
	return found
}

// versions of what was seen as records, newest first.
func versions(f bus.Found) (list []int64) {
	for _, s := range f.Sightings {
		if s.Kind == bus.SeenRecord {
			list = append(list, s.Version)
		}
	}
	return list
}

// TestEveryVersionIsFound, with its place, whether the key log says where it stands or was folded since.
func TestEveryVersionIsFound(t *testing.T) {
	conn := bustest.New(t)
	q := bus.NewQueue(conn, workflow.Ingress)
	if _, err := q.Checkpoint(testContext(t), "contact"); err != nil {
		t.Fatal(err)
	}
	on := appendPage(t, q, page(0, 300), record.Checkpoint{}, "1")
	on = appendPage(t, q, []record.Record{upsert("key-7", 1007), upsert("other", 1)}, on, "2")
	for _, folded := range []bool{false, true} {
		if folded {
			if err := q.FoldKeys(testContext(t), "contact"); err != nil {
				t.Fatal(err)
			}
			on = appendPage(t, q, []record.Record{upsert("key-7", 2007)}, on, "3")
		}
		want := []int64{1007, 7}
		if folded {
			want = []int64{2007, 1007, 7}
		}
		found := find(t, conn, workflow.Ingress, " {KEY-7} ")
		if got := versions(found); !slices.Equal(got, want) || !found.Complete || found.Looked < found.Of || found.Of != uint64(300+len(want)) {
			t.Errorf("folded %v: versions %v, %+v", folded, got, found)
		}
		for _, s := range found.Sightings {
			if s.Source != "contact" || s.Op != "upsert" || s.QueuedAt.IsZero() || !s.ReadAt.Equal(time.UnixMilli(1_700_000_000_000)) {
				t.Errorf("folded %v: %+v", folded, s)
			}
		}
		if got := find(t, conn, workflow.Ingress, "key-"); len(got.Sightings) != 0 || !got.Complete {
			t.Errorf("half a key: %+v", got)
		}
	}
	if found := find(t, conn, workflow.Ingress, "key-299"); found.Unsettled != 303 || found.AckFloor != 0 || found.Delivered != 0 {
		t.Errorf("%+v", found)
	}
	behind, err := bus.NewQueues(conn).Behind(testContext(t), workflow.Ingress, find(t, conn, workflow.Ingress, "key-299").Sightings[0].Seq)
	if err != nil || behind != 4 {
		t.Errorf("%d records behind the last of the first page, %v", behind, err)
	}
}

// TestWhatIsPutAsideIsFound: parked records, and rows that are to be read again.
func TestWhatIsPutAsideIsFound(t *testing.T) {
	conn := bustest.New(t)
	q := bus.NewQueue(conn, workflow.Ingress)
	for waits := range 3 {
		d := record.Delivery{Record: upsert("child", 5), Seq: 9}
		d.Waits = waits
		if err := q.Park(testContext(t), d, "its parent has not arrived"); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.AskRetries(testContext(t), "contact", []bus.Retry{{Key: "child"}, {Key: "another"}}); err != nil {
		t.Fatal(err)
	}
	found := find(t, conn, workflow.Ingress, "child")
	if len(found.Sightings) != 4 || !found.Complete || found.Of != 0 {
		t.Fatalf("%+v", found)
	}
	retry, parked := found.Sightings[0], found.Sightings[1]
	if retry.Kind != bus.SeenRetry || retry.Source != "contact" {
		t.Errorf("retry %+v", retry)
	}
	if parked.Kind != bus.SeenParked || parked.Source != "contact" || parked.Waits != 3 || parked.Reason != "its parent has not arrived" || parked.DueAt.Sub(parked.QueuedAt) != 30*time.Second {
		t.Errorf("parked %+v", parked)
	}
}

// TestEventsAreFoundByTheirHeaders: their workflow keeps no key log. The newest are looked at first, and a search whose time
// is up says how far it came.
func TestEventsAreFoundByTheirHeaders(t *testing.T) {
	conn := bustest.New(t)
	q := bus.NewQueue(conn, workflow.Egress)
	if _, err := q.Checkpoint(testContext(t), "contact"); err != nil {
		t.Fatal(err)
	}
	appendPage(t, q, page(0, 500), record.Checkpoint{}, "1")
	found := find(t, conn, workflow.Egress, "key-3")
	if got := versions(found); !slices.Equal(got, []int64{3}) || !found.Complete || found.Looked != 500 || found.Since.IsZero() {
		t.Errorf("versions %v, %+v", got, found)
	}
	over, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	if found, err := bus.NewQueues(conn).Find(over, workflow.Egress, "key-3"); fault.Message(err) == "" && found.Complete {
		t.Errorf("a search without time: %+v, %v", found, err)
	}
}

// TestASearchThatIsCutOffSaysSo: an answer has room for so many versions, the newest.
func TestASearchThatIsCutOffSaysSo(t *testing.T) {
	conn := bustest.New(t)
	q := bus.NewQueue(conn, workflow.Ingress)
	if _, err := q.Checkpoint(testContext(t), "contact"); err != nil {
		t.Fatal(err)
	}
	on := record.Checkpoint{}
	for n := range 3 {
		records := make([]record.Record, 100)
		for i := range records {
			records[i] = upsert("busy", int64(n*100+i))
		}
		on = appendPage(t, q, records, on, fmt.Sprint(n))
	}
	found := find(t, conn, workflow.Ingress, "busy")
	if got := versions(found); len(got) != 200 || got[0] < 200 || got[199] < 100 || found.Complete {
		t.Errorf("%d sightings, complete %v: %v", len(got), found.Complete, got)
	}
}
