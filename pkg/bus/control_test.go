package bus_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// control starts a control plane after prepare has registered its handlers.
func control(t *testing.T, conn *bus.Conn, prepare func(*bus.Control)) *bus.Control {
	t.Helper()
	c, err := bus.NewControl(conn)
	if err != nil {
		t.Fatal(err)
	}
	prepare(c)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	<-c.Running()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the control plane ended with %v", err)
		}
	})
	return c
}

func receive[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(time.Minute):
		t.Fatalf("%s never came", what)
	}
	panic("unreachable")
}

// TestCommandsReachServicesAndTheLog: one message is both, and the sender gets the log's answer, not a subscriber's.
func TestCommandsReachServicesAndTheLog(t *testing.T) {
	conn := bustest.New(t)
	heard, all := make(chan workflow.Command, 10), make(chan workflow.Command, 10)
	control(t, conn, func(c *bus.Control) {
		c.OnCommand(workflow.Ingress, func(cmd workflow.Command) { heard <- cmd })
		c.OnCommand("", func(cmd workflow.Command) { all <- cmd })
	})
	commands := bus.NewCommands(conn)
	sent, err := commands.Send(testContext(t), workflow.Command{Workflow: workflow.Ingress, Verb: workflow.Start, By: "anna", Via: "http"})
	if err != nil {
		t.Fatalf("send: %v", err)
	}
	if got := receive(t, heard, "the command"); got.Verb != workflow.Start || got.Workflow != workflow.Ingress {
		t.Errorf("heard %+v", got)
	}
	receive(t, all, "the command, to the one who hears all")
	if sent.Seq == 0 || sent.At.IsZero() || sent.By != "anna" || sent.Via != "http" {
		t.Errorf("stored as %+v", sent)
	}

	// A bare message is a whole command, with headers of any kind.
	bare := nats.NewMsg("causeway.commands.ingress.stop")
	bare.Header["Odd"] = []string{"a", "b"}
	if err := conn.NATS().PublishMsg(bare); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, heard, "the bare command"); got.Verb != workflow.Stop {
		t.Errorf("heard %+v", got)
	}
	until(t, "stopped is desired", func() bool {
		state, err := commands.Desired(testContext(t), workflow.Ingress)
		return err == nil && state.Desired == workflow.DesiredStopped && state.Command.By == "unknown" && state.Command.Via == "nats"
	})
}

func TestTheLaterOfStartAndStopIsDesired(t *testing.T) {
	conn := bustest.New(t)
	commands := bus.NewCommands(conn)
	desired := func() workflow.Desired {
		state, err := commands.Desired(testContext(t), workflow.Egress)
		if err != nil {
			t.Fatal(err)
		}
		return state.Desired
	}
	if desired() != workflow.DesiredStopped {
		t.Error("a workflow that was never commanded is to run")
	}
	for _, step := range []struct {
		verb workflow.Verb
		want workflow.Desired
	}{
		{workflow.Start, workflow.DesiredRunning}, {workflow.Start, workflow.DesiredRunning}, {workflow.ConfigChanged, workflow.DesiredRunning},
		{workflow.Stop, workflow.DesiredStopped}, {workflow.Stop, workflow.DesiredStopped}, {workflow.Start, workflow.DesiredRunning},
	} {
		if _, err := commands.Send(testContext(t), workflow.Command{Workflow: workflow.Egress, Verb: step.verb, By: "t"}); err != nil {
			t.Fatal(err)
		}
		if got := desired(); got != step.want {
			t.Errorf("after %s: %s, want %s", step.verb, got, step.want)
		}
	}
	list, err := commands.List(testContext(t), 2)
	if err != nil || len(list) != 2 || list[0].Verb != workflow.Start || list[1].Verb != workflow.Stop || list[0].Seq <= list[1].Seq {
		t.Errorf("the last two commands: %+v, %v", list, err)
	}
}

