package dynamics_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// One test a line of what a Dataverse client must survive, as far as it concerns writing.

// persist creates rows as the engine does: what is Transient or Throttled is sent again, after the pause that was asked
// for. It returns what became of each row, and fails the test after too many rounds.
func persist(ctx context.Context, t failer, w *dynamics.Writer, rows []dynamics.NewRow) []dynamics.Created {
	t.Helper()
	results := make([]dynamics.Created, len(rows))
	pending := make([]int, len(rows))
	for i := range pending {
		pending[i] = i
	}
	for range 1000 {
		batch := make([]dynamics.NewRow, len(pending))
		for n, i := range pending {
			batch[n] = rows[i]
		}
		var again []int
		var pause time.Duration
		for n, got := range w.Create(ctx, batch) {
			results[pending[n]] = got
			if fault.Is(got.Err, fault.Transient) || fault.Is(got.Err, fault.Throttled) {
				again = append(again, pending[n])
				pause = max(pause, fault.After(got.Err))
			}
		}
		if len(again) == 0 {
			return results
		}
		pending = again
		<-time.After(pause + time.Millisecond)
	}
	t.Fatalf("%d rows are still not settled; the first: %v", len(pending), results[pending[0]].Err)
	return nil
}

// 7. Three kinds of 429 with growing Retry-After, also inside batch parts: nothing leaves while any part wants a pause
// (invariant 10), the rows of the other parts are written.
func TestSurvives_ThrottledParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, stop := inBubble(t, dynamicstest.Options{ThrottledParts: 0.3, NoBulk: activityTables(), Seed: 5}, nil)
		defer stop()
		env.withContact()
		writer := env.client.NewWriter(dynamics.WriterConfig{})
		rows := activities(200, activityTables()...)
		first := writer.Create(t.Context(), rows)
		throttled := errorsOf(first)
		for _, i := range throttled {
			if !fault.Is(first[i].Err, fault.Throttled) || fault.After(first[i].Err) <= 0 {
				t.Fatalf("row %d: %v", i, first[i].Err)
			}
		}
		if len(throttled) < 20 || len(throttled) > 180 || env.created(t) != 200-len(throttled) {
			t.Fatalf("%d rows were throttled, %d are there", len(throttled), env.created(t))
		}
		sent := env.batches()
		for range 5 { // a caller that pushes
			writer.Create(t.Context(), rows)
		}
		if env.batches() != sent {
			t.Errorf("%d requests left inside Retry-After", env.batches()-sent)
		}
		if failed := errorsOf(persist(t.Context(), t, writer, rows)); len(failed) != 0 || env.created(t) != 200 {
			t.Errorf("%d rows failed, %d are there", len(failed), env.created(t))
		}
		env.quiet(t)
	})
}

// 7. The limits of requests and execution time, reached in the middle of a batch.
func TestSurvives_LimitsInsideABatch(t *testing.T) {
	for name, opt := range map[string]dynamicstest.Options{
		"requests":  {Limits: &dynamicstest.Limits{Requests: 100, Window: 20 * time.Second, Parts: true}},
		"execution": {Limits: &dynamicstest.Limits{Execution: 5 * time.Second, Window: 20 * time.Second, Parts: true}, RowCost: 50 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opt.NoBulk = activityTables()
				env, stop := inBubble(t, opt, nil)
				defer stop()
				env.withContact()
				results := persist(t.Context(), t, env.client.NewWriter(dynamics.WriterConfig{}), activities(300, activityTables()...))
				if failed := errorsOf(results); len(failed) != 0 || env.created(t) != 300 {
					t.Errorf("%d rows failed, %d are there", len(failed), env.created(t))
				}
				if env.Stats().Get(remotetest.Throttled) == 0 {
					t.Error("nothing was throttled: the test shows nothing")
				}
				env.quiet(t)
			})
		})
	}
}

// 7. The limit of concurrency: the Writer finds how many requests may be under way, and stays near.
func TestSurvives_ConcurrencyLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, stop := inBubble(t, dynamicstest.Options{Limits: &dynamicstest.Limits{Concurrent: 6, RetryAfter: time.Second}, RowCost: 10 * time.Millisecond}, nil)
		defer stop()
		env.withContact()
		writer := env.client.NewWriter(dynamics.WriterConfig{BatchSize: 20})
		var callers sync.WaitGroup
		rows := activities(4000, activityTables()...)
		for part := range slices.Chunk(rows, 400) {
			callers.Go(func() { persist(t.Context(), t, writer, part) })
		}
		callers.Wait()
		if env.created(t) != 4000 {
			t.Errorf("%d rows are there", env.created(t))
		}
		if n := env.Stats().Get(remotetest.Throttled); n == 0 || n > 200/4 {
			t.Errorf("%d of some 200 requests were too many at a time", n)
		}
		env.quiet(t)
	})
}

