package pages

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/causeway-sync/causeway/pkg/catalog"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/form"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// mappingEditor is the page that edits one mapping of ingress, or adds one.
type mappingEditor struct {
	formEditor
	// Saved is the table of a stored mapping: its table, resource and key cannot be changed. "" for a new one.
	Saved string
	// Tables and Resources are what a new mapping can choose from.
	Tables    []catalog.Table
	Resources []catalog.Resource
	Preview   *catalog.Preview
	// Gone is true where somebody deleted the mapping while it was edited.
	Gone bool
}

// Action is where the form is posted to.
func (e mappingEditor) Action() string {
	if e.Saved == "" {
		return "/workflows/ingress/mappings/new"
	}
	return "/workflows/ingress/mappings/" + url.PathEscape(e.Saved) + "/edit"
}

// newMappingDoc is what a new mapping begins with.
func newMappingDoc() config.Mapping {
	return config.Mapping{Fields: []config.FieldMapping{}, Replacements: []config.Replacement{}, Links: []config.Link{},
		Filters: config.Filters{Operator: "and", Rules: []config.Rule{}}, ApplyDeletes: true}
}

// mappingForm is a stored mapping in a form; a new one for table "".
func (s *Site) mappingForm(r *http.Request, table string) (mappingEditor, error) {
	base, err := s.formEditor(r, workflow.Ingress)
	if err != nil {
		return mappingEditor{}, err
	}
	e := mappingEditor{formEditor: base, Saved: table}
	doc, err := ingressDoc(base.Stored)
	if err != nil {
		return e, err
	}
	mapping, at := newMappingDoc(), len(doc.Mappings)
	for i, m := range doc.Mappings {
		if table != "" && m.Table == table {
			mapping, at = m, i
		}
	}
	if at == len(doc.Mappings) {
		e.Gone, e.Saved = table != "", ""
	}
	tree, err := form.Of(mapping)
	if err != nil {
		return e, err
	}
	e.Form = newEditForm(tree, fmt.Sprintf("mappings[%d]", at), readOnly(r))
	return e, nil
}

// ingressDoc reads the stored configuration of ingress.
func ingressDoc(stored backend.Configuration) (*config.IngressDoc, error) {
	decoded, err := config.Decode(workflow.Ingress, stored.Document)
	if err != nil {
		return nil, unreadable(workflow.Ingress)
	}
	return decoded.(*config.IngressDoc), nil
}

// openMapping shows a stored mapping.
func (s *Site) openMapping(w http.ResponseWriter, r *http.Request) error {
	e, err := s.mappingForm(r, r.PathValue("table"))
	if err != nil {
		return err
	}
	if e.Gone {
		return problems.New(http.StatusNotFound, fmt.Sprintf("Table %.80q is not mapped.", r.PathValue("table")))
	}
	return s.renderMapping(w, r, http.StatusOK, e)
}

// newMapping shows an empty one.
func (s *Site) newMapping(w http.ResponseWriter, r *http.Request) error {
	e, err := s.mappingForm(r, "")
	if err != nil {
		return err
	}
	return s.renderMapping(w, r, http.StatusOK, e)
}

// postMapping stores the mapping, alters the form, previews it, or shows it again with what is wrong with it.
func (s *Site) postMapping(w http.ResponseWriter, r *http.Request) error {
	posted, revision, button, err := postedForm(r)
	if err != nil {
		return err
	}
	e, err := s.mappingForm(r, r.PathValue("table"))
	if err != nil {
		return err
	}
	e.Revision = revision
	if e.Gone { // What was typed is kept: saving it adds the mapping anew.
		s.identify(r.Context(), posted, r.PathValue("table"), revision)
	}
	e.fill(posted)
	status := http.StatusOK
	switch verb, what, _ := strings.Cut(button, ":"); verb {
	case "save":
		saved, refused, err := s.storeMapping(r, &e)
		if err != nil {
			return err
		}
		if saved {
			http.Redirect(w, r, "/workflows/ingress/edit?"+url.Values{"done": {"saved"}, "table": {e.Form.Text("table")}}.Encode(), http.StatusSeeOther)
			return nil
		}
		status = refused
	case "preview":
		status = s.previewForm(r, &e)
	case "updates":
		e.setUpdates(what == "on")
	case "options":
		e.Sides = s.sides(r, e.Form.Text("table"), e.Form.Text("resource"))
		e.addOptions(what)
	case "look-up":
		s.suggestKey(r, &e)
	default:
		if slices.Contains([]string{"fields", "replacements", "filters.rules", "links"}, strings.SplitN(what, "[", 2)[0]) {
			e.alter(button)
			e.settle(button)
		}
	}
	return s.renderMapping(w, r, status, e)
}

