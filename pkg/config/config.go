// Package config is what an admin sets: one JSON document a workflow, its defaults, its validation and the difference
// between two revisions in words.
//
// It promises that Decode accepts exactly what Encode wrote and what this page documents, that an unknown field is a
// fault and not a silence, that validation returns every fault at once with the path of the field and what to do, and
// that Diff names a change so that an admin recognises it. It knows no remote system: whether a table exists is the
// preflight's question.
//
// It imports only the standard library.
package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Document is one workflow's configuration.
type Document interface {
	// Validate returns every fault, nil when there is none.
	Validate() Faults
	// CannotStart says why a start would be pointless ("no table is mapped"), or is empty.
	CannotStart() string
	// normalise makes absent lists empty ones, so that documents that mean the same are the same.
	normalise()
}

// Fault is one thing that is wrong, where, and what to do.
type Fault struct {
	// Path of the field: "mappings[0].fields[2].field". Lists are counted from 0.
	Path string `json:"path"`
	// Problem is a sentence for the admin.
	Problem string `json:"problem"`
	// Fix says what would be accepted.
	Fix string `json:"fix"`
}

// Faults is every fault of a document.
type Faults []Fault

// Error lists all faults, one a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, one := range f {
		lines[i] = fmt.Sprintf("%s: %s; %s", one.Path, one.Problem, one.Fix)
	}
	return strings.Join(lines, "\n")
}

func (f *Faults) add(path, problem, fix string) {
	*f = append(*f, Fault{Path: path, Problem: problem, Fix: fix})
}

// Default is the document that a workflow has before anybody edits it.
func Default(id workflow.ID) Document {
	switch id {
	case workflow.Ingress:
		return DefaultIngress()
	case workflow.Egress:
		return DefaultEgress()
	case workflow.OptInOut:
		return DefaultOptInOut()
	}
	return nil
}

// Decode reads a workflow's document. The error is Faults: a document that is not JSON is told with line and column,
// and every setting that does not exist or has a value of the wrong kind with its path. Lists that are null come back
// empty.
func Decode(id workflow.ID, data []byte) (Document, error) {
	doc := empty(id)
	if doc == nil {
		return nil, Faults{{Path: "", Problem: fmt.Sprintf("there is no workflow %q", id), Fix: "use ingress, egress or optinout"}}
	}
	value, faults := parse(data)
	if len(faults) > 0 {
		return nil, faults
	}
	checkShape(&faults, "", value, reflect.TypeOf(doc).Elem())
	if id != workflow.Egress {
		requireList(&faults, value, "mappings")
	}
	if len(faults) > 0 {
		return nil, faults
	}
	// What was checked is what is read: a name that stands twice, or in other capitals, cannot slip past the check.
	checked, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if err := json.Unmarshal(checked, doc); err != nil {
		return nil, Faults{{Problem: "the document cannot be read", Fix: "send one JSON object"}}
	}
	doc.normalise()
	return doc, nil
}

// empty is what a document is read into: what it does not mention stays as it is here.
func empty(id workflow.ID) Document {
	switch id {
	case workflow.Ingress:
		return &IngressDoc{}
	case workflow.Egress:
		return DefaultEgress()
	case workflow.OptInOut:
		return olderOptInOut()
	}
	return nil
}

// Parse decodes and validates.
func Parse(id workflow.ID, data []byte) (Document, error) {
	doc, err := Decode(id, data)
	if err != nil {
		return nil, err
	}
	if faults := doc.Validate(); len(faults) > 0 {
		return nil, faults
	}
	return doc, nil
}

// Encode writes a document as stored: indented JSON with every field present. Absent lists of doc become empty ones.
func Encode(doc Document) ([]byte, error) {
	doc.normalise()
	data, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
	}
	return data, nil
}
