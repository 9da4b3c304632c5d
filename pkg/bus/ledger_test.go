package bus_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

const (
	ada   = "0f8fad5b-d9cb-469f-a165-70867728950e"
	grace = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
)

func openLedger(t *testing.T, conn *bus.Conn) *bus.Ledger {
	t.Helper()
	ledger, err := bus.OpenLedger(t.Context(), conn, workflow.OptInOut)
	if err != nil {
		t.Fatal(err)
	}
	return ledger
}

func TestLedger(t *testing.T) {
	ctx := t.Context()
	ledger := openLedger(t, bustest.New(t))
	if last, err := ledger.Last(ctx, ada); err != nil || last.Revision != 0 || last.Data != nil {
		t.Fatalf("an unknown contact has %+v (%v)", last, err)
	}
	if entries, err := ledger.History(ctx, ada, 0, 10); err != nil || len(entries) > 0 {
		t.Fatalf("an unknown contact has %v (%v)", entries, err)
	}
	on := map[string]uint64{}
	for i := range 5 {
		for _, contact := range []string{ada, grace} {
			var err error
			if on[contact], err = ledger.Append(ctx, contact, fmt.Appendf(nil, "%s %d", contact, i), on[contact]); err != nil {
				t.Fatal(err)
			}
		}
	}
	last, err := ledger.Last(ctx, ada)
	if err != nil || string(last.Data) != ada+" 4" || last.Revision != on[ada] || last.At.IsZero() {
		t.Errorf("the last entry is %+v (%v)", last, err)
	}
	first, err := ledger.History(ctx, ada, 0, 2)
	if err != nil || len(first) != 2 {
		t.Fatalf("%v (%v)", first, err)
	}
	rest, err := ledger.History(ctx, ada, first[1].Revision, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range append(first, rest...) {
		got = append(got, string(entry.Data))
	}
	if diff := cmp.Diff([]string{ada + " 0", ada + " 1", ada + " 2", ada + " 3", ada + " 4"}, got); diff != "" {
		t.Error(diff)
	}
}

// The newest entries are found from the end, whatever else stands between them.
func TestNewestOfTheLedger(t *testing.T) {
	ctx := t.Context()
	ledger := openLedger(t, bustest.New(t))
	if entries, older, err := ledger.Newest(ctx, ada, 0, 3); err != nil || older || len(entries) > 0 {
		t.Fatalf("an unknown contact has %v, older %t (%v)", entries, older, err)
	}
	revisions, on := []uint64{}, map[string]uint64{}
	for i := range 7 {
		for _, contact := range []string{ada, grace} {
			var err error
			if on[contact], err = ledger.Append(ctx, contact, fmt.Appendf(nil, "%s %d", contact, i), on[contact]); err != nil {
				t.Fatal(err)
			}
		}
		revisions = append(revisions, on[ada])
	}
	for _, c := range []struct {
		before uint64
		limit  int
		want   []uint64
		older  bool
	}{
		{0, 3, revisions[4:], true},
		{revisions[4], 3, revisions[1:4], true},
		{revisions[4] + 1, 3, revisions[2:5], true},
		{revisions[1], 3, revisions[:1], false},
		{revisions[0], 3, nil, false},
		{0, 7, revisions, false},
		{revisions[3], 3, revisions[:3], false},
	} {
		entries, older, err := ledger.Newest(ctx, ada, c.before, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []uint64
		for _, entry := range entries {
			got = append(got, entry.Revision)
		}
		if diff := cmp.Diff(c.want, got); diff != "" || older != c.older {
			t.Errorf("%d before %d: older %t, %s", c.limit, c.before, older, diff)
		}
	}
}

// Of those that decide about a contact at the same time exactly one is heard at a time.
func TestLedgerHasNoForks(t *testing.T) {
	conn := bustest.New(t)
	var appended, refused atomic.Int64
	var writers sync.WaitGroup
	for w := range 8 {
		ledger := openLedger(t, conn)
		writers.Go(func() {
			for i := range 20 {
				last, err := ledger.Last(context.WithoutCancel(t.Context()), ada)
				if err != nil {
					t.Error(err)
					return
				}
				switch _, err := ledger.Append(context.WithoutCancel(t.Context()), ada, fmt.Appendf(nil, "%d on top of %d, try %d", w, last.Revision, i), last.Revision); {
				case err == nil:
					appended.Add(1)
				case fault.Is(err, fault.Stale):
					refused.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	entries, err := openLedger(t, conn).History(t.Context(), ada, 0, 1000)
	if err != nil || int64(len(entries)) != appended.Load() || appended.Load()+refused.Load() != 160 {
		t.Fatalf("%d entries, %d appended, %d refused (%v)", len(entries), appended.Load(), refused.Load(), err)
	}
	on := uint64(0)
	for _, entry := range entries {
		var writer, below, try int
		if _, err := fmt.Sscanf(string(entry.Data), "%d on top of %d, try %d", &writer, &below, &try); err != nil || uint64(below) != on {
			t.Errorf("%q stands on top of %d (%v)", entry.Data, on, err)
		}
		on = entry.Revision
	}
}

// The configuration says how long decisions are kept.
func TestLedgerAge(t *testing.T) {
	ctx := t.Context()
	conn := bustest.New(t)
	age := func() time.Duration {
		stream, err := conn.JetStream().Stream(ctx, bus.StreamLedger)
		if err != nil {
			t.Fatal(err)
		}
		return stream.CachedInfo().Config.MaxAge
	}
	if got := age(); got != 400*24*time.Hour {
		t.Errorf("kept for %s by default", got)
	}
	if err := bus.KeepLedger(ctx, conn, 24*time.Hour); err != nil || age() != 24*time.Hour {
		t.Errorf("kept for %s (%v)", age(), err)
	}
	configs := bus.NewConfigs(conn)
	latest, err := configs.Latest(ctx, workflow.OptInOut)
	if err != nil {
		t.Fatal(err)
	}
	doc := config.DefaultOptInOut()
	doc.LedgerDays = 30
	data, err := config.Encode(doc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := configs.Put(ctx, workflow.OptInOut, data, latest.Number, "test"); err != nil {
		t.Fatal(err)
	}
	bustest.Provision(t, conn, bus.Sizes{})
	if got := age(); got != 30*24*time.Hour {
		t.Errorf("kept for %s after the configuration said 30 days", got)
	}
}

// A ledger that nobody has made is named, with who makes it.
func TestNoLedger(t *testing.T) {
	conn := bustest.Connect(t, bustest.Server(t, ""))
	if _, err := bus.OpenLedger(t.Context(), conn, workflow.OptInOut); !fault.Is(err, fault.Fatal) {
		t.Errorf("%v", err)
	}
	if err := bus.KeepLedger(t.Context(), conn, time.Hour); !fault.Is(err, fault.Fatal) {
		t.Errorf("%v", err)
	}
}
