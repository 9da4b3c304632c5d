package optinout

import (
	"slices"
	"sync"
)

// locks lets one goroutine at a time handle a contact. The pump keeps the order within a source; reports of two sources
// may come at the same time. The zero value is ready.
type locks struct {
	mu   sync.Mutex
	held map[string]*lock
}

// lock is that of one contact, with how many hold it or wait for it.
type lock struct {
	mu    sync.Mutex
	users int
}

// take locks contacts and returns what unlocks them. Contacts are locked in the order of their ids, so that no two
// callers wait for each other.
func (l *locks) take(contacts []string) (release func()) {
	contacts = slices.Clone(contacts)
	slices.Sort(contacts)
	contacts = slices.Compact(contacts)
	taken := make([]*lock, len(contacts))
	for i, contact := range contacts {
		taken[i] = l.use(contact)
		taken[i].mu.Lock()
	}
	return func() {
		for i, contact := range contacts {
			taken[i].mu.Unlock()
			l.leave(contact)
		}
	}
}

func (l *locks) use(contact string) *lock {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = map[string]*lock{}
	}
	one, ok := l.held[contact]
	if !ok {
		one = &lock{}
		l.held[contact] = one
	}
	one.users++
	return one
}

func (l *locks) leave(contact string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[contact].users--; l.held[contact].users == 0 {
		delete(l.held, contact)
	}
}
