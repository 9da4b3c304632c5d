package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// TestTooLateIsNotNothing: an answer that does not come in time is an error, whatever stands there.
func TestTooLateIsNotNothing(t *testing.T) {
	conn, ctx := provisioned(t)
	ledger, err := OpenLedger(ctx, conn, workflow.OptInOut)
	if err != nil {
		t.Fatal(err)
	}
	q, window := NewQueue(conn, workflow.Egress), &Window{c: conn, id: workflow.Ingress, newest: map[string]version{}}
	looks := map[string]func(context.Context) error{
		"the history of a contact": func(ctx context.Context) error { _, err := ledger.History(ctx, "a-contact", 0, 10); return err },
		"retries":                  func(ctx context.Context) error { _, err := q.Retries(ctx, "open", 10); return err },
		"putting back":             func(ctx context.Context) error { return q.PutBack(ctx, "open") },
		"parked records":           func(ctx context.Context) error { _, err := q.Due(ctx, "open", 10, time.Now()); return err },
		"newer versions":           func(ctx context.Context) error { return window.scan(ctx, 1, 10) },
		"rejected records": func(ctx context.Context) error {
			_, err := NewFailures(conn).chunk(ctx, workflow.Egress, []uint64{1, 2, 3, 4})
			return err
		},
	}
	expired, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Second))
	defer cancel()
	stopped, stop := context.WithCancel(ctx)
	stop()
	for what, look := range looks {
		if err := look(ctx); err != nil {
			t.Errorf("%s, in time: %v", what, err)
		}
		if err := look(expired); err == nil || !fault.Is(err, fault.Transient) {
			t.Errorf("%s, too late: %v", what, err)
		}
		if err := look(stopped); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, told to stop: %v", what, err)
		}
	}
}

// TestAShortAnswerIsNotAll: the server ends an answer early that has grown large, and one may break off.
func TestAShortAnswerIsNotAll(t *testing.T) {
	conn, ctx := provisioned(t)
	const count = 10
	read := func(ctx context.Context, stream string, limit int) (got []uint64, err error) {
		for msg, err := range conn.stored(ctx, stretch{stream: stream, subject: "any", from: 1, limit: limit}, "reading") {
			if err != nil {
				return got, err
			}
			got = append(got, msg.Sequence)
		}
		return got, nil
	}
	all := []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	answerFrom(t, conn, "EARLY", count, 3, true)
	for limit, want := range map[int][]uint64{1: all[:1], 3: all[:3], 7: all[:7], 10: all, 20: all} {
		got, err := read(ctx, "EARLY", limit)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("of at most %d: %v %s", limit, err, diff)
		}
	}
	answerFrom(t, conn, "BROKEN", count, 3, false)
	soon := func() context.Context {
		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		t.Cleanup(cancel)
		return short
	}
	if got, err := read(soon(), "BROKEN", count); !fault.Is(err, fault.Transient) {
		t.Errorf("an answer that breaks off: %v, %v", got, err)
	}
	answerFrom(t, conn, "LATE", count, 0, false)
	if got, err := read(soon(), "LATE", count); !fault.Is(err, fault.Transient) {
		t.Errorf("no answer at all: %v, %v", got, err)
	}
	if got, err := read(ctx, "NOBODY", count); !fault.Is(err, fault.Transient) {
		t.Errorf("nobody there: %v, %v", got, err)
	}
}

// answerFrom answers for a stream of so many messages as a server does, but at most some at a time, and says where an
// answer ends or not.
func answerFrom(t *testing.T, conn *Conn, stream string, count, atATime int, saysEnd bool) {
	t.Helper()
	sub, err := conn.nc.Subscribe("$JS.API.DIRECT.GET."+stream, func(request *nats.Msg) {
		var asked struct{ Seq, Batch int }
		if err := json.Unmarshal(request.Data, &asked); err != nil {
			t.Error(err)
		}
		for seq := asked.Seq; seq <= count && seq < asked.Seq+min(asked.Batch, atATime); seq++ {
			answer := nats.NewMsg(request.Reply)
			answer.Header = nats.Header{"Nats-Stream": {stream}, "Nats-Subject": {"any"}, "Nats-Sequence": {fmt.Sprint(seq)},
				"Nats-Time-Stamp": {time.Now().Format(time.RFC3339Nano)}, "Nats-Num-Pending": {fmt.Sprint(count - seq)}}
			if err := request.RespondMsg(answer); err != nil {
				t.Error(err)
			}
		}
		if !saysEnd {
			return
		}
		end := nats.NewMsg(request.Reply)
		end.Header = nats.Header{"Status": {"204"}, "Description": {"EOB"}}
		if asked.Seq > count {
			end.Header = nats.Header{"Status": {"404"}, "Description": {"Message Not Found"}}
		}
		if err := request.RespondMsg(end); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sub.Unsubscribe() })
}