// 7, 11. Cut connections, errors of gateways, and writes that did happen although nobody heard of it: sent again, each
// row is there once.
func TestSurvives_UnknownOutcomes(t *testing.T) {
	for name, faults := range map[string][]remotetest.Fault{
		"cut":                 {{Kind: remotetest.Cut, Rate: 0.5}},
		"timeout after write": {{Kind: remotetest.TimeoutAfterWrite, Rate: 0.5}},
		"gateways":            {{Kind: remotetest.Error, Status: 502, Rate: 0.3}, {Kind: remotetest.Error, Status: 504, Rate: 0.3}},
		"token":               {{Kind: remotetest.ExpireTokens}},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnvironment(t, dynamicstest.Options{Seed: 2}).withContact()
			writer := env.client.NewWriter(dynamics.WriterConfig{BatchSize: 50})
			env.warm(t, writer)
			for _, f := range faults {
				env.Inject(f)
			}
			rows := activities(500, activityTables()...)
			results := persist(t.Context(), t, writer, rows)
			if failed := errorsOf(results); len(failed) != 0 || env.created(t) != 500 {
				t.Errorf("%d rows failed, %d are there", len(failed), env.created(t))
			}
		})
	}
}

// 9. Duplicate-key race: what a unique key refuses is looked at by the row's own id. It is there, or another row is in
// its way.
func TestSurvives_DuplicateKeys(t *testing.T) {
	for _, answer := range []struct {
		status int
		body   string
	}{
		{412, `{"error":{"code":"0x80040237","message":"Cannot insert duplicate key."}}`},
		{500, `{"error":{"code":"0x80040237","message":"Cannot insert duplicate key."}}`},
		{412, `{"error":{"code":"0x80060892","message":"Entity Key x violated. A record with the same value for jane@example.com already exists."}}`},
	} {
		t.Run(fmt.Sprint(answer.status, answer.body), func(t *testing.T) {
			env := newEnvironment(t, dynamicstest.Options{}).withContact()
			rows := activities(2, "adobe_emailsend")
			writer := env.client.NewWriter(dynamics.WriterConfig{})
			writer.Create(t.Context(), rows[:1])
			asked := 0
			env.before = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/$batch") {
					return false
				}
				if asked++; asked == 3 { // all together, one by one, and then the look
					return false
				}
				return answerBatch(w, r, min(asked, 2), answer.status, answer.body)
			}
			got := writer.Create(t.Context(), rows)
			if got[0].Err != nil || !got[0].Existed || !fault.Is(got[1].Err, fault.Rejected) || strings.Contains(fmt.Sprint(got[1].Err), "jane") {
				t.Errorf("%+v", got)
			}
			if asked != 3 {
				t.Errorf("%d requests", asked)
			}
		})
	}
}

// 10. Stale version, and an update that must not bring a deleted row back.
func TestSurvives_StaleAndDeletedRows(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{}).withContact()
	row, err := env.client.Row(t.Context(), "contact", known, nil)
	if err != nil {
		t.Fatal(err)
	}
	writer := env.client.NewWriter(dynamics.WriterConfig{})
	env.put(known, "edited meanwhile")
	stale := optOut(known, true)
	stale.IfVersion = row.Version
	if got := writer.Update(t.Context(), []dynamics.Change{stale}); !fault.Is(got[0].Err, fault.Stale) {
		t.Errorf("stale: %v", got[0].Err)
	}
	env.DeleteContact(known)
	for _, change := range []dynamics.Change{stale, optOut(known, true)} {
		if got := writer.Update(t.Context(), []dynamics.Change{change}); !fault.Is(got[0].Err, fault.NotFound) || env.Count("contact") != 0 {
			t.Errorf("deleted: %v, %d contacts", got[0].Err, env.Count("contact"))
		}
	}
}

// 12. A server that stops at the first failure: what stands before it is written and not sent again, what stands behind it
// is.
func TestSurvives_StopsAtTheFirstFailure(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{NoContinueOnError: true}).withContact()
	rows := activities(1000, activityTables()...)
	bad := []int{0, 333, 777}
	for _, i := range bad {
		rows[i].Values["subject"] = strings.Repeat("x", 201)
	}
	results := env.client.NewWriter(dynamics.WriterConfig{}).Create(t.Context(), rows)
	if diff := cmp.Diff(bad, errorsOf(results)); diff != "" || env.created(t) != 997 {
		t.Errorf("rows with errors: %s; %d rows are there", diff, env.created(t))
	}
	if n := env.batches(); n > 1+20 {
		t.Errorf("%d requests", n)
	}
	for i, got := range results {
		if got.Existed {
			t.Fatalf("row %d was sent again although it was written", i)
		}
	}
}

