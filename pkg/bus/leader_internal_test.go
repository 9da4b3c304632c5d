package bus

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// TestGoneIsWhatTheLeaderSays.
func TestGoneIsWhatTheLeaderSays(t *testing.T) {
	conn, ctx := provisioned(t)
	ack, err := conn.js.Publish(ctx, FailureSubject(workflow.Ingress, "contact"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for seq, want := range map[uint64]bool{ack.Sequence: false, ack.Sequence + 1: true} {
		if gone, err := conn.isGone(ctx, StreamFailures, seq); err != nil || gone != want {
			t.Errorf("%d is gone: %t, %v", seq, gone, err)
		}
	}
	if gone, err := conn.isGone(ctx, "NOTHING", 1); !fault.Is(err, fault.Transient) || gone {
		t.Errorf("of a stream that is not there: %t, %v", gone, err)
	}
}

// TestAPartOfTheFailuresIsNotAll: before what is stored has been counted, an export says so.
func TestAPartOfTheFailuresIsNotAll(t *testing.T) {
	conn, ctx := provisioned(t)
	r := record.Record{Source: "contact", Key: "one", Op: record.Delete, ReadAt: time.Now()}
	if err := NewQueue(conn, workflow.Ingress).Reject(ctx, record.Delivery{Record: r, Seq: 1}, "refused", 1); err != nil {
		t.Fatal(err)
	}
	failures := NewFailures(conn) // Nobody counts.
	ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	n := 0
	for _, err := range failures.All(ctx, workflow.Ingress, FailureQuery{}) {
		if n++; !fault.Is(err, fault.Transient) {
			t.Errorf("err = %v", err)
		}
	}
	if n != 1 {
		t.Errorf("%d answers", n)
	}
}

// TestATrendThatIsMadeAnewIsReadFromItsBeginning, although its places are smaller than those that were read.
func TestATrendThatIsMadeAnewIsReadFromItsBeginning(t *testing.T) {
	conn, ctx := provisioned(t)
	trend := NewTrend(conn)
	at := time.Now().Truncate(time.Minute)
	for i := range 3 {
		if err := trend.Add(ctx, workflow.Ingress, workflow.Sample{At: at.Add(time.Duration(i) * time.Minute)}); err != nil {
			t.Fatal(err)
		}
	}
	_, place, err := trend.After(ctx, workflow.Ingress, 0)
	if err != nil || place != 3 {
		t.Fatalf("place %d, %v", place, err)
	}
	stream, err := conn.js.Stream(ctx, StreamTrend)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.js.DeleteStream(ctx, StreamTrend); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.js.CreateStream(ctx, jetstream.StreamConfig{Name: StreamTrend, Subjects: stream.CachedInfo().Config.Subjects, AllowDirect: true}); err != nil {
		t.Fatal(err)
	}
	if err := trend.Add(ctx, workflow.Ingress, workflow.Sample{At: at}); err != nil {
		t.Fatal(err)
	}
	if samples, place, err := trend.After(ctx, workflow.Ingress, place); err != nil || len(samples) != 1 || place != 1 {
		t.Errorf("%d samples up to %d, %v", len(samples), place, err)
	}
}
