package backend

import (
	"context"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// TestTrimTakesWhatIsSettledAndOld and nothing else.
func TestTrimTakesWhatIsSettledAndOld(t *testing.T) {
	conn := bustest.New(t)
	q := bus.NewQueue(conn, workflow.Ingress)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	records := make([]record.Record, 10)
	for i := range records {
		records[i] = record.Record{Source: "contact", Key: string(rune('a' + i)), Op: record.Delete, ReadAt: time.Now()}
	}
	if _, err := q.Append(ctx, "contact", records, record.Checkpoint{}, record.Position("p")); err != nil {
		t.Fatal(err)
	}
	window, err := q.Open(ctx, 10)
	if err != nil {
		t.Fatal(err)
	}
	for settled := 0; settled < 6; {
		list, err := window.Next(ctx, 6-settled)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			if err := d.Ack(); err != nil {
				t.Fatal(err)
			}
			settled++
		}
	}
	if err := window.Close(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	trimCtx, stop := context.WithCancel(ctx)
	go func() {
		defer close(done)
		trim(trimCtx, bus.NewQueues(conn), bus.Keep{Age: time.Nanosecond}, zap.NewNop())
	}()
	stream, err := conn.JetStream().Stream(ctx, bus.Stream(workflow.Ingress))
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		info, err := stream.Info(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if info.State.Msgs == 4+2 { // The unsettled ones, the read position and the key log.
			break
		}
		<-tick.C
	}
	stop()
	<-done
	b, err := bus.NewQueues(conn).Backlog(ctx, workflow.Ingress)
	if err != nil || b.Total() != 4 {
		t.Errorf("backlog %+v, %v; want the 4 unsettled", b, err)
	}
}
