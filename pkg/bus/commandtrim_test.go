package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// TestWhatHoldsOutlivesTheLog: a workflow that was started long ago runs, however long it has run; what else is old goes.
func TestWhatHoldsOutlivesTheLog(t *testing.T) {
	conn := bustest.New(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	log := bus.NewCommands(conn)
	send := func(id workflow.ID, verbs ...workflow.Verb) {
		t.Helper()
		for _, verb := range verbs {
			if _, err := log.Send(ctx, workflow.Command{Workflow: id, Verb: verb, By: "anna"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	send(workflow.Ingress, workflow.Start, workflow.Stop, workflow.ConfigChanged, workflow.Start)
	send(workflow.Egress, workflow.Start, workflow.Stop)
	for _, subject := range []string{"causeway.commands.nonsense", "causeway.commands.*.start"} {
		if err := conn.NATS().Publish(subject, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.NATS().Flush(); err != nil {
		t.Fatal(err)
	}
	count := func() int {
		t.Helper()
		list, err := log.List(ctx, 100)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	for _, step := range []struct {
		name string
		now  time.Time
		want int
	}{
		{"nothing is old", time.Now().Add(89 * 24 * time.Hour), 8},
		{"all is old: what holds is left", time.Now().Add(91 * 24 * time.Hour), 5},
		{"again", time.Now().Add(400 * 24 * time.Hour), 5},
	} {
		if err := log.Trim(ctx, step.now); err != nil {
			t.Fatal(err)
		}
		if got := count(); got != step.want {
			t.Errorf("%s: %d entries, want %d", step.name, got, step.want)
		}
	}
	for id, want := range map[workflow.ID]workflow.Desired{workflow.Ingress: workflow.DesiredRunning, workflow.Egress: workflow.DesiredStopped, workflow.OptInOut: workflow.DesiredStopped} {
		if state, err := log.Desired(ctx, id); err != nil || state.Desired != want {
			t.Errorf("%s is to be %s (%v), want %s", id, state.Desired, err, want)
		}
	}
	send(workflow.Ingress, workflow.Stop)
	if state, err := log.Desired(ctx, workflow.Ingress); err != nil || state.Desired != workflow.DesiredStopped {
		t.Errorf("after a stop: %+v, %v", state, err)
	}
	stream, err := conn.JetStream().Stream(ctx, bus.StreamCommands)
	if err != nil || stream.CachedInfo().Config.MaxAge != 0 {
		t.Errorf("the log forgets by itself: %+v, %v", stream.CachedInfo().Config, err)
	}
}
