package admin

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// editor is the edit page: the document as text.
type editor struct {
	Workflow workflow.View
	// Document is what stands in the text field; Revision what it was edited on, or what saving it would replace.
	Document string
	Revision uint64
	Stored   Configuration
	Problem  *Problem
	// Stale is set when somebody else saved meanwhile.
	Stale   *staleEdit
	History []Revision
	// Tables are the mapped tables, for ingress.
	Tables []mappedTable
}

// staleEdit tells what happened while a document was edited.
type staleEdit struct {
	Began uint64
	// Theirs is what changed since, Yours what saving now would change in the stored document.
	Theirs, Yours []string
}

// shownRevisions is how many past revisions the edit page lists.
const shownRevisions = 10

// edit shows the stored document.
func (s *site) edit(w http.ResponseWriter, r *http.Request) error {
	e, err := s.editor(r)
	if err != nil {
		return err
	}
	e.Document, e.Revision = indented(e.Stored.Document), e.Stored.Revision
	return s.renderEditor(w, r, http.StatusOK, e)
}

// save stores the edited document, or shows it again with what is wrong with it.
func (s *site) save(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return errorOfForm(err)
	}
	revision, err := strconv.ParseUint(r.PostForm.Get("revision"), 10, 64)
	if err != nil {
		return newProblem(http.StatusBadRequest, "The form was incomplete. Open the page again and repeat the edit.")
	}
	text := r.PostForm.Get("document")
	_, putErr := s.service.PutConfig(r.Context(), r.PathValue("id"), []byte(text), revision, callerOf(r.Context(), "page"))
	if putErr == nil {
		query := url.Values{"done": {"saved"}, "workflow": {r.PathValue("id")}}
		http.Redirect(w, r, "/?"+query.Encode(), http.StatusSeeOther)
		return nil
	}
	problem := s.problem(r, putErr)
	if problem.Status == http.StatusNotFound {
		return putErr
	}
	e, err := s.editor(r)
	if err != nil {
		return err
	}
	e.Document, e.Revision, e.Problem = text, revision, problem
	if fault.Is(putErr, fault.Stale) {
		s.explainStale(r, &e, revision)
	}
	return s.renderEditor(w, r, problem.Status, e)
}

// explainStale shows both differences and lets the next save replace what is stored now: by then the admin has seen it.
func (s *site) explainStale(r *http.Request, e *editor, began uint64) {
	stale := &staleEdit{Began: began, Yours: changesBetween(e.Stored.Document, []byte(e.Document))}
	base, err := s.service.configs.At(r.Context(), e.Workflow.ID, began)
	if err == nil {
		stale.Theirs = changesBetween(base.Document, e.Stored.Document)
	} else {
		stale.Theirs = []string{"unknown: the revision that you edited is no longer kept"}
	}
	e.Stale, e.Revision = stale, e.Stored.Revision
}

// editor collects what stands around the text field.
func (s *site) editor(r *http.Request) (editor, error) {
	view, err := s.service.Get(r.PathValue("id"))
	if err != nil {
		return editor{}, err
	}
	stored, err := s.service.Config(r.Context(), r.PathValue("id"))
	if err != nil {
		return editor{}, err
	}
	history, err := s.service.Revisions(r.Context(), r.PathValue("id"))
	if err != nil {
		return editor{}, err
	}
	return editor{Workflow: view, Stored: stored, Tables: mappedTables(view.ID, stored.Document), History: history.Revisions[:min(shownRevisions, len(history.Revisions))]}, nil
}

func (s *site) renderEditor(w http.ResponseWriter, r *http.Request, status int, e editor) error {
	return s.render(w, r, status, "edit", page{Title: "Edit " + e.Workflow.Name, Here: "/", Body: e,
		Crumbs: []crumb{{"Workflows", "/"}, {e.Workflow.Name, ""}, {"Edit", ""}}})
}

// indented lays a document out for reading; text that is not JSON stays as it is.
func indented(document []byte) string {
	var out bytes.Buffer
	if err := json.Indent(&out, document, "", "  "); err != nil {
		return string(document)
	}
	return out.String()
}
