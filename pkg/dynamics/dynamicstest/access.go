package dynamicstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
)

// Write is a write that came over HTTP and took effect.
type Write struct {
	// Order counts the writes from 1.
	Order   int64
	Method  string
	Table   string
	ID      string
	Version int64
	// Created is true where the row was not there before.
	Created bool
}

// keptWrites bounds what a long-lived sandbox remembers.
const keptWrites = 200_000

func (s *Server) recordWrites(writes []Write) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range writes {
		s.order++
		w.Order = s.order
		if len(s.writes) >= keptWrites {
			s.writes = append([]Write(nil), s.writes[keptWrites/2:]...)
		}
		s.writes = append(s.writes, w)
	}
}

// Writes lists the writes that came over HTTP, oldest first; of very many only the latest.
func (s *Server) Writes() []Write {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Write(nil), s.writes...)
}

// mustTable finds a table by its logical name. A test that names another has a mistake in it.
func (s *Server) mustTable(logical string) *table {
	t := s.store.byLogical(logical)
	if t == nil {
		panic(fmt.Sprintf("dynamicstest: there is no table %q", logical))
	}
	return t
}

// Put creates a row or updates the given columns of it, as a user of the environment would, and returns its id. Values
// are what JSON gives, Go's numbers or time.Time; the primary key column chooses the row. It panics where the Web API
// would refuse.
func (s *Server) Put(logical string, values map[string]any) (id string) {
	t := s.mustTable(logical)
	key := newGUID()
	if text, ok := values[t.PrimaryID].(string); ok {
		var err error
		if key, err = parseGUID(text); err != nil {
			panic(fmt.Sprintf("dynamicstest: %s: %v", t.PrimaryID, err))
		}
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if _, bad := s.writeLocked(t, key, values); bad != nil {
		panic("dynamicstest: " + bad.text)
	}
	return key.String()
}

// Delete deletes a row and reports whether it was there.
func (s *Server) Delete(logical, id string) bool {
	key, err := parseGUID(id)
	if err != nil {
		return false
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	return s.store.deleteLocked(s.mustTable(logical), key)
}

// DeleteContact deletes a contact, as a user would who merges two of them, and reports whether it was there. Activities
// that regard it stay.
func (s *Server) DeleteContact(id string) bool { return s.Delete("contact", id) }

// Creations tells how often each row of a table was created over HTTP, by its id; of very many writes it knows only the
// latest.
func (s *Server) Creations(logical string) map[string]int {
	times := map[string]int{}
	for _, w := range s.Writes() {
		if w.Table == logical && w.Created {
			times[w.ID]++
		}
	}
	return times
}

// Count is the number of rows of a table.
func (s *Server) Count(logical string) int {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	return len(s.mustTable(logical).rows)
}

// Row is a row as JSON has it, numbers as json.Number.
func (s *Server) Row(logical, id string) (values map[string]any, ok bool) {
	t := s.mustTable(logical)
	key, err := parseGUID(id)
	s.store.mu.RLock()
	r := t.rows[key]
	s.store.mu.RUnlock()
	if err != nil || r == nil {
		return nil, false
	}
	return t.values(r), true
}

// Rows yields a copy of a table, taken when it is called, in the order of the keys.
func (s *Server) Rows(logical string) iter.Seq2[string, map[string]any] {
	t := s.mustTable(logical)
	s.store.mu.RLock()
	all := make([]*row, 0, len(t.rows))
	for r := range t.sorted.from(nil) {
		all = append(all, r)
	}
	s.store.mu.RUnlock()
	return func(yield func(string, map[string]any) bool) {
		for _, r := range all {
			if !yield(r.id.String(), t.values(r)) {
				return
			}
		}
	}
}

func (t *table) values(r *row) map[string]any {
	cells := t.cells(r, make([]cell, len(t.Columns)))
	out := []byte{'{'}
	for i, c := range t.Columns {
		if i > 0 {
			out = append(out, ',')
		}
		out = c.appendJSON(append(append(append(out, '"'), c.Property()...), `":`...), cells[i])
	}
	values := map[string]any{}
	dec := json.NewDecoder(bytes.NewReader(append(out, '}')))
	dec.UseNumber()
	if err := dec.Decode(&values); err != nil {
		panic("dynamicstest: a stored row is not JSON: " + err.Error())
	}
	return values
}

// randomLocked picks a row, nil where there is none.
func (t *table) randomLocked(random *rand.Rand) *row {
	probe := &row{}
	for i := 0; i < len(probe.id); i += 8 {
		n := random.Uint64()
		for j := range 8 {
			probe.id[i+j] = byte(n >> (8 * j))
		}
	}
	for r := range t.sorted.from(probe) {
		return r
	}
	for r := range t.sorted.from(nil) {
		return r
	}
	return nil
}
