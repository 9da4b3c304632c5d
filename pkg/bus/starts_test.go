package bus_test

import (
	"testing"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

func TestStartsKnowTheLastThatWasAtWork(t *testing.T) {
	server := bustest.Server(t, "")
	conn := bustest.Connect(t, server)
	bustest.Provision(t, conn, bus.Sizes{})
	starts, others := bus.NewStarts(conn, workflow.Ingress), bus.NewStarts(conn, workflow.Egress)
	expect := func(s *bus.Starts, command uint64, began bool, note string) {
		t.Helper()
		gotNote, got, err := s.Began(t.Context(), command)
		if err != nil || got != began || got && string(gotNote) != note {
			t.Errorf("command %d: began %v with %q, %v", command, got, gotNote, err)
		}
	}
	expect(starts, 7, false, "")
	for _, step := range []struct {
		command uint64
		note    string
	}{{7, `{"a": "b c"}`}, {9, ""}} {
		if err := starts.Begin(t.Context(), step.command, []byte(step.note)); err != nil {
			t.Fatal(err)
		}
		expect(starts, step.command, true, step.note)
	}
	expect(starts, 7, false, "")
	expect(others, 9, false, "")
}
