package host

import (
	"maps"
	"sync"
)

// Skips counts, by reason, what was read and never queued. It outlives runs, as the pump's counters do. The zero value
// is ready, and all methods may be called from everywhere.
type Skips struct {
	mu sync.Mutex
	by map[string]uint64
}

// Add counts n more for a reason: one of a fixed set of sentences, for it becomes a metric's label (invariant 9).
func (s *Skips) Add(reason string, n int) {
	if n <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[string]uint64{}
	}
	s.by[reason] += uint64(n)
}

// Counts is what was counted so far; nil when nothing was. The result is the caller's own.
func (s *Skips) Counts() map[string]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.by)
}
