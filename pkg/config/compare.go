package config

import "fmt"

// ChangeKind says how a part of a document became another.
type ChangeKind string

// The kinds of changes.
const (
	Added     ChangeKind = "added"
	Removed   ChangeKind = "removed"
	Changed   ChangeKind = "changed"
	Reordered ChangeKind = "reordered"
)

// Change is one difference between two documents, with what stood there before and what stands there after.
type Change struct {
	Path string     `json:"path" doc:"what differs; members of lists are named, not numbered" example:"mappings[contact].fields[email].column"`
	Kind ChangeKind `json:"kind" enum:"added,removed,changed,reordered"`
	// Before is missing where something was added, After where it was removed.
	Before any `json:"before,omitempty" doc:"what stood there before"`
	After  any `json:"after,omitempty" doc:"what stands there after"`
}

// String is the change in a sentence; values that are long are left out of it.
func (c Change) String() string {
	if c.Kind == Changed {
		return fmt.Sprintf("%s changed from %s to %s", c.Path, short(c.Before), short(c.After))
	}
	return c.Path + " " + string(c.Kind)
}

// Compare lists the differences from one document to the next, in the order of the fields' names. The lists of a document
// are compared by what their members are about, so that a mapping that moved is not another one.
func Compare(before, after []byte) ([]Change, error) {
	var d Differ
	if err := d.read(before); err != nil {
		return nil, fmt.Errorf("older revision: %w", err)
	}
	old := d.tree
	if err := d.read(after); err != nil {
		return nil, fmt.Errorf("newer revision: %w", err)
	}
	var changes []Change
	diff("", old, d.tree, &changes)
	return changes, nil
}
