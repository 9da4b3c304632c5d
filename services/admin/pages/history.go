package pages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

func (s *Site) registerHistory(mux *admission.Router) {
	mux.HandleFunc("GET /history", s.page(s.history))
	mux.HandleFunc("GET /trace", s.page(s.trace))
	mux.HandleFunc("GET /workflows/{id}/revisions", s.page(s.revisions))
	mux.HandleFunc("GET /workflows/{id}/revisions/{n}", s.page(s.revision))
	mux.HandleFunc("POST /workflows/{id}/revisions/{n}/restore", s.page(s.restore))
}

// historyPage is the command log, narrowed to a workflow or to somebody.
type historyPage struct {
	backend.CommandList
	Query backend.HistoryQuery
	// Older leads to the next page, empty on the last one.
	Older     string
	Workflows []workflow.ID
}

// Narrowed reports whether the page shows less than everything.
func (p historyPage) Narrowed() bool {
	return p.Query.Workflow != "" || p.Query.By != "" || p.Query.Before > 0
}

// history is the command log.
func (s *Site) history(w http.ResponseWriter, r *http.Request) error {
	asked := r.URL.Query()
	body := historyPage{Query: backend.HistoryQuery{Workflow: asked.Get("workflow"), By: asked.Get("by")}, Workflows: workflow.All()}
	var err error
	if text := asked.Get("before"); text != "" {
		if body.Query.Before, err = strconv.ParseUint(text, 10, 64); err != nil {
			return problems.New(http.StatusBadRequest, "The address is not one of this page: before is not a number.")
		}
	}
	if body.CommandList, err = s.service.Commands(r.Context(), body.Query); err != nil {
		return err
	}
	if body.Next > 0 {
		older := url.Values{"before": {strconv.FormatUint(body.Next, 10)}}
		for name, value := range map[string]string{"workflow": body.Query.Workflow, "by": body.Query.By} {
			if value != "" {
				older.Set(name, value)
			}
		}
		body.Older = "/history?" + older.Encode()
	}
	return s.render(w, r, http.StatusOK, "history", page{Title: "History", Here: "/history", Body: body, Crumbs: []crumb{{"Workflows", "/"}, {"History", ""}}})
}

// revisionsPage is the list of what is kept of a workflow's configuration.
type revisionsPage struct {
	backend.RevisionList
	ID workflow.ID
}

// revisions lists the revisions of a workflow.
func (s *Site) revisions(w http.ResponseWriter, r *http.Request) error {
	id, err := backend.WorkflowID(r.PathValue("id"))
	if err != nil {
		return err
	}
	list, err := s.service.Revisions(r.Context(), string(id))
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "revisions", page{Title: "Revisions of " + id.Name(), Here: "/history", Body: revisionsPage{list, id},
		Crumbs: []crumb{{"Workflows", "/"}, {"History", "/history"}, {id.Name(), ""}}})
}

// revisionPage is one revision beside another.
type revisionPage struct {
	backend.RevisionDetail
	ID workflow.ID
	// Shown is the document, laid out for reading.
	Shown string
	// Others are the revisions that it can be compared with, newest first.
	Others []backend.Revision
	// Problem is why it was not restored, or nil.
	Problem *problems.Problem
}

// revision shows one revision.
func (s *Site) revision(w http.ResponseWriter, r *http.Request) error {
	var done *notice
	if r.URL.Query().Get("done") == "restored" {
		done = &notice{Kind: "ok", Text: "The configuration is restored; a started workflow takes it over at its next stop and start."}
	}
	return s.renderRevision(w, r, http.StatusOK, done, nil)
}

func (s *Site) renderRevision(w http.ResponseWriter, r *http.Request, status int, done *notice, problem *problems.Problem) error {
	id, number, err := revisionOf(r)
	if err != nil {
		return err
	}
	var against uint64
	if text := r.URL.Query().Get("against"); text != "" {
		if against, err = strconv.ParseUint(text, 10, 64); err != nil {
			return problems.New(http.StatusNotFound, "A revision is a number.")
		}
	}
	detail, err := s.service.Revision(r.Context(), string(id), number, against)
	if err != nil {
		return err
	}
	list, err := s.service.Revisions(r.Context(), string(id))
	if err != nil {
		return err
	}
	body := revisionPage{RevisionDetail: detail, ID: id, Shown: indented(detail.Document), Others: list.Revisions, Problem: problem}
	return s.render(w, r, status, "revision", page{Title: fmt.Sprintf("Revision %d of %s", number, id.Name()), Here: "/history", Notice: done, Body: body,
		Crumbs: []crumb{{"Workflows", "/"}, {"History", "/history"}, {id.Name(), "/workflows/" + string(id) + "/revisions"}, {fmt.Sprintf("Revision %d", number), ""}}})
}

// revisionOf reads the workflow and the revision out of the address.
func revisionOf(r *http.Request) (workflow.ID, uint64, error) {
	id, err := backend.WorkflowID(r.PathValue("id"))
	if err != nil {
		return "", 0, err
	}
	number, err := strconv.ParseUint(r.PathValue("n"), 10, 64)
	if err != nil {
		return "", 0, problems.New(http.StatusNotFound, "A revision is a number.")
	}
	return id, number, nil
}

// restore stores the revision as the newest, or says why it cannot be.
func (s *Site) restore(w http.ResponseWriter, r *http.Request) error {
	id, number, err := revisionOf(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return errorOfForm(err)
	}
	latest, _ := strconv.ParseUint(r.PostForm.Get("latest"), 10, 64) // A form that does not say what it showed is stale.
	stored, err := s.service.Restore(r.Context(), string(id), number, &latest, admission.CallerOf(r.Context(), "page"))
	if err == nil {
		http.Redirect(w, r, fmt.Sprintf("/workflows/%s/revisions/%d?done=restored", id, stored.Revision), http.StatusSeeOther)
		return nil
	}
	problem := s.problem(r, err)
	if problem.Status == http.StatusNotFound {
		return err
	}
	return s.renderRevision(w, r, problem.Status, nil, problem)
}

// settingText is a part of a document for people: a text as it is, anything else as JSON, laid out where it is long.
func settingText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	if text.Len() > 60 {
		return indented(bytes.TrimSpace(text.Bytes()))
	}
	return string(bytes.TrimSpace(text.Bytes()))
}

// changeWord says what happened to a part of a document.
func changeWord(c config.Change) string {
	if c.Kind == config.Reordered {
		return "in another order"
	}
	return string(c.Kind)
}