// 12. Limits of operations, the documented one and the one that comes and goes, and a gateway's limit of bytes: the size
// is found, and kept.
func TestSurvives_SizeLimits(t *testing.T) {
	for name, opt := range map[string]dynamicstest.Options{
		"operations":   {NoBulk: activityTables(), BatchSize: 100},
		"now and then": {NoBulk: activityTables(), OddBatchSize: 60},
		"bytes":        {MaxBody: 30_000},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnvironment(t, opt).withContact()
			writer := env.client.NewWriter(dynamics.WriterConfig{})
			results := writer.Create(t.Context(), activities(1000, activityTables()...))
			if failed := errorsOf(results); len(failed) != 0 || env.created(t) != 1000 {
				t.Fatalf("%d rows failed, %d are there: %v", len(failed), env.created(t), results[failed[0]].Err)
			}
			first := env.batches()
			env.Stats().Reset()
			var more []dynamics.NewRow
			for i := range 1000 {
				more = append(more, activity("adobe_emailopen", 5000+i, known))
			}
			if failed := errorsOf(writer.Create(t.Context(), more)); len(failed) != 0 {
				t.Fatalf("%d rows failed", len(failed))
			}
			if first > 40 || env.batches() > 40 {
				t.Errorf("%d requests, and then %d for as many rows", first, env.batches())
			}
		})
	}
}

// 12. A row that is too large by itself is its own fault.
func TestSurvives_ARowThatIsTooLarge(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{MaxBody: 10_000}).withContact()
	rows := activities(10, "adobe_emailsend")
	rows[4].Values["description"] = strings.Repeat("x", 20_000)
	results := env.client.NewWriter(dynamics.WriterConfig{}).Create(t.Context(), rows)
	if diff := cmp.Diff([]int{4}, errorsOf(results)); diff != "" || !fault.Is(results[4].Err, fault.Rejected) {
		t.Errorf("rows with errors: %s; %v", diff, results[4].Err)
	}
}

// 12. Fewer answers than requests: those without one are unknown, and sent again.
func TestSurvives_FewerPartsThanRequests(t *testing.T) {
	for name, cut := range map[string]float64{"some": 0.5, "none": 0} {
		t.Run(name, func(t *testing.T) {
			env := newEnvironment(t, dynamicstest.Options{NoBulk: activityTables()}).withContact()
			env.rewriting(func(_ http.Header, body []byte) []byte { return body[:int(float64(len(body))*cut)] })
			rows := activities(100, activityTables()...)
			writer := env.client.NewWriter(dynamics.WriterConfig{})
			first := writer.Create(t.Context(), rows)
			failed := errorsOf(first)
			for _, i := range failed {
				if !fault.Is(first[i].Err, fault.Transient) {
					t.Fatalf("row %d: %v", i, first[i].Err)
				}
			}
			if len(failed) < 40 || env.created(t) != 100 {
				t.Errorf("%d rows without an answer, %d are there", len(failed), env.created(t))
			}
			env.before = nil
			for i, got := range writer.Create(t.Context(), rows) {
				if got.Err != nil || !got.Existed {
					t.Fatalf("row %d: %+v", i, got)
				}
			}
		})
	}
}

