package campaigntest

import (
	"encoding/json"
	"sync"
	"time"
)

// values are the fields of a row as JSON texts. A field that is not set, or was cleared, is absent.
type values map[string]json.RawMessage

// table holds the rows of one resource. Rows are kept as JSON text: a million of them fit into a few hundred megabytes.
type table struct {
	def Resource

	mu    sync.RWMutex
	rows  []*row // rows[i] has id i+1; nil where it was deleted
	byKey map[string]*row
	live  int
	// unexported are the ids of profiles whose opt-outs changed since the last export.
	unexported map[int64]struct{}
}

type row struct {
	id                int64
	key               string
	data              string // JSON object of the values, in the order of the definition
	created, modified time.Time
	optOuts           *optOutTimes // nil where none was ever set
}

func newTable(def Resource) *table {
	return &table{def: def, byKey: map[string]*row{}, unexported: map[int64]struct{}{}}
}

// encode writes values in the order of the definition.
func (t *table) encode(v values) string {
	b := make([]byte, 0, 256)
	b = append(b, '{')
	for _, f := range t.def.Fields {
		if raw, ok := v[f.Name]; ok {
			if len(b) > 1 {
				b = append(b, ',')
			}
			b = append(b, '"')
			b = append(b, f.Name...)
			b = append(b, '"', ':')
			b = append(b, raw...)
		}
	}
	return string(append(b, '}'))
}

func decode(data string) values {
	v := values{}
	_ = json.Unmarshal([]byte(data), &v) // encode wrote it
	return v
}

func (t *table) keyOf(v values) string {
	if t.def.Key == "" {
		return ""
	}
	return text(v[t.def.Key])
}

// text is the string that raw is, or empty.
func text(raw json.RawMessage) string {
	var s string
	if len(raw) > 0 {
		_ = json.Unmarshal(raw, &s) // not a string: empty
	}
	return s
}

// insertLocked adds a row whose key is free.
func (t *table) insertLocked(key, data string, now time.Time) *row {
	r := &row{id: int64(len(t.rows)) + 1, key: key, data: data, created: now, modified: now}
	t.rows = append(t.rows, r)
	t.live++
	if key != "" {
		t.byKey[key] = r
	}
	return r
}

// replaceLocked puts a newer version in the place of old. Rows are never changed in place, so that a reader may hold
// one without the lock.
func (t *table) replaceLocked(old *row, key, data string, now time.Time) *row {
	r := &row{id: old.id, key: key, data: data, created: old.created, modified: now, optOuts: old.optOuts}
	t.rows[old.id-1] = r
	if key != "" {
		t.byKey[key] = r
	}
	return r
}

func (t *table) deleteLocked(r *row) {
	t.rows[r.id-1] = nil
	t.live--
	delete(t.byKey, r.key)
}

func (t *table) byIDLocked(id int64) *row {
	if id < 1 || id > int64(len(t.rows)) {
		return nil
	}
	return t.rows[id-1]
}

// snapshot is every live row, oldest first.
func (t *table) snapshot() []*row {
	t.mu.RLock()
	defer t.mu.RUnlock()
	rows := make([]*row, 0, t.live)
	for _, r := range t.rows {
		if r != nil {
			rows = append(rows, r)
		}
	}
	return rows
}
