package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/causeway-sync/causeway/pkg/bus/embedded"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

func provisioned(t *testing.T) (*Conn, context.Context) {
	t.Helper()
	server, err := embedded.Start(embedded.Options{Dir: t.TempDir(), Port: embedded.DontListen, AllowTemporary: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	conn, err := Connect(ctx, Options{InProcess: server.InProcess()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if err := Provision(ctx, conn, Sizes{}); err != nil {
		t.Fatal(err)
	}
	return conn, ctx
}

// TestALostAnswerIsFoundOut: whether the batch was stored, was not, or is still on its way, and whether somebody else has
// taken the source meanwhile.
func TestALostAnswerIsFoundOut(t *testing.T) {
	conn, ctx := provisioned(t)
	q := NewQueue(conn, workflow.Ingress)
	lost := errors.New("no answer came")
	records := []record.Record{{Source: "contact", Key: "k", Op: record.Delete, ReadAt: time.Now()}}
	begin, err := q.Checkpoint(ctx, "contact")
	if err != nil {
		t.Fatal(err)
	}
	late := q.fences["contact"]

	// Not stored: the page can be offered again, and the copy that is on its way is refused when it arrives.
	if _, err := q.resolve(ctx, "contact", begin, pageID(records, begin, record.Position("1")), lost); !fault.Is(err, fault.Transient) {
		t.Fatalf("a batch that was not stored: %v (%v)", err, fault.KindOf(err))
	}
	straggler := nats.NewMsg(CheckpointSubject(workflow.Ingress, "contact"))
	straggler.Header.Set("Nats-Expected-Last-Subject-Sequence", fmt.Sprint(late))
	straggler.Header.Set("Nats-Expected-Last-Subject-Sequence-Subject", FenceSubject(workflow.Ingress, "contact"))
	if _, err := conn.js.PublishMsg(ctx, straggler); !hasCode(err, codeWrongLastSequence) {
		t.Fatalf("the copy that arrived late: %v, want refused", err)
	}

	// Stored: the checkpoint is recognised.
	stored, err := q.Append(ctx, "contact", records, begin, record.Position("1"))
	if err != nil {
		t.Fatal(err)
	}
	found, err := q.resolve(ctx, "contact", begin, pageID(records, begin, record.Position("1")), lost)
	if err != nil || found.Revision != stored.Revision || string(found.Position) != "1" {
		t.Fatalf("a batch that was stored: %+v, %v", found, err)
	}

	// Taken over: no more.
	other := NewQueue(conn, workflow.Ingress)
	if _, err := other.Checkpoint(ctx, "contact"); err != nil {
		t.Fatal(err)
	}
	if _, err := q.resolve(ctx, "contact", stored, "any", lost); !fault.Is(err, fault.Fenced) {
		t.Fatalf("after a take-over: %v", err)
	}
}

func TestTrimKeepsTheLastPosition(t *testing.T) {
	conn, ctx := provisioned(t)
	q := NewQueue(conn, workflow.Ingress)
	on, err := q.Checkpoint(ctx, "contact")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if on, err = q.Append(ctx, "contact", nil, on, record.Position(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	stream, err := conn.js.Stream(ctx, Stream(workflow.Ingress))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ many, want uint64 }{{100, 21}, {10, 2}} { // The fence is one of them.
		if err := trimPositions(ctx, stream, workflow.Ingress, step.many); err != nil {
			t.Fatal(err)
		}
		if info, err := stream.Info(ctx); err != nil || info.State.Msgs != step.want {
			t.Errorf("%d messages are left (%v), want %d", info.State.Msgs, err, step.want)
		}
	}
	if last, _, err := q.checkpoint(ctx, "contact"); err != nil || string(last.Position) != "19" {
		t.Errorf("the position is %+v, %v", last, err)
	}
}

// TestTrimBoundsTheSizeOfPositions: positions of export files are large, and few of them would fill a stream that nothing else may trim.
func TestTrimBoundsTheSizeOfPositions(t *testing.T) {
	conn, ctx := provisioned(t)
	q := NewQueue(conn, workflow.OptInOut)
	stream, err := conn.js.Stream(ctx, Stream(workflow.OptInOut))
	if err != nil {
		t.Fatal(err)
	}
	size := int(stream.CachedInfo().Config.MaxBytes / 16 / (fewPositions + 8))
	on, err := q.Checkpoint(ctx, "export")
	if err != nil {
		t.Fatal(err)
	}
	for n := range fewPositions + 10 {
		if on, err = q.Append(ctx, "export", nil, on, record.Position(strings.Repeat(string(rune('a'+n%26)), size))); err != nil {
			t.Fatal(err)
		}
		if err := trimPositions(ctx, stream, workflow.OptInOut, oldPositions); err != nil {
			t.Fatal(err)
		}
		info, err := stream.Info(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := info.State.Msgs, uint64(n+2); n < fewPositions && got != want { // The fence is one of them.
			t.Fatalf("%d messages are left, want all %d: few need no room", got, want)
		}
		if n == fewPositions+9 && info.State.Msgs > 4 {
			t.Errorf("%d messages are left", info.State.Msgs)
		}
	}
}

// TestNothingPullsBehindAClosedWindow: a pull that was begun while the window closed would hold the pin for ever, and the
// next writer would wait for records that it never gets.
func TestNothingPullsBehindAClosedWindow(t *testing.T) {
	conn, ctx := provisioned(t)
	q := NewQueue(conn, workflow.Ingress)
	consumer, err := conn.js.Consumer(ctx, Stream(workflow.Ingress), ConsumerWriter)
	if err != nil {
		t.Fatal(err)
	}
	closed, err := q.Open(ctx, 50)
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(ctx); err != nil {
		t.Fatal(err)
	}
	for range 8 { // As watchers do that are late; which pull the server pins next is its choice, so there are several.
		if err := closed.start(consumer); err != nil {
			t.Fatal(err)
		}
	}
	records := make([]record.Record, 50)
	for i := range records {
		records[i] = record.Record{Source: "contact", Key: fmt.Sprint(i), Op: record.Delete, ReadAt: time.Now()}
	}
	on, err := q.Checkpoint(ctx, "contact")
	if err == nil {
		_, err = q.Append(ctx, "contact", records, on, record.Position("p"))
	}
	if err != nil {
		t.Fatal(err)
	}
	next, err := q.Open(ctx, 50)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for got := 0; got < len(records); {
		list, err := next.Next(ctx, 50)
		if err != nil {
			t.Fatalf("after %d records: %v", got, err)
		}
		for _, d := range list {
			_ = d.Ack()
		}
		got += len(list)
	}
	if took := time.Since(begin); took > AckWait/3 {
		t.Errorf("the next writer waited %v", took)
	}
	if err := next.Close(ctx); err != nil {
		t.Fatal(err)
	}
}
