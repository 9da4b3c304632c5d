package dynamics_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// fate is what has to become of a row.
type fate int

const (
	good fate = iota
	tooLong
	orphan
	existing
	repeated
)

// Whatever rows come, and whatever happens on the way: when the caller has sent again what was Transient or Throttled,
// exactly the good rows are there, each created once, each with the right answer, and nothing was sent inside a
// Retry-After (invariants 1, 3 and 10).
func TestExactlyTheGoodRowsAreThere(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rows, fates := drawRows(r)
		opt, faults := drawOptions(r), drawFaults(r)
		cfg := dynamics.WriterConfig{
			BatchSize: rapid.SampledFrom([]int{0, 1, 7, 50}).Draw(r, "batch size"), MaxParallel: rapid.IntRange(0, 3).Draw(r, "parallel"),
		}
		bubble(t, r, func(t failer) {
			env, stop := inBubble(t, opt, nil)
			defer stop()
			env.withContact()
			want := 0
			for i, f := range fates {
				if f == existing {
					env.Put(rows[i].Table, map[string]any{"activityid": rows[i].ID, "subject": "before"})
				}
				if f == good || f == existing {
					want++
				}
			}
			for _, f := range faults {
				env.Inject(f)
			}
			results := persist(context.Background(), t, env.client.NewWriter(cfg), rows)
			for i, got := range results {
				fates[i].check(t, env, i, rows[i], got)
			}
			if got := env.created(t); got != want {
				t.Fatalf("%d rows are there, want %d", got, want)
			}
			env.quiet(t)
		})
	})
}

// check says whether what became of a row is what has to.
func (f fate) check(t failer, env *environment, i int, sent dynamics.NewRow, got dynamics.Created) {
	row, there := env.Row(sent.Table, sent.ID)
	switch f {
	case good, repeated:
		if got.Err != nil || !there || row["subject"] != sent.Values["subject"] {
			t.Fatalf("row %d is good: %+v, there: %v", i, got, there)
		}
	case existing:
		if got.Err != nil || !got.Existed || row["subject"] != "before" {
			t.Fatalf("row %d was there: %+v, now %v", i, got, row["subject"])
		}
	case tooLong:
		if !fault.Is(got.Err, fault.Rejected) || there {
			t.Fatalf("row %d is too long: %+v, there: %v", i, got, there)
		}
	case orphan:
		if !fault.Is(got.Err, fault.NotFound) || there {
			t.Fatalf("row %d has no contact: %+v, there: %v", i, got, there)
		}
	}
}

func drawOptions(r *rapid.T) dynamicstest.Options {
	opt := dynamicstest.Options{
		Seed:              rapid.Uint64().Draw(r, "seed"),
		NoContinueOnError: rapid.Bool().Draw(r, "stops"),
		OddBatchSize:      rapid.SampledFrom([]int{0, 5}).Draw(r, "odd limit"),
		ThrottledParts:    rapid.SampledFrom([]float64{0, 0.2}).Draw(r, "throttled parts"),
		MaxBody:           rapid.SampledFrom([]int64{0, 4000}).Draw(r, "bytes"),
	}
	if rapid.Bool().Draw(r, "tables without bulk") {
		opt.NoBulk = activityTables()[:rapid.IntRange(1, 4).Draw(r, "how many")]
	}
	return opt
}

func drawFaults(r *rapid.T) []remotetest.Fault {
	var faults []remotetest.Fault
	for _, f := range []remotetest.Fault{
		{Kind: remotetest.Cut}, {Kind: remotetest.TimeoutAfterWrite}, {Kind: remotetest.Error, Status: 503}, {Kind: remotetest.Throttle, RetryAfter: 3},
	} {
		if f.Rate = rapid.SampledFrom([]float64{0, 0.1, 0.3}).Draw(r, string(f.Kind)); f.Rate > 0 {
			faults = append(faults, f)
		}
	}
	return faults
}

func drawRows(r *rapid.T) ([]dynamics.NewRow, []fate) {
	var rows []dynamics.NewRow
	var fates []fate
	firstGood := -1
	for i := range rapid.IntRange(0, 60).Draw(r, "rows") {
		row := activity(rapid.SampledFrom(activityTables()).Draw(r, "table"), i, known)
		become := fate(rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3, 4}).Draw(r, "fate"))
		switch {
		case become == repeated && firstGood < 0:
			become = good
		case become == repeated:
			row = rows[firstGood]
		case become == tooLong:
			row.Values["subject"] = strings.Repeat("x", 201)
		case become == orphan:
			row = activity(row.Table, i, unknown)
		}
		if become == good && firstGood < 0 {
			firstGood = i
		}
		rows, fates = append(rows, row), append(fates, become)
	}
	return rows, fates
}

// Updates: whatever happens on the way, each row ends with the value that was given last, and none comes back to life.
func TestUpdatesEndWithTheLastValue(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		opt, faults, gone := drawOptions(r), drawFaults(r), rapid.IntRange(0, 4).Draw(r, "gone")
		cfg := dynamics.WriterConfig{BatchSize: rapid.SampledFrom([]int{0, 1, 3}).Draw(r, "batch size")}
		calls := rapid.SliceOfN(rapid.SliceOfN(rapid.Custom(func(r *rapid.T) dynamics.Change {
			return optOut(contactNo(rapid.IntRange(0, 4).Draw(r, "row")), rapid.Bool().Draw(r, "value"))
		}), 1, 8), 1, 5).Draw(r, "calls")
		bubble(t, r, func(t failer) { checkUpdates(t, opt, faults, cfg, calls, contactNo(gone)) })
	})
}

func contactNo(i int) string { return fmt.Sprintf("0a000000-0000-4000-8000-%012x", i) }

func checkUpdates(t failer, opt dynamicstest.Options, faults []remotetest.Fault, cfg dynamics.WriterConfig, calls [][]dynamics.Change, gone string) {
	env, stop := inBubble(t, opt, nil)
	defer stop()
	for i := range 5 {
		env.put(contactNo(i), "x")
	}
	env.DeleteContact(gone)
	for _, f := range faults {
		env.Inject(f)
	}
	writer := env.client.NewWriter(cfg)
	last := map[string]any{}
	for _, changes := range calls {
		settle(t, writer, changes, gone)
		for _, change := range changes {
			last[change.ID] = change.Values["donotemail"]
		}
	}
	for id, value := range last {
		row, there := env.Row("contact", id)
		if there == (id == gone) || there && row["donotemail"] != value {
			t.Fatalf("row %s: there %v, %v, want %v", id, there, row["donotemail"], value)
		}
	}
	env.quiet(t)
}

// settle sends changes until all are done. After trouble with one, all that follow of its row go again, in their order.
func settle(t failer, w *dynamics.Writer, changes []dynamics.Change, gone string) {
	t.Helper()
	for range 1000 {
		var again []dynamics.Change
		var trouble error
		troubled := map[string]bool{}
		for i, got := range w.Update(context.Background(), changes) {
			switch {
			case fault.Is(got.Err, fault.Transient) || fault.Is(got.Err, fault.Throttled):
				trouble, troubled[changes[i].ID] = got.Err, true
			case changes[i].ID == gone && fault.Is(got.Err, fault.NotFound):
			case got.Err != nil || got.Version == 0 || got.Modified.IsZero():
				t.Fatalf("change %d: %+v", i, got)
			}
			if troubled[changes[i].ID] {
				again = append(again, changes[i])
			}
		}
		if changes = again; len(changes) == 0 {
			return
		}
		pauseFor(trouble)
	}
	t.Fatalf("%d changes are still not settled", len(changes))
}