// identify adds what a stored mapping's form does not post: what the mapping was in the revision that was edited.
func (s *Site) identify(ctx context.Context, posted url.Values, table string, revision uint64) {
	was := config.Mapping{Table: table}
	if base, err := s.service.RevisionAt(ctx, workflow.Ingress, revision); err == nil {
		if doc, err := ingressDoc(backend.Configuration{Document: base.Document}); err == nil {
			if i := slices.IndexFunc(doc.Mappings, func(m config.Mapping) bool { return m.Table == table }); i >= 0 {
				was = doc.Mappings[i]
			}
		}
	}
	for name, value := range map[string]string{"table": table, "resource": was.Resource, "key.column": was.Key.Column, "key.field": was.Key.Field} {
		if !posted.Has(name) && value != "" {
			posted.Set(name, value)
		}
	}
}

// fill puts the posted values into the form. What is immutable once it is saved has no input then.
func (e *mappingEditor) fill(posted url.Values) {
	if e.Saved != "" {
		for _, name := range []string{"table", "resource", "key.column", "key.field"} {
			posted.Del(name)
		}
	}
	posted.Del("replayRequested") // That is a button of its own.
	e.Form.Fill(reflect.TypeFor[config.Mapping](), posted)
}

// storeMapping puts the mapping into the stored document and stores that.
func (s *Site) storeMapping(r *http.Request, e *mappingEditor) (saved bool, status int, err error) {
	whole, err := form.Read(e.Stored.Document)
	if err != nil {
		return false, 0, unreadable(workflow.Ingress)
	}
	if e.Saved == "" {
		whole.Append("mappings", e.Form.Root())
	} else {
		whole.Set(e.Form.under, e.Form.Root())
	}
	document, err := whole.JSON()
	if err != nil {
		return false, 0, err
	}
	return s.store(r, &e.formEditor, document)
}

// settle gives a line that was added the values that it usually has.
func (e *mappingEditor) settle(button string) {
	added := func(list string) string { return fmt.Sprintf("%s[%d]", list, e.Form.Len(list)-1) }
	switch button {
	case "add:fields":
		e.Form.Set(added("fields")+".applyUpdates", true)
	case "add:filters.rules":
		e.Form.Set(added("filters.rules")+".comparison", config.Comparisons()[0])
	}
}

// setUpdates switches "apply updates" of every field.
func (e *mappingEditor) setUpdates(on bool) {
	for _, row := range e.Form.Rows("fields") {
		e.Form.Set(row+".applyUpdates", on)
	}
	e.Said = "Updates are applied to every field."
	if !on {
		e.Said = "Updates are applied to no field."
	}
}

// addOptions adds a replacement for each choice of a column that has none yet.
func (e *mappingEditor) addOptions(column string) {
	known := map[string]bool{}
	for _, row := range e.Form.Rows("replacements") {
		if e.Form.Text(row+".column") == column {
			known[e.Form.Text(row+".from")] = true
		}
	}
	added := 0
	for _, option := range e.OptionsOf(column) {
		if !known[option.Value] {
			e.Form.focus = e.Form.Append("replacements", map[string]any{"column": column, "from": option.Value, "to": ""}) + ".to"
			added++
		}
	}
	e.Said = fmt.Sprintf("%d lines were added.", added)
}

// suggestKey fills in the key of a new mapping where the table tells it.
func (s *Site) suggestKey(r *http.Request, e *mappingEditor) {
	s.lookups.forget() // Who presses the button wants to know how things are now.
	e.Sides = s.sides(r, e.Form.Text("table"), e.Form.Text("resource"))
	if e.Saved == "" && e.Form.Text("key.column") == "" && e.Table.PrimaryKey != "" {
		e.Form.Set("key.column", e.Table.PrimaryKey)
	}
	e.Form.focus = "key.field"
	if e.Trouble == "" {
		e.Said = "Columns and fields were looked up."
	}
}

// previewForm asks what the form's mapping would write.
func (s *Site) previewForm(r *http.Request, e *mappingEditor) int {
	request, err := json.Marshal(map[string]any{"mapping": e.Form.Root()})
	if err == nil {
		var preview catalog.Preview
		if preview, err = s.service.Preview(r.Context(), e.Form.Text("table"), request); err == nil {
			e.Preview = &preview
			return http.StatusOK
		}
	}
	e.Problem = s.problem(r, err)
	for i := range e.Problem.Errors { // The preview sees this mapping alone.
		if rest, ok := strings.CutPrefix(e.Problem.Errors[i].Location, "mappings[0]."); ok {
			e.Problem.Errors[i].Location = e.Form.under + "." + rest
		}
	}
	e.Form.explain(e.Problem)
	return e.Problem.Status
}

