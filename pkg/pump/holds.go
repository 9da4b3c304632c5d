package pump

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// holds knows the sources that cannot be read until a person mends something. A run goes on while one can.
type holds struct {
	mu      sync.Mutex
	sources int
	held    map[string]error
}

func newHolds(sources int) *holds { return &holds{sources: sources, held: map[string]error{}} }

// add holds a source. It reports whether that is new, and the fault that ends the run when no source is left.
func (h *holds) add(source string, why error) (began bool, all error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, before := h.held[source]
	h.held[source] = why
	if len(h.held) < h.sources {
		return !before, nil
	}
	return !before, h.joinedLocked()
}

// remove reports whether the source was held.
func (h *holds) remove(source string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, was := h.held[source]
	delete(h.held, source)
	return was
}

func (h *holds) has(source string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, held := h.held[source]
	return held
}

// joinedLocked is what holds all sources as one fault that says each thing once: what is wrong with the credentials is
// wrong for every source.
func (h *holds) joinedLocked() error {
	var messages []string
	var causes []error
	for _, source := range slices.Sorted(maps.Keys(h.held)) {
		if message := fault.Message(h.held[source]); !slices.Contains(messages, message) {
			messages, causes = append(messages, message), append(causes, h.held[source])
		}
	}
	if len(causes) == 1 {
		return causes[0]
	}
	return fault.Wrap(fault.Fatal, errors.Join(causes...), strings.Join(messages, "; "))
}
