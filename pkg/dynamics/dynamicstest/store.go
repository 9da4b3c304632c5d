package dynamicstest

import (
	"bytes"
	"cmp"
	"iter"
	"sort"
	"strings"
	"sync"
	"time"
)

// row is one version of a row. It is never changed: an update makes another.
type row struct {
	id                guid
	version           int64
	created, modified int64 // Unix seconds
	packed            []byte
}

func byID(a, b *row) int { return bytes.Compare(a.id[:], b.id[:]) }

func byModified(a, b *row) int { return cmp.Or(cmp.Compare(a.modified, b.modified), byID(a, b)) }

// change is an entry of a table's log, which is ordered by version. An entry of a row that has a later version is stale;
// a deletion never is: it is reported even when the row was created again.
type change struct {
	version int64
	id      guid
	deleted bool
}

// table is a table's definition and contents.
type table struct {
	Table
	byProperty map[string]int
	rows       map[guid]*row
	sorted     ordered // by primary key
	recent     ordered // by modifiedon, then primary key
	log        []change
	deletions  int
	voided     int64 // change tokens of versions below it have expired
}

func newTable(def Table) *table {
	t := &table{Table: def.complete(), byProperty: map[string]int{}, rows: map[guid]*row{}}
	t.sorted.compare, t.recent.compare = byID, byModified
	for i, c := range t.Columns {
		t.byProperty[c.Property()] = i
	}
	return t
}

// The places of the columns that complete puts first.
const (
	primaryColumn = iota
	createdColumn
	modifiedColumn
	versionColumn
)

// cells decodes a row into the scratch space, which has one place a column.
func (t *table) cells(r *row, scratch []cell) []cell {
	unpack(t.Columns, r.packed, scratch)
	scratch[primaryColumn] = cell{set: true, b: r.id[:]}
	scratch[createdColumn] = cell{set: true, n: r.created}
	scratch[modifiedColumn] = cell{set: true, n: r.modified}
	scratch[versionColumn] = cell{set: true, n: r.version}
	return scratch
}

// store is the database: tables under one lock, with one row version for all of them, as in SQL Server.
type store struct {
	mu      sync.RWMutex
	tables  map[string]*table // by entity set name
	version int64
	base    int64 // the first version; what is below comes from another life of the server
	now     func() time.Time
	// atomic is true inside a transaction: logs are not compacted, so that they can be put back.
	atomic bool
}

func (s *store) bySet(name string) *table { return s.tables[name] }

func (s *store) byLogical(name string) *table {
	for _, t := range s.tables {
		if t.LogicalName == name {
			return t
		}
	}
	return nil
}

// putLocked stores a new version of a row; cells of the server's own columns are ignored.
func (s *store) putLocked(t *table, id guid, cells []cell) *row {
	s.version++
	now := s.now().Unix()
	r := &row{id: id, version: s.version, created: now, modified: now}
	if old := t.rows[id]; old != nil {
		r.created = old.created
		t.sorted.remove(old)
		t.recent.remove(old)
	}
	t.finish(cells)
	r.packed = pack(t.Columns, cells)
	t.rows[id] = r
	t.sorted.insert(r)
	t.recent.insert(r)
	s.logLocked(t, change{version: s.version, id: id})
	return r
}

// finish clears the server's own columns and computes the full name.
func (t *table) finish(cells []cell) {
	clear(cells[:versionColumn+1])
	full, ok := t.byProperty["fullname"]
	if !ok {
		return
	}
	var parts []string
	for _, name := range []string{"firstname", "middlename", "lastname"} {
		if i, ok := t.byProperty[name]; ok && len(cells[i].b) > 0 {
			parts = append(parts, string(cells[i].b))
		}
	}
	joined := []rune(strings.Join(parts, " "))
	cells[full] = cell{set: len(joined) > 0, b: []byte(string(joined[:min(len(joined), 160)]))}
}

func (s *store) deleteLocked(t *table, id guid) bool {
	old := t.rows[id]
	if old == nil {
		return false
	}
	s.version++
	delete(t.rows, id)
	t.sorted.remove(old)
	t.recent.remove(old)
	t.deletions++
	s.logLocked(t, change{version: s.version, id: id, deleted: true})
	return true
}

func (s *store) logLocked(t *table, c change) {
	t.log = append(t.log, c)
	if !s.atomic {
		t.compact()
	}
}

// compact drops what is stale when that is half of the log.
func (t *table) compact() {
	if len(t.log) < 1024 || len(t.log) < 2*(len(t.rows)+t.deletions) {
		return
	}
	kept := make([]change, 0, len(t.rows)+t.deletions)
	for _, c := range t.log {
		if t.isCurrent(c) {
			kept = append(kept, c)
		}
	}
	t.log = kept
}

func (t *table) isCurrent(c change) bool {
	if c.deleted {
		return true
	}
	r := t.rows[c.id]
	return r != nil && r.version == c.version
}

// changes yields what happened after one version and up to another, in order: the latest version of each row, or the
// deletions.
func (t *table) changes(after, until int64, deletions bool) iter.Seq[change] {
	return func(yield func(change) bool) {
		start := sort.Search(len(t.log), func(i int) bool { return t.log[i].version > after })
		for _, c := range t.log[start:] {
			if c.version > until {
				return
			}
			if c.deleted == deletions && t.isCurrent(c) && !yield(c) {
				return
			}
		}
	}
}
