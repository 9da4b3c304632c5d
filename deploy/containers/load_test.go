package containers

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/causeway-sync/causeway/deploy/internal/process"
)

// load is people at work on both sides while things go wrong.
type load struct {
	in      *installation
	stop    func()
	mu      sync.Mutex
	changes int
	seen    map[string]string // the newest version of a watched contact that Campaign was seen to hold
	older   []string
}

// watchedContacts are changed most, and watched all the time.
const watchedContacts = 5

// load changes a contact twenty times a second and sends an event with every tenth change. The last names carry numbers
// that grow, so that an older version that is written over a newer one is seen while it happens.
func (in *installation) load() *load {
	in.t.Helper()
	l := &load{in: in, seen: map[string]string{}}
	ids := slices.Sorted(maps.Keys(in.contacts()))
	endChanges := process.Every(50*time.Millisecond, func() { l.change(ids) })
	endLooks := process.Every(300*time.Millisecond, func() { l.watch(ids[:watchedContacts]) })
	l.stop = func() { endChanges(); endLooks() }
	in.t.Cleanup(l.stop)
	return l
}

func (l *load) change(ids []string) {
	l.mu.Lock()
	l.changes++
	n := l.changes
	l.mu.Unlock()
	id := ids[n%len(ids)]
	if n%2 == 0 {
		id = ids[n/2%watchedContacts]
	}
	l.in.change(id, map[string]any{"middlename": fmt.Sprintf("v%09d", n)})
	if n%10 == 0 {
		l.in.happen(1)
	}
}

func (l *load) watch(ids []string) {
	for _, id := range ids {
		version, _ := l.in.profile(id)["middleName"].(string)
		l.mu.Lock()
		if len(version) == 10 && version < l.seen[id] {
			l.older = append(l.older, fmt.Sprintf("%s went from %s to %s", id, l.seen[id], version))
		}
		if len(version) == 10 {
			l.seen[id] = version
		}
		l.mu.Unlock()
	}
}

// judge wants that every watched contact was seen to change, and never back.
func (l *load) judge() {
	l.in.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.in.t.Logf("%d changes were made meanwhile", l.changes)
	if len(l.older) > 0 {
		l.in.t.Errorf("an older version was written over a newer one: %q", l.older)
	}
	if len(l.seen) != watchedContacts {
		l.in.t.Errorf("%d of %d watched contacts were seen to change", len(l.seen), watchedContacts)
	}
}
