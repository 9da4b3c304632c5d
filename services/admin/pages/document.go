package pages

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// documentEditor is the page that edits a configuration as text, for those who like it or have one from elsewhere.
type documentEditor struct {
	Workflow workflow.View
	// Document is what stands in the text field; Revision what it was edited on, or what saving it would replace.
	Document string
	Revision uint64
	Stored   backend.Configuration
	Problem  *problems.Problem
	// Stale is set when somebody else saved meanwhile.
	Stale   *staleEdit
	History []backend.Revision
}

// shownRevisions is how many past revisions the edit page lists.
const shownRevisions = 10

// openDocument shows the stored document.
func (s *Site) openDocument(w http.ResponseWriter, r *http.Request) error {
	e, err := s.documentEditor(r)
	if err != nil {
		return err
	}
	e.Document, e.Revision = indented(e.Stored.Document), e.Stored.Revision
	return s.renderDocument(w, r, http.StatusOK, e)
}

// saveDocument stores the edited document, or shows it again with what is wrong with it.
func (s *Site) saveDocument(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return errorOfForm(err)
	}
	revision, err := strconv.ParseUint(r.PostForm.Get("revision"), 10, 64)
	if err != nil {
		return problems.New(http.StatusBadRequest, "The form was incomplete. Open the page again and repeat the edit.")
	}
	text := r.PostForm.Get("document")
	_, putErr := s.service.PutConfig(r.Context(), r.PathValue("id"), []byte(text), revision, admission.CallerOf(r.Context(), "page"))
	if putErr == nil {
		query := url.Values{"done": {"saved"}, "workflow": {r.PathValue("id")}}
		http.Redirect(w, r, "/?"+query.Encode(), http.StatusSeeOther)
		return nil
	}
	problem := s.problem(r, putErr)
	if problem.Status == http.StatusNotFound {
		return putErr
	}
	e, err := s.documentEditor(r)
	if err != nil {
		return err
	}
	e.Document, e.Revision, e.Problem = text, revision, problem
	if fault.Is(putErr, fault.Stale) {
		// By the next save the admin has seen both differences: it replaces what is stored now.
		e.Stale, e.Revision = s.stale(r.Context(), e.Workflow.ID, e.Stored, revision, []byte(text)), e.Stored.Revision
	}
	return s.renderDocument(w, r, problem.Status, e)
}

// documentEditor collects what stands around the text field.
func (s *Site) documentEditor(r *http.Request) (documentEditor, error) {
	view, err := s.service.Get(r.PathValue("id"))
	if err != nil {
		return documentEditor{}, err
	}
	stored, err := s.service.Config(r.Context(), r.PathValue("id"))
	if err != nil {
		return documentEditor{}, err
	}
	history, err := s.service.Revisions(r.Context(), r.PathValue("id"))
	if err != nil {
		return documentEditor{}, err
	}
	return documentEditor{Workflow: view, Stored: stored, History: history.Revisions[:min(shownRevisions, len(history.Revisions))]}, nil
}

func (s *Site) renderDocument(w http.ResponseWriter, r *http.Request, status int, e documentEditor) error {
	return s.render(w, r, status, "document", page{Title: "Document of " + e.Workflow.Name, Here: "/", Body: e,
		Crumbs: []crumb{{"Workflows", "/"}, {e.Workflow.Name, "/workflows/" + string(e.Workflow.ID) + "/edit"}, {"Document", ""}}})
}

// indented lays a document out for reading; text that is not JSON stays as it is.
func indented(document []byte) string {
	var out bytes.Buffer
	if err := json.Indent(&out, document, "", "  "); err != nil {
		return string(document)
	}
	return out.String()
}
