package pages

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/causeway-sync/causeway/pkg/form"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// editForm is a document in a form: what stands in it, what is wrong with it, and which input gets the focus. Inputs are
// named by the paths of their settings; templates ask for them one by one.
type editForm struct {
	*form.Tree
	// under is where the document stands in the stored one ("mappings[2]"), "" where it is the whole.
	under string
	// faults are by path within the form.
	faults map[string]problems.Detail
	// ReadOnly shows the form to somebody who may not change it.
	ReadOnly bool
	focus    string
}

// choice is one thing that an input offers.
type choice struct{ Value, Label string }

// input is one setting as a template draws it.
type input struct {
	Name, ID, Label, Hint, Value string
	// Kind is text, number, lines, select, radio or check.
	Kind    string
	Options []choice
	// List is the id of a list of suggestions.
	List  string
	Fault *problems.Detail
	// Warning is something that does not fit and may be saved all the same.
	Warning string
	// Aside hides the label from who sees the column's head.
	Aside bool
	Focus bool
}

func newEditForm(tree *form.Tree, under string, readOnly bool) *editForm {
	return &editForm{Tree: tree, under: under, faults: map[string]problems.Detail{}, ReadOnly: readOnly}
}

// explain keeps the faults of a document for the inputs that they belong to.
func (f *editForm) explain(p *problems.Problem) {
	for _, one := range p.Errors {
		path := one.Location
		if f.under != "" {
			inside, ok := strings.CutPrefix(path, f.under+".")
			if !ok {
				continue // Of another mapping: told above the form.
			}
			path = inside
		}
		if _, already := f.faults[path]; !already {
			f.faults[path] = one
		}
	}
}

// Anchor is the id of the input that a fault is about, "" where the form has none: "mappings[0].fields[2].field" leads to
// fields-2-field.
func (f *editForm) Anchor(location string) string {
	path := location
	if f.under != "" {
		inside, ok := strings.CutPrefix(path, f.under+".")
		if !ok {
			return ""
		}
		path = inside
	}
	if path == "" {
		return ""
	}
	return idOf(path)
}

// Rows are the paths of a list's members.
func (f *editForm) Rows(list string) []string {
	rows := make([]string, f.Len(list))
	for i := range rows {
		rows[i] = fmt.Sprintf("%s[%d]", list, i)
	}
	return rows
}

// Number is a row's number for people, from 1.
func (f *editForm) Number(row string) string {
	digits := row[strings.LastIndexByte(row, '[')+1 : len(row)-1]
	n, _ := strconv.Atoi(digits)
	return strconv.Itoa(n + 1)
}

func (f *editForm) input(kind, path, label, hint string) input {
	in := input{Name: path, ID: idOf(path), Label: label, Hint: hint, Value: f.Text(path), Kind: kind, Focus: path == f.focus}
	if fault, wrong := f.faults[path]; wrong {
		in.Fault = &fault
	}
	return in
}

// Field is a text; one that has line breaks keeps them.
func (f *editForm) Field(path, label, hint string) input {
	in := f.input("text", path, label, hint)
	if strings.Contains(in.Value, "\n") {
		in.Kind = "lines"
	}
	return in
}

// Lines is a list or a map of texts, one a line.
func (f *editForm) Lines(path, label, hint string) input { return f.input("lines", path, label, hint) }

// Whole is a whole number.
func (f *editForm) Whole(path, label, hint string) input { return f.input("number", path, label, hint) }

// Check is a yes-or-no as a box.
func (f *editForm) Check(path, label, hint string) input { return f.input("check", path, label, hint) }

// Choose is one of several values; a stored value that is none of them stays on offer.
func (f *editForm) Choose(path, label, hint string, options []choice) input {
	in := f.input("select", path, label, hint)
	in.Options = options
	for _, o := range options {
		if o.Value == in.Value {
			return in
		}
	}
	in.Options = append([]choice{{Value: in.Value, Label: in.Value}}, options...)
	return in
}

// YesNo is a yes-or-no as the two words.
func (f *editForm) YesNo(path, label, hint string) input {
	in := f.input("radio", path, label, hint)
	in.Options = []choice{{"true", "Yes"}, {"false", "No"}}
	if in.Value == "" {
		in.Value = "false"
	}
	return in
}

// Radio is one of several values, all in sight.
func (f *editForm) Radio(path, label, hint string, options []choice) input {
	in := f.input("radio", path, label, hint)
	in.Options = options
	return in
}

// From suggests the values of a list.
func (in input) From(list string) input {
	in.List = list
	return in
}

// Beside hides the label from who sees the head of the column.
func (in input) Beside() input {
	in.Aside = true
	return in
}

// Warn adds something that does not fit.
func (in input) Warn(text string) input {
	in.Warning = text
	return in
}

// Described are the ids of the texts that belong to the input.
func (in input) Described() string {
	var ids []string
	if in.Hint != "" {
		ids = append(ids, in.ID+"-hint")
	}
	if in.Warning != "" {
		ids = append(ids, in.ID+"-warning")
	}
	if in.Fault != nil {
		ids = append(ids, in.ID+"-fault")
	}
	return strings.Join(ids, " ")
}

// Height is how many lines a field of lines shows.
func (in input) Height() int { return max(2, min(8, strings.Count(in.Value, "\n")+1)) }

// FaultOf is what is wrong with a setting that has no input of its own, such as a list as a whole.
func (f *editForm) FaultOf(path string) *problems.Detail {
	if fault, wrong := f.faults[path]; wrong {
		return &fault
	}
	return nil
}

// idOf makes an element's id of a path.
func idOf(path string) string {
	return strings.NewReplacer("[", "-", "]", "", ".", "-").Replace(path)
}

// trimNames takes white space off what is posted as a name: around one it was never meant. Values keep theirs.
func trimNames(posted url.Values) {
	for path, values := range posted {
		if !slices.Contains([]string{"column", "field", "resource", "table", "filter", "parameter", "keyField"}, path[strings.LastIndexByte(path, '.')+1:]) {
			continue
		}
		for i := range values {
			values[i] = strings.TrimSpace(values[i])
		}
	}
}