func (s *Site) renderMapping(w http.ResponseWriter, r *http.Request, status int, e mappingEditor) error {
	title := "Add a table mapping"
	if e.Saved != "" {
		title = "Edit table mapping: " + e.Saved
	} else {
		e.Tables, e.Resources = s.offers(r)
	}
	if e.Table.Name == "" && e.Trouble == "" { // What cannot be looked up was asked already.
		e.Sides = s.sides(r, e.Form.Text("table"), e.Form.Text("resource"))
	}
	return s.render(w, r, status, "mapping", page{Title: title, Here: "/", Body: e,
		Crumbs: []crumb{{"Workflows", "/"}, {workflow.Ingress.Name(), "/workflows/ingress/edit"}, {title, ""}}})
}

// TableChoices are the tables that can be mapped.
func (e mappingEditor) TableChoices() []choice {
	var options []choice
	for _, t := range e.Tables {
		if t.ChangeTracking {
			options = append(options, choice{t.Name, t.DisplayName})
		}
	}
	return options
}

// ResourceChoices are the resources that can be mapped.
func (e mappingEditor) ResourceChoices() []choice {
	var options []choice
	for _, r := range e.Resources {
		options = append(options, choice{r.Name, r.Label})
	}
	return options
}

// ChoiceColumns are the columns of the form whose values can be chosen from.
func (e mappingEditor) ChoiceColumns() []string {
	var columns []string
	for _, list := range []string{"fields", "filters.rules", "replacements"} {
		for _, row := range e.Form.Rows(list) {
			column := e.Form.Text(row + ".column")
			if c := e.Column(column); c != nil && len(c.Options) > 0 && !slices.Contains(columns, column) {
				columns = append(columns, column)
			}
		}
	}
	return columns
}

// OptionsOf are the choices of a column as the mapping sees them: numbers or labels.
func (e mappingEditor) OptionsOf(column string) []choice {
	c := e.Column(column)
	if c == nil {
		return nil
	}
	var options []choice
	for _, o := range c.Options {
		number := fmt.Sprint(o.Value)
		if e.Form.Is("technicalPicklistValues") {
			options = append(options, choice{number, o.Label})
		} else {
			options = append(options, choice{o.Label, number})
		}
	}
	return options
}

// TargetsOf are the values of the enumerations that a column fills.
func (e mappingEditor) TargetsOf(column string) []choice {
	var options []choice
	for _, row := range e.Form.Rows("fields") {
		if f := e.Field(e.Form.Text(row + ".field")); f != nil && e.Form.Text(row+".column") == column {
			for _, v := range f.Values {
				options = append(options, choice{v, v})
			}
		}
	}
	return options
}

// List is the id of the suggestions of a kind for a column, "" where there are none.
func (e mappingEditor) List(kind, column string) string {
	if slices.Contains(e.ChoiceColumns(), column) {
		return kind + "-" + column
	}
	return ""
}

// LabelOf is the label of a choice beside its value, "" where that says no more.
func (e mappingEditor) LabelOf(column, value string) string {
	for _, o := range e.OptionsOf(column) {
		if o.Value == value {
			return o.Label
		}
	}
	return ""
}

// Linked are the resources that a link can lead to: those that are mapped, and profiles.
func (e mappingEditor) Linked() []choice {
	options := []choice{{"profile", ""}}
	doc, err := ingressDoc(e.Stored)
	if err != nil {
		return options
	}
	for _, m := range doc.Mappings {
		if m.Resource != "profile" && m.Resource != e.Form.Text("resource") {
			options = append(options, choice{m.Resource, ""})
		}
	}
	return options
}

// TooLong is what can happen to a text that does not fit.
func (mappingEditor) TooLong() []choice {
	return []choice{{"", "Reject (default)"}, {string(config.Reject), "Reject"}, {string(config.Truncate), "Cut"}}
}

// Operators join the rules of a filter.
func (mappingEditor) Operators() []choice {
	return []choice{{"and", "all rules"}, {"or", "any rule"}}
}

// Comparisons are what a filter can do.
func (mappingEditor) Comparisons() []choice {
	var options []choice
	for _, c := range config.Comparisons() {
		options = append(options, choice{c, strings.ReplaceAll(c, "-", " ")})
	}
	return options
}
