package remotetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
)

// Names of the two counters that every Stats has.
const (
	// Throttled counts answers with status 429.
	Throttled = "throttled"
	// DuringRetryAfter counts requests that a client sent although it had been told to wait.
	DuringRetryAfter = "duringRetryAfter"
)

// Counter is one number that only grows until it is reset. It is safe for concurrent use.
type Counter struct {
	n atomic.Int64
	_ [7]int64 // a cache line of its own: 64 callers count side by side
}

// Add adds n.
func (c *Counter) Add(n int64) { c.n.Add(n) }

// Load is the present value.
func (c *Counter) Load() int64 { return c.n.Load() }

// Stats is a fixed set of counters with the JSON shape that the names describe: "requests.read" is the member "read"
// of the object "requests". Members stand in the order in which they were declared.
type Stats struct {
	names    []string
	counters map[string]*Counter
}

// NewStats declares the counters. Throttled and DuringRetryAfter follow the declared ones where they are not among
// them. A name has at most one dot, and names of one group stand side by side; anything else is a programming error and
// panics.
func NewStats(names ...string) *Stats {
	s := &Stats{counters: map[string]*Counter{}}
	var groups []string
	for _, name := range append(slices.Clone(names), Throttled, DuringRetryAfter) {
		if _, known := s.counters[name]; known {
			continue
		}
		group, _, grouped := strings.Cut(name, ".")
		if grouped && slices.Contains(groups, group) && groups[len(groups)-1] != group || strings.Count(name, ".") > 1 {
			panic(fmt.Sprintf("remotetest: counter %q cannot be declared here", name))
		}
		groups = append(groups, group)
		s.names = append(s.names, name)
		s.counters[name] = &Counter{}
	}
	return s
}

// Counter returns the counter of a declared name. Fetch it once and keep it. An undeclared name is a programming error
// and panics.
func (s *Stats) Counter(name string) *Counter {
	c, ok := s.counters[name]
	if !ok {
		panic(fmt.Sprintf("remotetest: counter %q was not declared", name))
	}
	return c
}

// Get is the present value of a declared counter.
func (s *Stats) Get(name string) int64 { return s.Counter(name).Load() }

// Reset sets every counter to zero.
func (s *Stats) Reset() {
	for _, c := range s.counters {
		c.n.Store(0)
	}
}

// MarshalJSON writes the counters in their declared shape.
func (s *Stats) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	open := ""
	b.WriteByte('{')
	for i, name := range s.names {
		group, member, grouped := strings.Cut(name, ".")
		if !grouped {
			group, member = "", name
		}
		if open != "" && open != group {
			b.WriteByte('}')
		}
		if i > 0 {
			b.WriteByte(',')
		}
		if group != "" && open != group {
			fmt.Fprintf(&b, "%s:{", quote(group))
		}
		open = group
		fmt.Fprintf(&b, "%s:%d", quote(member), s.counters[name].Load())
	}
	if open != "" {
		b.WriteByte('}')
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func quote(s string) []byte {
	text, _ := json.Marshal(s) // a string always marshals
	return text
}
