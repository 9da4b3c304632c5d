package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// identities are the names by which a member of a list is recognised, in order of preference: two revisions are
// compared mapping by mapping and field by field, not place by place.
func identities() []string { return []string{"table", "field", "column"} }

// Diff lists what changed from one document to the next, in the order of the fields' names:
// "mappings[contact].fields[email] added", "mappings[contact].applyDeletes changed from true to false".
func Diff(before, after []byte) ([]string, error) {
	var d Differ
	if _, err := d.Next(before); err != nil {
		return nil, fmt.Errorf("older revision: %w", err)
	}
	changes, err := d.Next(after)
	if err != nil {
		return nil, fmt.Errorf("newer revision: %w", err)
	}
	return changes, nil
}

// Differ compares each document that it is told with the one before. What two documents share word by word is decoded once,
// so that the history of a large document costs little more than its size. The zero value knows no document.
type Differ struct {
	tree  any
	parts map[string]part
}

// part is a piece of a document as it was written and as it is compared.
type part struct {
	raw   json.RawMessage
	value any
}

// Next lists what a document changed in the one before; an empty document is one without settings.
func (d *Differ) Next(doc []byte) ([]string, error) {
	before := d.tree
	if err := d.read(doc); err != nil {
		return nil, err
	}
	if before == nil {
		return nil, nil
	}
	var changes []Change
	diff("", before, d.tree, &changes)
	var said []string
	for _, c := range changes {
		said = append(said, c.String())
	}
	return said, nil
}

// read decodes a document, a member of a list at the top at a time.
func (d *Differ) read(doc []byte) error {
	if len(doc) == 0 {
		d.tree, d.parts = map[string]any{}, nil
		return nil
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(doc, &top); err != nil || top == nil {
		value, err := decode(doc) // No object: compared as a whole.
		d.tree, d.parts = value, nil
		return err
	}
	tree, parts := make(map[string]any, len(top)), map[string]part{}
	known := func(name string, raw json.RawMessage) (any, error) {
		one, same := d.parts[name]
		if !same || !bytes.Equal(one.raw, raw) {
			value, err := decode(raw)
			if err != nil {
				return nil, err
			}
			one = part{raw: raw, value: value}
		}
		parts[name] = one
		return one.value, nil
	}
	for name, raw := range top {
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil || list == nil {
			value, err := known(name, raw)
			if err != nil {
				return err
			}
			tree[name] = value
			continue
		}
		values := make([]any, len(list))
		for i, member := range list {
			var err error
			if values[i], err = known(name+"["+strconv.Itoa(i)+"]", member); err != nil {
				return err
			}
		}
		tree[name] = values
	}
	d.tree, d.parts = tree, parts
	return nil
}

// decode reads a value; numbers stay as they are written.
func decode(doc []byte) (any, error) {
	var v any
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return v, nil
}

func diff(path string, old, now any, changes *[]Change) {
	if reflect.DeepEqual(old, now) || (hollow(old) && hollow(now)) {
		return
	}
	if a, ok := old.(map[string]any); ok {
		if b, ok := now.(map[string]any); ok {
			diffMembers(path, a, b, changes, func(name string) string { return joinPath(path, name) })
			return
		}
	}
	if a, ok := old.([]any); ok {
		if b, ok := now.([]any); ok {
			before, after := byIdentity(a), byIdentity(b)
			count := len(*changes)
			diffMembers(path, before, after, changes, func(name string) string { return path + "[" + name + "]" })
			if len(*changes) == count {
				*changes = append(*changes, Change{Path: path, Kind: Reordered, Before: old, After: now})
			}
			return
		}
	}
	if path == "" {
		path = "the document"
	}
	*changes = append(*changes, Change{Path: path, Kind: Changed, Before: old, After: now})
}

// hollow reports whether v is null or an empty list, which mean the same.
func hollow(v any) bool {
	list, ok := v.([]any)
	return v == nil || (ok && len(list) == 0)
}

// diffMembers compares two sets of named members.
func diffMembers(path string, old, now map[string]any, changes *[]Change, name func(string) string) {
	names := make([]string, 0, len(old)+len(now))
	for n := range old {
		names = append(names, n)
	}
	for n := range now {
		if _, both := old[n]; !both {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	for _, n := range names {
		a, had := old[n]
		b, has := now[n]
		switch {
		case !had:
			*changes = append(*changes, Change{Path: name(n), Kind: Added, After: b})
		case !has:
			*changes = append(*changes, Change{Path: name(n), Kind: Removed, Before: a})
		default:
			diff(name(n), a, b, changes)
		}
	}
}

// byIdentity names each member of a list by its identity; members that share one are numbered.
func byIdentity(list []any) map[string]any {
	named := make(map[string]any, len(list))
	for i, member := range list {
		name := identity(member)
		if name == "" {
			name = fmt.Sprint(i)
		}
		for n, free := 2, name; ; n++ {
			if _, taken := named[free]; !taken {
				named[free] = member
				break
			}
			free = fmt.Sprintf("%s#%d", name, n)
		}
	}
	return named
}

func identity(member any) string {
	if text, ok := member.(string); ok {
		return text
	}
	object, ok := member.(map[string]any)
	if !ok {
		return ""
	}
	// A replacement is one of several of its column: the value that it replaces tells them apart.
	if column, ok := object["column"].(string); ok {
		if from, ok := object["from"].(string); ok {
			return column + "=" + from
		}
	}
	for _, key := range identities() {
		if s, ok := object[key].(string); ok && s != "" {
			return s
		}
	}
	return ""
}

func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// short renders a value for a sentence: whole when it is small, by its kind when it is not.
func short(v any) string {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // The sentence is text; whoever shows it as HTML escapes it.
	if err := enc.Encode(v); err != nil || text.Len() > 60 {
		return "another value"
	}
	return strings.TrimSuffix(text.String(), "\n")
}
