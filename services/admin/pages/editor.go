package pages

import (
	"context"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/form"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// formEditor is an edit page with a form: the document or a part of it, with what a save of it has brought.
type formEditor struct {
	Workflow workflow.View
	Stored   backend.Configuration
	// Revision is what the form was edited on, or what saving it would replace.
	Revision uint64
	Form     *editForm
	Problem  *problems.Problem
	Stale    *staleEdit
	// Said tells what a button has just done to the form.
	Said string
	Sides
}

// staleEdit tells what happened while a document was edited.
type staleEdit struct {
	Began uint64
	Now   backend.Configuration
	// Theirs is what changed since, Yours what saving now would change in the stored document.
	Theirs, Yours []string
}

// stale compares both edits with what is stored.
func (s *Site) stale(ctx context.Context, id workflow.ID, now backend.Configuration, began uint64, mine []byte) *staleEdit {
	stale := &staleEdit{Began: began, Now: now, Yours: backend.ChangesBetween(now.Document, mine)}
	base, err := s.service.RevisionAt(ctx, id, began)
	if err == nil {
		stale.Theirs = backend.ChangesBetween(base.Document, now.Document)
	} else {
		stale.Theirs = []string{"unknown: the revision that you edited is no longer kept"}
	}
	return stale
}

// postedForm reads an edit form: its values, its revision, and which button was pressed, "save" by default.
func postedForm(r *http.Request) (posted url.Values, revision uint64, button string, err error) {
	if err := r.ParseForm(); err != nil {
		return nil, 0, "", errorOfForm(err)
	}
	revision, err = strconv.ParseUint(r.PostForm.Get("revision"), 10, 64)
	if err != nil {
		return nil, 0, "", problems.New(http.StatusBadRequest, "The form was incomplete. Open the page again and repeat the edit.")
	}
	button = r.PostForm.Get("do")
	if button == "" {
		button = "save"
	}
	trimNames(r.PostForm)
	return r.PostForm, revision, button, nil
}

// formEditor begins an edit page of a workflow's stored document.
func (s *Site) formEditor(r *http.Request, id workflow.ID) (formEditor, error) {
	view, err := s.service.Get(string(id))
	if err != nil {
		return formEditor{}, err
	}
	stored, err := s.service.Config(r.Context(), string(id))
	if err != nil {
		return formEditor{}, err
	}
	return formEditor{Workflow: view, Stored: stored, Revision: stored.Revision}, nil
}

// readOnly reports whether who looks at a form may not change it.
func readOnly(r *http.Request) bool {
	return !admission.IdentityOf(r.Context()).Role.Includes(access.Admin)
}

// store stores a whole document that was edited in e. Where it is refused, e tells why, and what to answer with.
func (s *Site) store(r *http.Request, e *formEditor, document []byte) (saved bool, status int, err error) {
	id := e.Workflow.ID
	_, putErr := s.service.PutConfig(r.Context(), string(id), document, e.Revision, admission.CallerOf(r.Context(), "page"))
	if putErr == nil {
		return true, http.StatusOK, nil
	}
	problem := s.problem(r, putErr)
	if fault.Is(putErr, fault.Stale) { // By the next save the admin has seen it: it replaces what is stored now.
		now, err := s.service.Config(r.Context(), string(id))
		if err != nil {
			return false, 0, err
		}
		e.Stale = s.stale(r.Context(), id, now, e.Revision, document)
		e.Stored, e.Revision = now, now.Revision
		return false, problem.Status, nil
	}
	e.Problem = problem
	e.Form.explain(problem)
	return false, problem.Status, nil
}

// alter does to the form what a button asks for: "add:fields" or "remove:fields[2]". Others change nothing.
func (e *formEditor) alter(button string) {
	verb, path, _ := strings.Cut(button, ":")
	switch verb {
	case "add":
		added := e.Form.Append(path, map[string]any{})
		e.Form.focus = added + firstInput
		e.Said = "A line was added."
	case "remove":
		if e.Form.Remove(path) {
			e.Said = "The line was taken out."
			e.Form.focus = besideRemoved(e.Form, path)
		}
	}
}

// firstInput is where every line begins.
const firstInput = ".column"

// besideRemoved is the input that stands now where the removed line stood, or above it.
func besideRemoved(f *editForm, path string) string {
	list := path[:strings.LastIndexByte(path, '[')]
	rows := f.Rows(list)
	if len(rows) == 0 {
		return ""
	}
	at, _ := strconv.Atoi(path[len(list)+1 : len(path)-1])
	return rows[min(at, len(rows)-1)] + firstInput
}

// wholeEditor is the edit page of a workflow whose document is one form.
type wholeEditor struct {
	id       workflow.ID
	template string
	kind     reflect.Type
	// lists can get lines; others cannot.
	lists []string
}

func wholeEditors() map[workflow.ID]wholeEditor {
	return map[workflow.ID]wholeEditor{
		workflow.Egress:   {id: workflow.Egress, template: "egress", kind: reflect.TypeFor[config.EgressDoc]()},
		workflow.OptInOut: {id: workflow.OptInOut, template: "optinout", kind: reflect.TypeFor[config.OptInOutDoc](), lists: []string{"mappings"}},
	}
}

func (s *Site) registerEditors(mux *admission.Router) {
	editors := wholeEditors()
	mux.HandleFunc("GET /workflows/{id}/edit", s.page(func(w http.ResponseWriter, r *http.Request) error {
		id, err := backend.WorkflowID(r.PathValue("id"))
		if err != nil {
			return err
		}
		if edit, ok := editors[id]; ok {
			return s.openWhole(w, r, edit)
		}
		return s.mappings(w, r)
	}))
	mux.HandleFunc("POST /workflows/egress/edit", s.saveWhole(editors[workflow.Egress]))
	mux.HandleFunc("POST /workflows/optinout/edit", s.saveWhole(editors[workflow.OptInOut]))
	mux.HandleFunc("GET /workflows/{id}/document", s.page(s.openDocument))
	mux.HandleFunc("POST /workflows/{id}/document", s.page(s.saveDocument))
}

// openWhole shows the stored document as a form.
func (s *Site) openWhole(w http.ResponseWriter, r *http.Request, edit wholeEditor) error {
	e, err := s.wholeForm(r, edit)
	if err != nil {
		return err
	}
	return s.renderForm(w, r, http.StatusOK, edit.template, "Edit "+e.Workflow.Name, e)
}

// wholeForm is the stored document in a form. One that this release cannot read has to be mended as text.
func (s *Site) wholeForm(r *http.Request, edit wholeEditor) (formEditor, error) {
	e, err := s.formEditor(r, edit.id)
	if err != nil {
		return e, err
	}
	doc, err := config.Decode(edit.id, e.Stored.Document)
	if err != nil {
		return e, unreadable(edit.id)
	}
	tree, err := form.Of(doc)
	if err != nil {
		return e, err
	}
	e.Form = newEditForm(tree, "", readOnly(r))
	return e, nil
}

func unreadable(id workflow.ID) error {
	return problems.New(http.StatusConflict, "The stored configuration cannot be read by this release. Mend it as a document at /workflows/"+string(id)+"/document.")
}

// saveWhole stores the form, alters it, or shows it again with what is wrong with it.
func (s *Site) saveWhole(edit wholeEditor) http.HandlerFunc {
	return s.page(func(w http.ResponseWriter, r *http.Request) error {
		posted, revision, button, err := postedForm(r)
		if err != nil {
			return err
		}
		e, err := s.wholeForm(r, edit)
		if err != nil {
			return err
		}
		e.Revision = revision
		e.Form.Fill(edit.kind, posted)
		status := http.StatusOK
		if button == "save" {
			document, err := e.Form.JSON()
			if err != nil {
				return err
			}
			saved, refused, err := s.store(r, &e, document)
			if err != nil {
				return err
			}
			if saved {
				http.Redirect(w, r, "/?"+url.Values{"done": {"saved"}, "workflow": {string(edit.id)}}.Encode(), http.StatusSeeOther)
				return nil
			}
			status = refused
		} else {
			e.alter(edit.allowed(button))
		}
		return s.renderForm(w, r, status, edit.template, "Edit "+e.Workflow.Name, e)
	})
}

// allowed is the button when it concerns a list of the form.
func (edit wholeEditor) allowed(button string) string {
	for _, list := range edit.lists {
		if button == "add:"+list || strings.HasPrefix(button, "remove:"+list+"[") {
			return button
		}
	}
	return ""
}

func (s *Site) renderForm(w http.ResponseWriter, r *http.Request, status int, name, title string, e formEditor) error {
	if e.Workflow.ID == workflow.OptInOut {
		e.Sides = s.sides(r, "contact", "")
	}
	return s.render(w, r, status, name, page{Title: title, Here: "/", Body: e, Crumbs: []crumb{{"Workflows", "/"}, {e.Workflow.Name, ""}, {"Edit", ""}}})
}

// Events are the types of e-mail events in the order of the page.
func (formEditor) Events() []choice {
	return []choice{{"send", "Sends"}, {"open", "Opens"}, {"click", "Clicks"}, {"bounce", "Hard bounces"}}
}

// Directions are the ways that opt-out values can flow.
func (formEditor) Directions() []choice {
	return []choice{
		{string(config.Disabled), "Disabled"},
		{string(config.CampaignToDynamics), "Campaign to Dynamics 365"},
		{string(config.Bidirectional), "Bidirectional"},
		{string(config.DynamicsToCampaign), "Dynamics 365 to Campaign, by the mapping of contacts"},
	}
}

// OptOutFields are Campaign's fields by the names that admins know.
func (formEditor) OptOutFields() []choice {
	var fields []choice
	for _, field := range config.OptOutFields() {
		fields = append(fields, choice{field, config.OptOutLabel(field)})
	}
	return fields
}

// JournalEnds are where reading the journal can begin.
func (formEditor) JournalEnds() []choice {
	return []choice{{string(config.Oldest), "the oldest event that is still there"}, {string(config.Latest), "what happens from then on"}}
}

// Sources are the ways to read Campaign's opt-out values.
func (formEditor) Sources() []choice {
	return []choice{{string(config.ExportFile), "Export files over SFTP"}, {string(config.API), "The API"}, {string(config.Both), "Both"}}
}

// Encodings are those that an export file may have.
func (formEditor) Encodings() []choice {
	var options []choice
	for _, encoding := range config.ExportEncodings() {
		options = append(options, choice{encoding, encoding})
	}
	return options
}

// AdvancedFaulty reports whether something is wrong with a setting that the page hides at first.
func (e formEditor) AdvancedFaulty() bool {
	for path := range e.Form.faults {
		for _, hidden := range []string{"activities.", "eventFormat.", "export.", "api."} {
			if strings.HasPrefix(path, hidden) {
				return true
			}
		}
	}
	return false
}
