package written

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// Owners remembers, for all instances of a workflow, which run was the last that could write. The bus has it.
type Owners interface {
	// Last is the name that was put last, "" where none ever was, and the revision that the next Put must name.
	Last(ctx context.Context) (name string, revision uint64, err error)
	// Put replaces the name that has the revision. fault.Stale: somebody else has put one since.
	Put(ctx context.Context, name string, revision uint64) error
}

// Config of a Store.
type Config struct {
	// Dir is the folder, made when it is missing. Empty for none: then every row is written, every time.
	Dir string
	// Destination names what is written to: another one begins with nothing.
	Destination string
	Owners      Owners
	// Guard fails when this instance may not write (any more): fault.Fenced.
	Guard func() error
	// Notice hears why knowledge was given up, in a sentence for people.
	Notice func(message string)

	boot string // for tests; bootID by default
	salt salt   // for tests; random by default
}

// Open takes over the knowledge of what was last written, and tells the bus so. Nothing that the Store's caller writes,
// and nobody else, may write before it has returned. It fails when the bus cannot be told (Transient), or when another
// instance has become active (Fenced); a folder that cannot be used is a notice, and a Store that knows nothing.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Notice == nil {
		cfg.Notice = func(string) {}
	}
	if cfg.boot == "" {
		cfg.boot = bootID()
	}
	last, revision, err := cfg.Owners.Last(ctx)
	if err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg}
	name := rand.Text()
	if cfg.Dir != "" {
		if err := s.openFiles(last, name); err != nil {
			s.letGo()
			name = rand.Text() // The folder may have stored the other one.
			cfg.Notice(fmt.Sprintf("what was last written cannot be kept in %s, every record costs a call: %v", cfg.Dir, err))
		}
	}
	if err := s.own(ctx, name, revision); err != nil {
		s.letGo()
		return nil, err
	}
	return s, nil
}

// own puts the run's name. The guard is asked between reading the last name and replacing it: whoever else may write by
// then has put a name since, which makes ours stale, or will put one before it writes (invariant 5).
func (s *Store) own(ctx context.Context, name string, revision uint64) error {
	if err := s.cfg.Guard(); err != nil {
		return err
	}
	err := s.cfg.Owners.Put(ctx, name, revision)
	if fault.Is(err, fault.Stale) {
		return fault.Wrap(fault.Transient, err, "another instance has begun to write at the same time")
	}
	return err
}

// openFiles opens the folder and wipes it unless the last run that wrote was one of its own.
func (s *Store) openFiles(last, next string) error {
	dir := s.cfg.Dir
	file, err := lock(dir)
	if err != nil {
		return err
	}
	s.lock = file
	m, err := readMarker(dir, s.cfg.Destination, s.cfg.boot)
	if err == nil && (last == "" || last != m.Owner && last != m.Next) {
		err = errDistrusted("another instance has written since")
	}
	unclean := err == nil && !m.Clean
	var why errDistrusted
	switch {
	case errors.As(err, &why):
		if _, statErr := os.Stat(shardPath(dir, 0)); statErr == nil {
			s.cfg.Notice(fmt.Sprintf("what was last written is forgotten, unchanged records cost a call once more: %s: %s", dir, why))
		}
		m = newMarker(s.cfg)
		err = wipe(dir)
	case err == nil:
		m.Owner = last
		s.guess.learn(true) // What is not known is new, as long as nothing was forgotten.
	}
	if err != nil {
		return err
	}
	m.Boot, m.Clean, m.Next = s.cfg.boot, false, next
	if err := m.store(dir); err != nil {
		return err
	}
	s.marker, s.unclean, s.files = m, unclean, &table{dir: dir}
	s.table = s.files
	return nil
}

// letGo lets go of the files as they are.
func (s *Store) letGo() {
	if s.files != nil {
		s.files.close()
	}
	if s.lock != nil {
		_ = s.lock.Close()
		s.lock = nil
	}
	s.table = nil
}

// Close brings what is known to the disk. What fails costs knowledge only.
func (s *Store) Close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.letGo()
	if s.table == nil {
		return
	}
	err := errors.Join(s.table.sync(s.unclean), syncDir(s.cfg.Dir))
	if err == nil {
		s.marker.Clean = true
		err = s.marker.store(s.cfg.Dir)
	}
	if err != nil {
		s.cfg.Notice(fmt.Sprintf("what was last written could not be kept in %s: %v", s.cfg.Dir, err))
	}
	s.letGo()
}
