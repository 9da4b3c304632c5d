// Package form joins HTML forms and JSON documents: an input is named by the path of the setting that it edits
// ("fields[2].column"), so a fault of the document finds its input, and what somebody typed survives until it is right.
//
// It promises that
//
//   - a form changes only what it shows: settings without an input keep their value;
//   - nothing that was typed is lost, however wrong: what is no number stays the text that it is, for the document's own
//     check to refuse with its place;
//   - a form cannot make a document larger than itself: the places of a list's members are names, not sizes.
//
// A caller gives the type of the document (structs, lists of structs, lists and maps of texts, texts, whole numbers, and
// yes-or-no values, all named by their JSON names) and the posted values. It would be a bug if an input of a name that
// the type does not have changed anything.
//
// It imports only the standard library.
package form

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Tree is a document while it is edited: objects, lists, texts, numbers and yes-or-no values, right or wrong.
type Tree struct{ root map[string]any }

// Read makes a tree of a JSON object.
func Read(document []byte) (*Tree, error) {
	dec := json.NewDecoder(bytes.NewReader(document))
	dec.UseNumber()
	var root map[string]any
	if err := dec.Decode(&root); err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	if root == nil {
		root = map[string]any{}
	}
	return &Tree{root: root}, nil
}

// Of makes a tree of a value that encodes as a JSON object.
func Of(document any) (*Tree, error) {
	data, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	return Read(data)
}

// Root is the document itself, for a place in another tree.
func (t *Tree) Root() map[string]any { return t.root }

// JSON is the document as it stands.
func (t *Tree) JSON() ([]byte, error) {
	data, err := json.MarshalIndent(t.root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	return data, nil
}

// Text is the setting at a path as an input shows it: a list of texts as lines, a map of texts as lines "name = value",
// "" where there is nothing.
func (t *Tree) Text(path string) string { return textOf(t.at(path)) }

// Is reports whether the setting at a path is a yes.
func (t *Tree) Is(path string) bool { return t.at(path) == true }

// Len is how many members a list has.
func (t *Tree) Len(path string) int {
	list, _ := t.at(path).([]any)
	return len(list)
}

// Append adds a member to the end of a list and returns its path.
func (t *Tree) Append(path string, member map[string]any) string {
	list, _ := t.at(path).([]any)
	t.set(steps(path), append(slices.Clone(list), member))
	return fmt.Sprintf("%s[%d]", path, len(list))
}

// Remove takes the member at a path ("fields[2]") out of its list, and reports whether it was there.
func (t *Tree) Remove(path string) bool {
	way := steps(path)
	if len(way) == 0 || !way[len(way)-1].member {
		return false
	}
	last := way[len(way)-1].index
	parent := walk(t.root, way[:len(way)-1])
	list, _ := parent.([]any)
	if last >= len(list) {
		return false
	}
	t.set(way[:len(way)-1], slices.Delete(slices.Clone(list), last, last+1))
	return true
}

// Set puts a value at a path whose parents exist.
func (t *Tree) Set(path string, value any) { t.set(steps(path), value) }

func (t *Tree) at(path string) any {
	way := steps(path)
	if len(way) == 0 {
		return nil
	}
	return walk(t.root, way)
}

// step is one part of a path: a name, or a member of a list.
type step struct {
	name   string
	index  int
	member bool
}

// steps parts a path, nil where it is none. "a.b[2].c" has four.
func steps(path string) []step {
	var way []step
	for _, part := range strings.Split(path, ".") {
		name, rest, _ := strings.Cut(part, "[")
		if name == "" {
			return nil
		}
		way = append(way, step{name: name})
		for rest != "" {
			digits, more, closed := strings.Cut(rest, "]")
			index, err := strconv.ParseUint(digits, 10, 31)
			if !closed || err != nil {
				return nil
			}
			way = append(way, step{index: int(index), member: true})
			if more == "" {
				break
			}
			var opened bool
			if rest, opened = strings.CutPrefix(more, "["); !opened {
				return nil
			}
		}
	}
	return way
}

func walk(value any, way []step) any {
	for _, s := range way {
		value = child(value, s)
	}
	return value
}

func child(value any, s step) any {
	if s.member {
		list, _ := value.([]any)
		if s.index >= len(list) {
			return nil
		}
		return list[s.index]
	}
	object, _ := value.(map[string]any)
	return object[s.name]
}

// set puts a value where way leads. Objects on the way are made; members of lists are not: Fill makes those.
func (t *Tree) set(way []step, value any) {
	if len(way) == 0 {
		return
	}
	var parent any = t.root
	for _, s := range way[:len(way)-1] {
		next := child(parent, s)
		if object, ok := parent.(map[string]any); ok && next == nil {
			next = map[string]any{}
			object[s.name] = next
		}
		parent = next
	}
	last := way[len(way)-1]
	switch parent := parent.(type) {
	case map[string]any:
		if !last.member {
			parent[last.name] = value
		}
	case []any:
		if last.member && last.index < len(parent) {
			parent[last.index] = value
		}
	}
}

func textOf(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		lines := make([]string, len(v))
		for i, member := range v {
			lines[i] = textOf(member)
		}
		return strings.Join(lines, "\n")
	case map[string]any:
		lines := make([]string, 0, len(v))
		for name, member := range v {
			lines = append(lines, name+" = "+textOf(member))
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	default:
		return fmt.Sprint(v)
	}
}
