package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// identities are the names by which a member of a list is recognised, in order of preference: two revisions are
// compared mapping by mapping and field by field, not place by place.
func identities() []string { return []string{"table", "field", "column"} }

// Diff lists what changed from one document to the next, in the order of the fields' names:
// "mappings[contact].fields[email] added", "mappings[contact].applyDeletes changed from true to false".
func Diff(before, after []byte) ([]string, error) {
	old, err := tree(before)
	if err != nil {
		return nil, fmt.Errorf("older revision: %w", err)
	}
	now, err := tree(after)
	if err != nil {
		return nil, fmt.Errorf("newer revision: %w", err)
	}
	var changes []string
	diff("", old, now, &changes)
	return changes, nil
}

func tree(doc []byte) (any, error) {
	if len(doc) == 0 {
		return map[string]any{}, nil
	}
	var v any
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return v, nil
}

func diff(path string, old, now any, changes *[]string) {
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
				*changes = append(*changes, path+" reordered")
			}
			return
		}
	}
	if path == "" {
		path = "the document"
	}
	*changes = append(*changes, fmt.Sprintf("%s changed from %s to %s", path, short(old), short(now)))
}

// hollow reports whether v is null or an empty list, which mean the same.
func hollow(v any) bool {
	list, ok := v.([]any)
	return v == nil || (ok && len(list) == 0)
}

// diffMembers compares two sets of named members.
func diffMembers(path string, old, now map[string]any, changes *[]string, name func(string) string) {
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
			*changes = append(*changes, name(n)+" added")
		case !has:
			*changes = append(*changes, name(n)+" removed")
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
