package form

import (
	"cmp"
	"encoding/json"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Lists is the name of the hidden inputs that say which lists a form holds whole: of those, members without an input are
// gone. A list that is not named keeps its members.
const Lists = "list"

// Fill puts posted values into a document of type kind. An input that is named twice counts by its last value, which is
// how a checkbox says no: a hidden "false" stands before it.
func (t *Tree) Fill(kind reflect.Type, values url.Values) {
	whole := map[string]map[int]int{} // where the members of a list that begins anew have come to stand
	for _, path := range values[Lists] {
		way := steps(path)
		if at, ok := typeAt(kind, way); ok && at.Kind() == reflect.Slice && at.Elem().Kind() == reflect.Struct {
			t.set(way, []any{})
			whole[path] = map[int]int{}
		}
	}
	for _, name := range inOrder(values) {
		way := steps(name)
		leaf, ok := typeAt(kind, way)
		if !ok || leaf.Kind() == reflect.Struct || isStructs(leaf) {
			continue
		}
		if way = t.place(way, whole); way == nil {
			continue
		}
		posted := values[name]
		t.set(way, valueOf(leaf, posted[len(posted)-1]))
	}
}

func isStructs(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct
}

// inOrder lists the names so that members come in the order of their numbers.
func inOrder(values url.Values) []string {
	names := make([]string, 0, len(values))
	for name, posted := range values {
		if len(posted) > 0 {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return slices.CompareFunc(steps(a), steps(b), func(x, y step) int {
			return cmp.Or(cmp.Compare(x.index, y.index), cmp.Compare(x.name, y.name))
		})
	})
	return names
}

// place is the way to where a value belongs: members of a list that begins anew close up, whatever their numbers are.
// Nil where the list has no such member.
func (t *Tree) place(way []step, whole map[string]map[int]int) []step {
	placed := slices.Clone(way)
	path := ""
	for i, s := range placed {
		if !s.member {
			path = strings.TrimPrefix(path+"."+s.name, ".")
			continue
		}
		list, _ := walk(t.root, placed[:i]).([]any)
		if moved, anew := whole[path]; anew {
			at, known := moved[s.index]
			if !known {
				at = len(list)
				moved[s.index] = at
				t.set(placed[:i], append(list, map[string]any{}))
			}
			placed[i].index = at
		} else if s.index >= len(list) {
			return nil
		}
		path += "[" + strconv.Itoa(placed[i].index) + "]"
	}
	return placed
}

// typeAt is the type that a way leads to.
func typeAt(kind reflect.Type, way []step) (reflect.Type, bool) {
	if len(way) == 0 {
		return nil, false
	}
	for _, s := range way {
		switch {
		case s.member && isStructs(kind):
			kind = kind.Elem()
		case !s.member && kind.Kind() == reflect.Struct:
			field, ok := fieldNamed(kind, s.name)
			if !ok {
				return nil, false
			}
			kind = field
		default:
			return nil, false
		}
	}
	return kind, true
}

func fieldNamed(kind reflect.Type, name string) (reflect.Type, bool) {
	for field := range kind.Fields() {
		if tag, _, _ := strings.Cut(field.Tag.Get("json"), ","); tag == name {
			return field.Type, true
		}
	}
	return nil, false
}

// valueOf reads a posted text as the type wants it. What cannot be read stays a text.
func valueOf(kind reflect.Type, posted string) any {
	posted = strings.ReplaceAll(posted, "\r\n", "\n")
	switch kind.Kind() {
	case reflect.Bool:
		if posted == "true" || posted == "false" {
			return posted == "true"
		}
	case reflect.Int:
		if n, err := strconv.Atoi(strings.TrimSpace(posted)); err == nil {
			return json.Number(strconv.Itoa(n))
		}
	case reflect.Slice:
		list := []any{}
		for _, line := range lines(posted) {
			list = append(list, line)
		}
		return list
	case reflect.Map:
		object := map[string]any{}
		for _, line := range lines(posted) {
			name, value, _ := strings.Cut(line, "=")
			object[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
		return object
	}
	return posted
}

// lines are the lines of a text that are not empty, without the white space around them.
func lines(text string) []string {
	var kept []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			kept = append(kept, line)
		}
	}
	return kept
}
