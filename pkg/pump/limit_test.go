package pump_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/record"
)

// refusing rejects the records whose number says so.
func refusing(which func(version int64) bool) func(int, record.Record) outcome {
	return func(_ int, r record.Record) outcome {
		if which(r.Version) {
			return outcome{err: fault.New(fault.Rejected, fmt.Sprintf("contact %s: the text has %d characters", r.Key, r.Version))}
		}
		return outcome{landed: true}
	}
}

// TestTooManyRejectedRecordsEndTheRun, with the cause in the reason, and the rest stays queued.
func TestTooManyRejectedRecordsEndTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.cfg.InFlight = 1
		w.dest.answer = refusing(func(version int64) bool { return version > 300 })
		for i := range 1000 {
			w.queue.put(upsert(fmt.Sprintf("key-%04d", i), int64(i+1)))
		}
		w.start()
		quietly(time.Minute)
		if w.running() {
			t.Fatal("it goes on")
		}
		// 76 of 376 are the first share above a fifth.
		want := "76 of the last 376 records were rejected, most for: contact …: the text has N characters; mend"
		if !fault.Is(w.err, fault.Fatal) || !strings.HasPrefix(fault.Message(w.err), want) {
			t.Errorf("the run says %v (%v)", w.err, fault.KindOf(w.err))
		}
		if failed, waiting := len(w.queue.failed()), w.queue.backlog(); failed != 76 || waiting != 1000-376 {
			t.Errorf("%d are among the failures, %d wait", failed, waiting)
		}
	})
}

func TestAFewRejectedRecordsEndNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		limit    pump.RejectLimit
		rejected func(version int64) bool
	}{
		"less than the least":  {rejected: func(version int64) bool { return version <= 49 }},
		"every sixth":          {rejected: func(version int64) bool { return version%6 == 0 }},
		"no limit":             {limit: pump.RejectLimit{Share: -1}, rejected: func(int64) bool { return true }},
		"a limit that is high": {limit: pump.RejectLimit{Share: 0.9}, rejected: func(version int64) bool { return version%10 < 8 }},
		"spread over windows":  {limit: pump.RejectLimit{Window: 100, Min: 21}, rejected: func(version int64) bool { return version%100 < 20 }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := writing(t)
				w.cfg.Rejects, w.cfg.InFlight = tc.limit, 1
				w.dest.answer = refusing(tc.rejected)
				for i := range 3000 {
					w.queue.put(upsert(fmt.Sprintf("key-%04d", i), int64(i+1)))
				}
				w.start()
				quietly(time.Minute)
				if w.queue.backlog() != 0 {
					t.Errorf("%d wait, the run says %v", w.queue.backlog(), w.err)
				}
				w.mustStop()
			})
		})
	}
}

// TestAStartBeginsToCountAnew: what was rejected before somebody mended the cause does not end the next run.
func TestAStartBeginsToCountAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := writing(t)
		w.dest.answer = refusing(func(version int64) bool { return version <= 49 || version == 200 })
		for i := range 49 {
			w.queue.put(upsert(fmt.Sprintf("key-%04d", i), int64(i+1)))
		}
		w.start()
		quietly(time.Minute)
		w.mustStop()
		w.start()
		w.queue.put(upsert("one", 200), upsert("two", 201))
		quietly(time.Minute)
		w.mustStop()
		if n := len(w.queue.failed()); n != 50 || w.queue.backlog() != 0 {
			t.Errorf("%d failures, %d wait", n, w.queue.backlog())
		}
	})
}
