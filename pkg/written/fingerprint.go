package written

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
)

// Row is the wanted state of one row at the destination.
type Row struct {
	Resource, KeyField, Key string
	// Fields are written in any case, OnCreate beside them when the row is made.
	Fields, OnCreate map[string]any
	// Links are fields that lead to other rows, written in any case.
	Links []Link
	// LikelyNew is the caller's guess where nothing is known of the row.
	LikelyNew bool
}

// Link is a field that leads to the row of another resource; nowhere when Key is empty.
type Link struct{ Field, Resource, Key string }

// format is part of every fingerprint and of the marker: another one makes all that was stored worthless.
const format = 1

// unsure is in the place of the fingerprint of a row that exists and may hold anything.
const unsure = 0

// salt keeps who chooses values from choosing fingerprints.
type salt string

// tagOf is what a row is found by. Two rows that share one, which is unlikely, cost each other calls: a fingerprint
// covers the key itself.
func (s salt) tagOf(resource, key string) uint64 { return s.tag("row", resource, key) }

// livesOf is what the number of times is found by that a row was removed.
func (s salt) livesOf(resource, key string) uint64 { return s.tag("lives", resource, key) }

func (s salt) tag(what, resource, key string) uint64 {
	b := appendText(make([]byte, 0, 128), string(s))
	b = appendText(b, what)
	b = appendText(b, resource)
	b = appendText(b, key)
	return max(sum(b), firstTag)
}

// prints are the fingerprints that a row can have: full when it holds Fields and OnCreate, partial when it holds Fields
// and its OnCreate is not known. They are the same where nothing is written at creation only.
type prints struct{ full, partial uint64 }

// printsOf computes them for a generation of the resource and the lives of the rows that it links to: a link to a row that
// was removed and made again leads nowhere, whatever its key. Both are unsure for a value that has no canonical form.
func (s salt) printsOf(r Row, generation uint64, lives []uint64) prints {
	all := r.Fields
	if len(r.OnCreate) > 0 {
		all = maps.Clone(r.OnCreate)
		maps.Copy(all, r.Fields)
	}
	p := prints{full: s.printOf(r, "all", all, generation, lives)}
	p.partial = p.full
	if len(r.OnCreate) > 0 {
		p.partial = s.printOf(r, "some", r.Fields, generation, lives)
	}
	return p
}

func (s salt) printOf(r Row, scope string, fields map[string]any, generation uint64, lives []uint64) uint64 {
	b := appendText(make([]byte, 0, 512), string(s))
	b = binary.LittleEndian.AppendUint64(b, format)
	b = binary.LittleEndian.AppendUint64(b, generation)
	for _, text := range []string{scope, r.Resource, r.KeyField, r.Key} {
		b = appendText(b, text)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.Links))) //nolint:gosec // A handful.
	for i, l := range r.Links {
		b = appendText(appendText(appendText(b, l.Field), l.Resource), l.Key)
		b = binary.LittleEndian.AppendUint64(b, lives[i])
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		b = appendText(b, name)
		var canonical bool
		if b, canonical = appendValue(b, fields[name]); !canonical {
			return unsure
		}
	}
	return max(sum(b), unsure+1)
}

func sum(b []byte) uint64 {
	h := sha256.Sum256(b)
	return binary.LittleEndian.Uint64(h[:])
}

// appendText appends a text with its length, so that no two lists of texts give the same bytes.
func appendText(b []byte, text string) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text))) //nolint:gosec // No text of a record has 4 GB.
	return append(b, text...)
}

// appendValue appends a value with its type.
func appendValue(b []byte, value any) ([]byte, bool) {
	switch v := value.(type) {
	case nil:
		return append(b, 'n'), true
	case string:
		return appendText(append(b, 's'), v), true
	case json.Number:
		return appendText(append(b, 'd'), v.String()), true
	case bool:
		if v {
			return append(b, 't'), true
		}
		return append(b, 'f'), true
	}
	text, err := json.Marshal(value)
	if err != nil {
		return b, false
	}
	return appendText(append(b, 'j'), string(text)), true
}
