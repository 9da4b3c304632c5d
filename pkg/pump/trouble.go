package pump

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// troubles collects what each part of a run is waiting for: the reason of a workflow that is running and not well
// (invariant 8).
type troubles struct {
	mu    sync.Mutex
	parts map[string]trouble
}

type trouble struct {
	err   error
	since time.Time
}

func newTroubles() *troubles { return &troubles{parts: map[string]trouble{}} }

// stage tells troubles apart that have a patience of their own: waiting for room in the queue, being held, and failing.
func stage(err error) fault.Kind {
	if kind := fault.KindOf(err); kind == fault.QueueFull || kind == fault.Fatal {
		return kind
	}
	return fault.Transient
}

// set notes that a part failed, and returns for how long it has been failing. Waiting for room in the queue and failing
// are two troubles: the patience for the second begins when the first is over.
func (t *troubles) set(part string, err error, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	current, failing := t.parts[part]
	if !failing || stage(current.err) != stage(err) {
		current.since = now
	}
	current.err = err
	t.parts[part] = current
	return now.Sub(current.since)
}

// clear notes that a part succeeded.
func (t *troubles) clear(part string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.parts, part)
}

// String joins all troubles, sorted by part.
func (t *troubles) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := make([]string, 0, len(t.parts))
	for part, trouble := range t.parts {
		verb := "retrying"
		switch fault.KindOf(trouble.err) {
		case fault.Throttled, fault.QueueFull:
			verb = "waiting"
		case fault.Fatal:
			verb = "held"
		}
		lines = append(lines, fmt.Sprintf("%s: %s since %s: %s", part, verb, trouble.since.UTC().Format(time.RFC3339), fault.Message(trouble.err)))
	}
	slices.Sort(lines)
	return strings.Join(lines, "; ")
}
