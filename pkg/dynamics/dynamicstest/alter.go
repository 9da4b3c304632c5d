package dynamicstest

import "slices"

// Alter deletes a column and makes another one in its place, as an administrator does in Power Apps; the change tokens of
// the table expire, as they do after every published change. A column that gets another name only keeps its values, one that
// gets another type begins without any, as there. No request may be under way.
func (s *Server) Alter(logical, column string, change func(*Column)) {
	t := s.mustTable(logical)
	s.store.mu.Lock()
	i, there := t.byProperty[column]
	if !there {
		s.store.mu.Unlock()
		panic("dynamicstest: table " + logical + " has no column " + column)
	}
	before := slices.Clone(t.Columns)
	delete(t.byProperty, column)
	change(&t.Columns[i])
	t.byProperty[t.Columns[i].Property()] = i
	if before[i].Type != t.Columns[i].Type {
		t.clearLocked(before, i)
	}
	s.store.mu.Unlock()
	s.ChangeMetadata(logical)
}

// clearLocked takes the values of a column out of every row.
func (t *table) clearLocked(before []Column, column int) {
	cells := make([]cell, len(before))
	for _, r := range t.rows {
		unpack(before, r.packed, cells)
		cells[column] = cell{}
		r.packed = pack(t.Columns, cells)
	}
}
