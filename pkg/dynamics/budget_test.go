package dynamics_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// pauseFor waits as the engine does.
func pauseFor(err error) { <-time.After(fault.After(err) + time.Millisecond) }

// backlog has callers write for a time as fast as they may, and returns how many rows were written.
func backlog(w *dynamics.Writer, callers int, length time.Duration) int64 {
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	var next, written atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for ctx.Err() == nil {
				var rows []dynamics.NewRow
				for range 10 {
					rows = append(rows, activity("adobe_emailsend", int(next.Add(1)), known))
				}
				for len(rows) > 0 && ctx.Err() == nil {
					var again []dynamics.NewRow
					var trouble error
					for i, got := range w.Create(ctx, rows) {
						if got.Err == nil {
							written.Add(1)
							continue
						}
						trouble, again = got.Err, append(again, rows[i])
					}
					if rows = again; trouble != nil {
						pauseFor(trouble)
					}
				}
			}
		})
	}
	all.Wait()
	return written.Load()
}

// While there is a backlog and the service protection limits are reached, at least 95 % of what they allow is used, and
// nothing is sent inside a Retry-After (invariant 10).
func TestTheBudgetIsUsedWhileThrottled(t *testing.T) {
	const windows = 3
	length := windows * 300 * time.Second
	for name, tc := range map[string]struct {
		opt  dynamicstest.Options
		rows int64 // what the limits allow, in rows of ten a request
	}{
		"requests": {dynamicstest.Options{RowCost: time.Millisecond, Limits: &dynamicstest.Limits{Requests: 300}}, windows * 300 * 10},
		"execution time": {dynamicstest.Options{RowCost: 100 * time.Millisecond, Limits: &dynamicstest.Limits{Execution: 200 * time.Second}},
			windows * 2000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env, stop := inBubble(t, tc.opt, nil)
				defer stop()
				env.withContact()
				got := backlog(env.client.NewWriter(dynamics.WriterConfig{BatchSize: 10}), 4, length)
				used := float64(got) / float64(tc.rows)
				t.Logf("%.1f %% of the budget was used; %d requests, %d of them throttled", 100*used, env.batches(), env.Stats().Get(remotetest.Throttled))
				if used < 0.95 {
					t.Errorf("%.1f %% of the budget was used", 100*used)
				}
				if env.Stats().Get(remotetest.Throttled) == 0 {
					t.Error("nothing was throttled: the test shows nothing")
				}
				env.quiet(t)
			})
		})
	}
}

// A slow server gets smaller requests, before a gateway cuts them.
func TestASlowServerGetsSmallerRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, stop := inBubble(t, dynamicstest.Options{RowCost: 200 * time.Millisecond}, nil)
		defer stop()
		env.withContact()
		writer := env.client.NewWriter(dynamics.WriterConfig{})
		rows := activities(1000, "adobe_emailsend")
		persist(t.Context(), t, writer, rows) // a thousand rows of a fifth of a second outlast the client's patience
		for i := range rows {
			rows[i].ID = activity("", 10_000+i, known).ID
		}
		env.Stats().Reset()
		began := time.Now()
		if failed := errorsOf(writer.Create(t.Context(), rows)); len(failed) != 0 || env.created(t) != 2000 {
			t.Errorf("%d rows failed, %d are there", len(failed), env.created(t))
		}
		if took := time.Since(began); took > 80*time.Second || env.batches() < 4 {
			t.Errorf("%d requests side by side took %v", env.batches(), took)
		}
	})
}

// BenchmarkCreate is what the writer itself costs: a thousand rows of four tables into a batch and out of its answer.
func BenchmarkCreate(b *testing.B) {
	env, stop := startEnvironment(b, dynamicstest.Options{})
	defer stop()
	env.withContact()
	writer := env.client.NewWriter(dynamics.WriterConfig{})
	n := 0
	for b.Loop() {
		b.StopTimer()
		var rows []dynamics.NewRow
		for range 1000 {
			n++
			rows = append(rows, activity(activityTables()[n%4], n, known))
		}
		b.StartTimer()
		if failed := errorsOf(writer.Create(b.Context(), rows)); len(failed) != 0 {
			b.Fatal(len(failed))
		}
	}
	b.ReportMetric(float64(env.batches())/float64(b.N), "requests/1000rows")
}
