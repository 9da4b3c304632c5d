package bus_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

func TestGapsAreKeptAndListedNewestFirst(t *testing.T) {
	conn := bustest.New(t)
	events := bus.NewEvents(conn)
	if gaps, number, err := events.Gaps(testContext(t), workflow.Egress, 0); len(gaps) != 0 || number != 0 || err != nil {
		t.Fatalf("of a new bus: %v, %d, %v", gaps, number, err)
	}
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	record := func(id workflow.ID, g workflow.Gap) {
		t.Helper()
		if err := events.Record(testContext(t), workflow.Event{Workflow: id, Kind: workflow.EventGap, Message: g.Message, At: g.At, Gap: &g}); err != nil {
			t.Fatal(err)
		}
	}
	first := workflow.Gap{Source: "journal", From: day, To: day.Add(time.Hour), At: day.AddDate(0, 0, 8), Message: "one"}
	second := workflow.Gap{Source: "journal", To: day.AddDate(0, 0, 9), At: day.AddDate(0, 0, 16), Message: "two"}
	record(workflow.Egress, first)
	record(workflow.Egress, first) // A crash repeats it.
	record(workflow.Ingress, first)
	record(workflow.Egress, second)
	if _, err := conn.NATS().Request(bus.EventSubject(workflow.Egress, workflow.EventGap), []byte("not an event"), time.Second); err != nil {
		t.Fatal(err)
	}
	gaps, number, err := events.Gaps(testContext(t), workflow.Egress, 0)
	if err != nil || number == 0 {
		t.Fatalf("%d, %v", number, err)
	}
	if diff := cmp.Diff([]workflow.Gap{second, first}, gaps); diff != "" {
		t.Error(diff)
	}
	if again, same, err := events.Gaps(testContext(t), workflow.Egress, number); again != nil || same != number || err != nil {
		t.Errorf("nothing is new, and yet %v, %d, %v", again, same, err)
	}
	for i := range 30 {
		record(workflow.Egress, workflow.Gap{Source: "journal", From: day.Add(time.Duration(i)), At: day, Message: fmt.Sprint(i)})
	}
	if gaps, _, err := events.Gaps(testContext(t), workflow.Egress, number); len(gaps) != 20 || gaps[0].Message != "29" || err != nil {
		t.Errorf("%d gaps, first %+v, %v", len(gaps), gaps, err)
	}
}
