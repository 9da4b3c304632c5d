package pump_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/record"
)

// TestIndependentRecordsAreAllWritten: none is taken for contained in another of its key, whatever is waited for and
// whatever comes back.
func TestIndependentRecordsAreAllWritten(t *testing.T) {
	for _, independent := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.cfg.Independent = independent
			refused := true
			w.dest.answer = func(_ int, r record.Record) outcome {
				if r.Version == 2 && refused {
					refused = false
					return outcome{err: transient()}
				}
				return outcome{landed: true}
			}
			w.queue.put(upsert("k", 1), upsert("k", 2), upsert("k", 3), upsert("k", 4))
			w.start()
			quietly(time.Minute)
			seen := map[int64]bool{}
			for _, r := range w.dest.landed {
				seen[r.Version] = true
			}
			if independent != (len(seen) == 4) {
				t.Errorf("independent %v: %d of four records were written", independent, len(seen))
			}
			if _, err := w.stop(); err != nil || w.queue.backlog() != 0 {
				t.Errorf("%v, backlog %d", err, w.queue.backlog())
			}
		})
	}
}
