package pump

import (
	"cmp"
	"fmt"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// RejectLimit ends a run that rejects too much: when every fifth record is refused it is the mapping or the remote that
// needs mending, and the failures would only fill up with what a mended one would have written.
type RejectLimit struct {
	// Share of the last Window settled records that may be rejected; default 0.2 of 1,000. Negative is no limit.
	Share  float64
	Window int
	// Min is how many must have been rejected before the share counts; default 50.
	Min int
}

func (l RejectLimit) withDefaults() RejectLimit {
	return RejectLimit{Share: cmp.Or(l.Share, 0.2), Window: cmp.Or(l.Window, 1000), Min: cmp.Or(l.Min, 50)}
}

// tally counts what was settled last. The writer guards it.
type tally struct {
	limit  RejectLimit
	ring   []string // the cause of a rejected record, "" for any other; grows to the window
	at     int      // the oldest place, once the ring is full
	causes map[string]int
	total  int // rejected among the ring
}

func newTally(limit RejectLimit) *tally { return &tally{limit: limit, causes: map[string]int{}} }

// note counts one settled record: rejected for a cause, or "" for one that is at the destination.
func (t *tally) note(cause string) {
	if len(t.ring) < t.limit.Window {
		t.ring = append(t.ring, cause)
	} else {
		t.count(t.ring[t.at], -1)
		t.ring[t.at] = cause
		t.at = (t.at + 1) % len(t.ring)
	}
	t.count(cause, 1)
}

func (t *tally) count(cause string, by int) {
	if cause == "" {
		return
	}
	t.total += by
	if t.causes[cause] += by; t.causes[cause] == 0 {
		delete(t.causes, cause)
	}
}

// exceeded is the fault of a run that has rejected too much, nil while it has not.
func (t *tally) exceeded() error {
	if t.limit.Share < 0 || t.total < t.limit.Min || float64(t.total) <= t.limit.Share*float64(len(t.ring)) {
		return nil
	}
	most := ""
	for cause, count := range t.causes {
		if most == "" || count > t.causes[most] || count == t.causes[most] && cause < most {
			most = cause
		}
	}
	return fault.New(fault.Fatal, fmt.Sprintf("%d of the last %d records were rejected, most for: %s; mend the cause, start again, and retry what was rejected",
		t.total, len(t.ring), most))
}
