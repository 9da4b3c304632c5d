package bus_test

import (
	"context"
	"testing"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

func TestQuestionsAndTheirFaults(t *testing.T) {
	conn := bustest.New(t)
	release := make(chan struct{})
	stop, err := bus.AnswerQuestions(context.Background(), conn, workflow.Ingress, map[string]bus.Question{
		"double": func(_ context.Context, request []byte) (any, error) { return string(request) + string(request), nil },
		"refuse": func(context.Context, []byte) (any, error) {
			return nil, fault.New(fault.Invalid, "there is no such table")
		},
		"slow": func(ctx context.Context, _ []byte) (any, error) { <-release; return "late", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	slow := make(chan error, 1)
	go func() {
		var answer string
		slow <- bus.Ask(context.Background(), conn, workflow.Ingress, "slow", nil, &answer)
	}()
	var answer string
	if err := bus.Ask(testContext(t), conn, workflow.Ingress, "double", 7, &answer); err != nil || answer != "77" {
		t.Errorf("answer %q, %v", answer, err)
	}
	err = bus.Ask(testContext(t), conn, workflow.Ingress, "refuse", nil, &answer)
	if !fault.Is(err, fault.Invalid) || fault.Message(err) != "there is no such table" {
		t.Errorf("the fault arrives as %v (%v)", err, fault.KindOf(err))
	}
	close(release)
	if err := <-slow; err != nil {
		t.Errorf("a slow answer: %v", err)
	}
	stop()
	if err := bus.Ask(testContext(t), conn, workflow.Ingress, "double", 7, &answer); !fault.Is(err, fault.Transient) {
		t.Errorf("nobody answers: %v", err)
	}
}

// TestAStartKeepsItsRevision (invariant 7): the one it names, or the newest before it; what the service itself stored on
// top of that belongs to it.
func TestAStartKeepsItsRevision(t *testing.T) {
	conn := bustest.New(t)
	configs, commands := bus.NewConfigs(conn), bus.NewCommands(conn)
	put := func(doc, by string) bus.Revision {
		t.Helper()
		latest, err := configs.Latest(testContext(t), workflow.Ingress)
		if err != nil {
			t.Fatal(err)
		}
		revision, err := configs.Put(testContext(t), workflow.Ingress, []byte(doc), latest.Number, by)
		if err != nil {
			t.Fatal(err)
		}
		return revision
	}
	send := func(revision uint64) workflow.Command {
		t.Helper()
		cmd, err := commands.Send(testContext(t), workflow.Command{Workflow: workflow.Ingress, Verb: workflow.Start, ConfigRevision: revision})
		if err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	expect := func(what string, start workflow.Command, want bus.Revision) {
		t.Helper()
		got, err := configs.ForStart(testContext(t), workflow.Ingress, start)
		if err != nil || got.Number != want.Number {
			t.Errorf("%s: revision %d, %v; want %d", what, got.Number, err, want.Number)
		}
	}
	first := put(`{"n":1}`, "anna")
	second := put(`{"n":2}`, "anna")
	bare, named := send(0), send(first.Number)
	put(`{"n":3}`, "anna")
	expect("a bare start", bare, second)
	expect("a start that names the first", named, first)
	newest := send(0)
	replayed := put(`{"n":4}`, bus.ByService)
	put(`{"n":5}`, "anna")
	expect("what the service stored on top", newest, replayed)
	if command, err := commands.Desired(testContext(t), workflow.Ingress); err != nil || command.Command.Seq != newest.Seq {
		t.Errorf("desired %+v, %v", command, err)
	}
}
