package host

import (
	"maps"
	"sync"
)

// lender lends the one client of a connection.
type lender[C any] struct {
	// make makes a client of a stored connection's values, of the environment's where they are nil.
	make  func(values map[string]string) (C, error)
	close func(C)

	mu      sync.Mutex
	current *lent[C] // guarded by mu, with what it points to
}

// lent is a client with those who use it. A retired one is closed by the last of them.
type lent[C any] struct {
	client  C
	of      resolved
	users   int
	retired bool
}

func (r resolved) same(other resolved) bool {
	return r.environment == other.environment && maps.Equal(r.values, other.values)
}

// lend returns the client of a connection, a new one where the settings are not those of the current one.
func (l *lender[C]) lend(of resolved) (client C, release func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == nil || !l.current.of.same(of) {
		if client, err = l.make(of.values); err != nil {
			return client, nil, err
		}
		l.retireLocked()
		l.current = &lent[C]{client: client, of: of}
	}
	one := l.current
	one.users++
	return one.client, sync.OnceFunc(func() { l.release(one) }), nil
}

func (l *lender[C]) release(one *lent[C]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one.users--
	l.closeLocked(one)
}

// retire forgets the current client.
func (l *lender[C]) retire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retireLocked()
}

func (l *lender[C]) retireLocked() {
	if l.current == nil {
		return
	}
	one := l.current
	one.retired, l.current = true, nil
	l.closeLocked(one)
}

func (l *lender[C]) closeLocked(one *lent[C]) {
	if one.retired && one.users == 0 {
		l.close(one.client)
	}
}