// 12. CRLF: the simulator refuses a bare LF as the vendor does; the answer may come with either.
func TestSurvives_LineEnds(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{NoBulk: activityTables()}).withContact()
	env.rewriting(func(_ http.Header, body []byte) []byte { return bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")) })
	rows := activities(20, activityTables()...)
	rows[3].Values["subject"] = strings.Repeat("x", 201)
	results := env.client.NewWriter(dynamics.WriterConfig{}).Create(t.Context(), rows)
	if diff := cmp.Diff([]int{3}, errorsOf(results)); diff != "" || env.created(t) != 19 {
		t.Errorf("rows with errors: %s; %d are there", diff, env.created(t))
	}
}

// 13. Bulk: all-or-nothing, and only the first error is known; not available on some tables, also where metadata says
// otherwise.
func TestSurvives_BulkAllOrNothing(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{}).withContact()
	rows := activities(400, activityTables()...)
	bad := places(400, 16) // a quarter of the rows of one table, and none of the others
	for _, i := range bad {
		rows[i] = activity(rows[i].Table, i, unknown)
	}
	results := env.client.NewWriter(dynamics.WriterConfig{}).Create(t.Context(), rows)
	if diff := cmp.Diff(bad, errorsOf(results)); diff != "" || env.created(t) != 400-len(bad) {
		t.Errorf("rows with errors: %s; %d are there", diff, env.created(t))
	}
	if n := env.batches(); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestSurvives_BulkThatIsNotThere(t *testing.T) {
	for name, says := range map[string]string{
		"not implemented": `400 {"error":{"code":"0x80040216","message":"CreateMultiple has not yet been implemented."}}`,
		"no such segment": `404 {"error":{"code":"0x8006088a","message":"Resource not found for the segment 'Microsoft.Dynamics.CRM.CreateMultiple'."}}`,
		"no such method":  `405 {"error":{"code":"0x0","message":"The requested resource does not support http method 'POST'."}}`,
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnvironment(t, dynamicstest.Options{}).withContact()
			var status, refused int
			var body string
			_, _ = fmt.Sscanf(says, "%d", &status)
			_, body, _ = strings.Cut(says, " ")
			env.before = func(w http.ResponseWriter, r *http.Request) bool {
				sent := &kept{header: http.Header{}}
				if r.URL.Path != dynamicstest.Root+"$batch" {
					return false
				}
				_, _ = sent.body.ReadFrom(r.Body)
				r.Body = http.NoBody
				if bytes.Contains(sent.body.Bytes(), []byte("CreateMultiple")) {
					refused++
					return answerBatch(w, r, 1, status, body)
				}
				r.Body = readCloser{bytes.NewReader(sent.body.Bytes())}
				return false
			}
			writer := env.client.NewWriter(dynamics.WriterConfig{})
			rows := activities(20, "adobe_emailsend")
			if failed := errorsOf(writer.Create(t.Context(), rows[:10])); len(failed) != 0 || env.created(t) != 10 {
				t.Fatalf("%d rows failed, %d are there", len(failed), env.created(t))
			}
			env.Stats().Reset()
			if failed := errorsOf(writer.Create(t.Context(), rows[10:])); len(failed) != 0 || env.batches() != 1 || refused != 1 {
				t.Errorf("%d rows failed; %d requests, and %d refused CreateMultiple where one is enough to learn", len(failed), env.batches(), refused)
			}
		})
	}
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// 15. HTML or nothing from gateways, error codes of every spelling, for the batch as a whole: never a row's fault.
func TestSurvives_ErrorAnswersToABatch(t *testing.T) {
	for _, tc := range []struct {
		status int
		body   string
		kind   fault.Kind
		says   string
	}{
		{502, "<html>Bad Gateway</html>", fault.Transient, "in trouble"},
		{503, "", fault.Transient, "in trouble"},
		{500, `{"error":{"code":"","message":"x"}}`, fault.Transient, "in trouble"},
		{500, `{"error":{"code":"-2147204783","message":"SQL timeout"}}`, fault.Transient, "in trouble"},
		{200, "<html>sign in</html>", fault.Transient, "did not answer a batch as a batch"},
		{200, "", fault.Transient, "did not answer a batch as a batch"},
		{400, `{"error":{"code":"0x80048d19","message":"Stream was not readable"}}`, fault.Fatal, "refused"},
		{400, "", fault.Fatal, "refused"},
		{403, "<html>blocked</html>", fault.Fatal, "privilege"},
		{404, "<html>", fault.Fatal, "URL of the environment"},
		{429, `{"error":{"code":"0x80072322","message":""}}`, fault.Throttled, "pause"},
		{401, "", fault.Fatal, "application user"},
	} {
		t.Run(fmt.Sprint(tc.status, " ", tc.body), func(t *testing.T) {
			env := newEnvironment(t, dynamicstest.Options{}).withContact()
			env.before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != dynamicstest.Root+"$batch" {
					return false
				}
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.body))
				return true
			}
			for _, got := range env.client.NewWriter(dynamics.WriterConfig{}).Create(t.Context(), activities(5, activityTables()...)) {
				if !fault.Is(got.Err, tc.kind) || !strings.Contains(fmt.Sprint(got.Err), tc.says) {
					t.Errorf("%v (%v), want %v saying %q", got.Err, fault.KindOf(got.Err), tc.kind, tc.says)
				}
			}
		})
	}
}

// A caller that gives up is not told that its rows failed for good.
func TestSurvives_Cancellation(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{}).withContact()
	writer := env.client.NewWriter(dynamics.WriterConfig{})
	env.warm(t, writer)
	ctx, cancel := context.WithCancel(t.Context())
	env.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == dynamicstest.Root+"$batch" {
			_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client has gone
			cancel()
			<-r.Context().Done()
			return true
		}
		return false
	}
	for _, got := range writer.Create(ctx, activities(5, activityTables()...)) {
		if !fault.Is(got.Err, fault.Transient) {
			t.Errorf("%v", got.Err)
		}
	}
}
