package written

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"
	"sync/atomic"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// Store is the knowledge of one run. It is safe for concurrent use by writers of different rows. A nil one knows nothing
// and keeps nothing, and gives no protection to those that other runs keep.
type Store struct {
	cfg     Config
	lock    *os.File
	unclean bool // the files were open when a run before this one died
	guess   guess

	files *table // what Close lets go of

	mu     sync.RWMutex
	table  *table // files while they are believed; nil: nothing is known, and nothing kept
	marker marker
}

// Write brings a row about unless the destination has it already. The callback writes; it is told whether the row is
// likely new, and tells whether it has made it. Write reports true when the callback was not needed, and else returns
// its error.
func (s *Store) Write(ctx context.Context, r Row, write func(likelyNew bool) (created bool, err error)) (unchanged bool, err error) {
	k, err := s.recall(ctx, r.Resource, r.Key, r.Links...)
	if err != nil {
		return false, err
	}
	if k.table == nil {
		_, err := write(r.LikelyNew)
		return false, err
	}
	p := k.salt.printsOf(r, k.generation, k.lives)
	if k.found && k.value != unsure && (k.value == p.full || k.value == p.partial) {
		return true, nil
	}
	if k, err = s.doubt(ctx, k); err != nil {
		return false, err
	}
	created, err := write(!k.found && s.guess.likelyNew(r.LikelyNew))
	if err != nil || k.table == nil {
		return false, err
	}
	if !k.found {
		s.guess.learn(created)
	}
	value := p.partial
	if created {
		value = p.full
	}
	s.keep(ctx, func() error { return k.table.set(k.tag, value) })
	return false, nil
}

// Remove has the callback remove a row, and forgets it.
func (s *Store) Remove(ctx context.Context, resource, key string, remove func() error) error {
	k, err := s.recall(ctx, resource, key)
	if err != nil {
		return err
	}
	if k, err = s.doubt(ctx, k); err != nil {
		return err
	}
	if err := s.endLife(ctx, k, resource, key); err != nil {
		return err
	}
	if err := remove(); err != nil {
		return err
	}
	if k.table != nil && k.found {
		s.keep(ctx, func() error { return k.table.remove(k.tag) })
	}
	return nil
}

// knowledge is what is known of one row. A nil table is none at all.
type knowledge struct {
	table      *table
	salt       salt
	generation uint64
	tag        uint64
	value      uint64
	found      bool
	lives      []uint64 // how often each row that it links to was removed
}

// recall looks a row up. It fails only when the folder cannot be read and the bus cannot be told so.
func (s *Store) recall(ctx context.Context, resource, key string, links ...Link) (knowledge, error) {
	if s == nil {
		return knowledge{}, nil
	}
	s.mu.RLock()
	k := knowledge{table: s.table, salt: s.marker.Salt, generation: s.marker.Generations[resource]}
	s.mu.RUnlock()
	if k.table == nil {
		return k, nil
	}
	k.tag = k.salt.tagOf(resource, key)
	var err error
	k.value, k.found, err = k.table.get(k.tag)
	for _, l := range links {
		if err != nil {
			break
		}
		var lives uint64
		lives, _, err = k.table.get(k.salt.livesOf(l.Resource, l.Key))
		k.lives = append(k.lives, lives)
	}
	if err != nil {
		return knowledge{}, s.disown(ctx, err)
	}
	return k, nil
}

// endLife makes all rows that link to a row have no fingerprint that holds, before the row is removed.
func (s *Store) endLife(ctx context.Context, k knowledge, resource, key string) error {
	if k.table == nil {
		return nil
	}
	tag := k.salt.livesOf(resource, key)
	lives, _, err := k.table.get(tag)
	if err == nil {
		err = k.table.set(tag, lives+1)
	}
	if err != nil {
		return s.disown(ctx, err)
	}
	return nil
}

// doubt takes a row's fingerprint away before a write whose outcome may stay unknown (invariant 3: it is tried again).
func (s *Store) doubt(ctx context.Context, k knowledge) (knowledge, error) {
	if k.table == nil || !k.found || k.value == unsure {
		return k, nil
	}
	if err := k.table.set(k.tag, unsure); err != nil {
		return knowledge{found: k.found}, s.disown(ctx, err)
	}
	return k, nil
}

// keep stores what was confirmed. When that fails the row has no fingerprint, and what is left in the folder is given up;
// or, when the bus cannot be told so now, goes on being doubted row by row.
func (s *Store) keep(ctx context.Context, change func() error) {
	if err := change(); err != nil {
		_ = s.disown(ctx, err)
	}
}

// disown gives the folder up: the run takes another name on the bus, so that the folder is never believed again, whatever
// is in it. Until that has worked, no row may be written whose fingerprint could not be taken away.
func (s *Store) disown(ctx context.Context, why error) error {
	s.mu.RLock()
	t := s.table
	s.mu.RUnlock()
	_, revision, err := s.cfg.Owners.Last(ctx)
	if err == nil {
		err = s.own(ctx, rand.Text(), revision)
	}
	if err != nil {
		if fault.Is(err, fault.Fenced) {
			return err
		}
		return fault.Wrap(fault.Transient, errors.Join(why, err), "the folder "+s.cfg.Dir+" cannot be used, and the bus cannot be told so")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t != nil && s.table == t {
		s.table = nil
		s.cfg.Notice(fmt.Sprintf("what was last written cannot be kept in %s any more, every record costs a call: %v", s.cfg.Dir, why))
	}
	return nil
}

// Ignore has every row of some resources written again, whatever is known of it: that a row exists is still known, so
// that each costs one call. It holds when it has returned, also after a crash.
func (s *Store) Ignore(ctx context.Context, resources ...string) error {
	s.mu.Lock()
	t, changed := s.table, s.marker
	if t == nil || len(resources) == 0 {
		s.mu.Unlock()
		return nil
	}
	changed.Generations = maps.Clone(changed.Generations)
	for _, resource := range resources {
		changed.Generations[resource]++
	}
	err := changed.store(s.cfg.Dir)
	if err == nil {
		s.marker = changed
	}
	s.mu.Unlock()
	if err != nil {
		return s.disown(ctx, err)
	}
	return nil
}

// Len counts what is kept: an entry for each row that is known to exist, and one for each that was ever removed.
func (s *Store) Len() uint64 {
	s.mu.RLock()
	t := s.table
	s.mu.RUnlock()
	if t == nil {
		return 0
	}
	n, err := t.len()
	if err != nil {
		return 0
	}
	return n
}

// guess learns whether rows of which nothing is known are new at the destination, as a branch predictor does. They are in
// a first load; they are not after the knowledge was lost.
type guess struct{ leaning atomic.Int32 }

const certain = 4

func (g *guess) likelyNew(otherwise bool) bool {
	leaning := g.leaning.Load()
	return leaning > 0 || leaning == 0 && otherwise
}

func (g *guess) learn(created bool) {
	for {
		old := g.leaning.Load()
		next := max(old-1, -certain)
		if created {
			next = min(old+1, certain)
		}
		if g.leaning.CompareAndSwap(old, next) {
			return
		}
	}
}