// TestAMalformedCommandChangesNothing and is shown in the log with what is wrong.
func TestAMalformedCommandChangesNothing(t *testing.T) {
	conn := bustest.New(t)
	commands := bus.NewCommands(conn)
	for _, subject := range []string{"causeway.commands.ingress.explode", "causeway.commands.nobody.start", "causeway.commands.ingress.start.now"} {
		if _, err := conn.JetStream().Publish(testContext(t), subject, []byte{0xff, 0xfe}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := commands.List(testContext(t), 10)
	if err != nil || len(list) != 3 {
		t.Fatalf("log: %+v, %v", list, err)
	}
	for _, cmd := range list {
		if !cmd.Ignored || cmd.Note == "" {
			t.Errorf("%+v is not marked as ignored with a reason", cmd)
		}
	}
	if state, _ := commands.Desired(testContext(t), workflow.Ingress); state.Desired != workflow.DesiredStopped {
		t.Error("a malformed command started the workflow")
	}
}

func TestHeartbeatsAndEvents(t *testing.T) {
	conn := bustest.New(t)
	beats := make(chan workflow.Heartbeat, 10)
	c := control(t, conn, func(c *bus.Control) { c.OnHeartbeat(func(b workflow.Heartbeat) { beats <- b }) })
	for _, garbage := range []string{"", "{", `{"workflow":"nobody","instance":"x"}`, `{"workflow":"ingress"}`} {
		if err := conn.NATS().Publish("causeway.heartbeats.ingress.x", []byte(garbage)); err != nil {
			t.Fatal(err)
		}
	}
	want := workflow.Heartbeat{Workflow: workflow.Ingress, Instance: "i-1", Role: workflow.Active, Status: workflow.Running, ConfigRevision: 7,
		At: time.Now().UTC()}
	if err := c.PublishHeartbeat(want); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, beats, "the heartbeat"); got.Instance != "i-1" || got.ConfigRevision != 7 || got.Status != workflow.Running {
		t.Errorf("heard %+v", got)
	}
	if err := c.PublishEvent(workflow.Event{Workflow: workflow.Ingress, Kind: workflow.EventStatus, Status: workflow.Failed, Message: "why"}); err != nil {
		t.Fatal(err)
	}
	until(t, "the event is kept", func() bool {
		stream, err := conn.JetStream().Stream(testContext(t), bus.StreamEvents)
		if err != nil {
			return false
		}
		msg, err := stream.GetLastMsgForSubject(testContext(t), "causeway.events.ingress.status")
		return err == nil && len(msg.Data) > 0
	})
}

func TestConfigurationRevisions(t *testing.T) {
	conn := bustest.New(t)
	configs := bus.NewConfigs(conn)
	first, err := configs.Latest(testContext(t), workflow.Ingress)
	if err != nil || len(first.Document) == 0 {
		t.Fatalf("no default was stored: %v", err)
	}
	second, err := configs.Put(testContext(t), workflow.Ingress, []byte(`{"mappings":[]}`), first.Number, "anna")
	if err != nil || second.Number <= first.Number || second.By != "anna" {
		t.Fatalf("put: %+v, %v", second, err)
	}
	if _, err := configs.Put(testContext(t), workflow.Ingress, []byte(`{}`), first.Number, "ben"); !fault.Is(err, fault.Stale) {
		t.Errorf("an edit of an old revision: %v, want stale", err)
	}
	history, err := configs.History(testContext(t), workflow.Ingress)
	if err != nil || len(history) != 2 || history[0].Number != first.Number || string(history[1].Document) != `{"mappings":[]}` {
		t.Errorf("history: %+v, %v", history, err)
	}
	if at, err := configs.At(testContext(t), workflow.Ingress, first.Number); err != nil || string(at.Document) != string(first.Document) {
		t.Errorf("revision %d: %+v, %v", first.Number, at, err)
	}
	if _, err := configs.At(testContext(t), workflow.Egress, first.Number); !fault.Is(err, fault.NotFound) {
		t.Errorf("another workflow's revision: %v, want not found", err)
	}
	bustest.Provision(t, conn, bus.Sizes{}) // Again: it must not undo an edit.
	if latest, _ := configs.Latest(testContext(t), workflow.Ingress); latest.Number != second.Number {
		t.Errorf("setting up again changed the configuration to revision %d", latest.Number)
	}
}

func TestTheLeaseIsHeldByOne(t *testing.T) {
	conn := bustest.New(t)
	q := bus.NewQueue(conn, workflow.Ingress)
	first, err := q.Acquire(testContext(t), "one", false)
	if err != nil {
		t.Fatal(err)
	}
	var held bus.ErrHeld
	if _, err := q.Acquire(testContext(t), "two", false); !errors.As(err, &held) || held.HeldBy() != "one" {
		t.Fatalf("a second holder: %v", err)
	}
	if other, err := bus.NewQueue(conn, workflow.Egress).Acquire(testContext(t), "two", false); err != nil {
		t.Errorf("another workflow's lease: %v", err)
	} else if err := other.Release(testContext(t)); err != nil {
		t.Error(err)
	}
	if err := first.Guard(); err != nil {
		t.Errorf("the holder is told %v", err)
	}
	if err := first.Release(testContext(t)); err != nil {
		t.Fatal(err)
	}
	second, err := q.Acquire(testContext(t), "two", false)
	if err != nil {
		t.Fatalf("after a release: %v", err)
	}
	if err := second.Release(testContext(t)); err != nil {
		t.Error(err)
	}
}

// TestALeaseOutlivesItsTimeToLiveOnlyByRenewal: it is kept by renewal, and runs out when its holder dies.
func TestALeaseOutlivesItsTimeToLiveOnlyByRenewal(t *testing.T) {
	server := bustest.Server(t, "")
	dying, conn := bustest.Connect(t, server), bustest.Connect(t, server)
	bustest.Provision(t, conn, bus.Sizes{})
	lease, err := bus.NewQueue(dying, workflow.Ingress).Acquire(testContext(t), "dying", false)
	if err != nil {
		t.Fatal(err)
	}
	q := bus.NewQueue(conn, workflow.Ingress)
	begin := time.Now()
	until(t, "the lease was renewed past its time", func() bool {
		if _, err := q.Acquire(testContext(t), "waiting", false); !errors.As(err, new(bus.ErrHeld)) {
			t.Fatalf("after %v the lease was free: %v", time.Since(begin), err)
		}
		return time.Since(begin) > bus.LeaseTTL+time.Second
	})
	dying.Close()
	receive(t, lease.Lost(), "the loss of the lease")
	if err := lease.Guard(); !fault.Is(err, fault.Fenced) {
		t.Errorf("the loser is told %v, want fenced", err)
	}
	var second *bus.Lease
	begin = time.Now()
	until(t, "the other takes over", func() bool {
		second, err = q.Acquire(testContext(t), "waiting", false)
		return err == nil
	})
	if took := time.Since(begin); took > 3*bus.LeaseTTL {
		t.Errorf("the lease was free only after %v", took)
	}
	if err := second.Release(testContext(t)); err != nil {
		t.Error(err)
	}
}

func TestAFormerLifeIsSucceededAtOnce(t *testing.T) {
	server := bustest.Server(t, "")
	former, conn := bustest.Connect(t, server), bustest.Connect(t, server)
	bustest.Provision(t, conn, bus.Sizes{})
	if _, err := bus.NewQueue(former, workflow.Ingress).Acquire(testContext(t), "standalone", true); err != nil {
		t.Fatal(err)
	}
	former.Close()
	lease, err := bus.NewQueue(conn, workflow.Ingress).Acquire(testContext(t), "standalone", true)
	if err != nil {
		t.Fatalf("the same instance is kept out by its former life: %v", err)
	}
	if err := lease.Release(testContext(t)); err != nil {
		t.Error(err)
	}
}

// TestTwoOfOneNameAreStillTwo: a name that somebody gave twice takes no lease from the living.
func TestTwoOfOneNameAreStillTwo(t *testing.T) {
	conn := bustest.New(t)
	q := bus.NewQueue(conn, workflow.Ingress)
	first, err := q.Acquire(testContext(t), "one", false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Acquire(testContext(t), "one", false); !errors.As(err, new(bus.ErrHeld)) {
		t.Errorf("a second process of the same name: %v, want held", err)
	}
	if err := first.Release(testContext(t)); err != nil {
		t.Error(err)
	}
}

func TestAServiceSaysWhatIsMissing(t *testing.T) {
	conn := bustest.Connect(t, bustest.Server(t, ""))
	if err := bus.CheckProvisioned(testContext(t), conn, workflow.Ingress); !fault.Is(err, fault.Fatal) {
		t.Errorf("an empty server: %v, want fatal", err)
	}
	if _, err := bus.NewQueue(conn, workflow.Ingress).Open(testContext(t), 10); !fault.Is(err, fault.Fatal) {
		t.Errorf("a window on an empty server: %v, want fatal", err)
	}
}

func TestConnectSaysThatNobodyAnswers(t *testing.T) {
	_, err := bus.Connect(testContext(t), bus.Options{URL: "nats://127.0.0.1:1", ConnectTimeout: 50 * time.Millisecond})
	if !fault.Is(err, fault.Fatal) {
		t.Errorf("no server: %v", err)
	}
}

// TestControlStopsUnderLoad: messages keep coming while it ends, again and again.
func TestControlStopsUnderLoad(t *testing.T) {
	conn := bustest.New(t)
	flood := make(chan struct{})
	flooded := make(chan struct{})
	go func() {
		defer close(flooded)
		for {
			select {
			case <-flood:
				return
			default:
				_ = conn.NATS().Publish("causeway.heartbeats.ingress.x", []byte(`{"workflow":"ingress","instance":"x"}`))
			}
		}
	}()
	for range 30 {
		c, err := bus.NewControl(conn)
		if err != nil {
			t.Fatal(err)
		}
		heard := make(chan struct{}, 1)
		c.OnHeartbeat(func(workflow.Heartbeat) {
			select {
			case heard <- struct{}{}:
			default:
			}
		})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		receive(t, heard, "a heartbeat")
		cancel()
		if err := receive(t, done, "the end"); err != nil {
			t.Fatal(err)
		}
	}
	close(flood)
	<-flooded
}
