package pages

import (
	"net/http"
	"net/url"
	"regexp"

	"github.com/causeway-sync/causeway/pkg/catalog"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

// mappingList is the page of ingress: its mappings, each with what can be done to it.
type mappingList struct {
	Workflow workflow.View
	Stored   backend.Configuration
	Mappings []config.Mapping
	History  []backend.Revision
}

// Says is a mapping in a few words.
func (mappingList) Says(m config.Mapping) []string {
	said := []string{backend.Counted(uint64(len(m.Fields)), "field")}
	if n := len(m.Filters.Rules); n > 0 {
		said = append(said, backend.Counted(uint64(n), "filter"))
	}
	if n := len(m.Replacements); n > 0 {
		said = append(said, backend.Counted(uint64(n), "replacement"))
	}
	if n := len(m.Links); n > 0 {
		said = append(said, backend.Counted(uint64(n), "link"))
	}
	if m.ApplyDeletes {
		said = append(said, "deletes are applied")
	}
	return said
}

func (s *Site) registerMappings(mux *admission.Router) {
	mux.HandleFunc("GET /workflows/ingress/mappings/new", s.page(s.newMapping))
	mux.HandleFunc("POST /workflows/ingress/mappings/new", s.page(s.postMapping))
	mux.HandleFunc("GET /workflows/ingress/mappings/{table}/edit", s.page(s.openMapping))
	mux.HandleFunc("POST /workflows/ingress/mappings/{table}/edit", s.page(s.postMapping))
	mux.HandleFunc("GET /workflows/ingress/mappings/{table}/delete", s.page(s.askDelete))
	mux.HandleFunc("POST /workflows/ingress/mappings/{table}/delete", s.page(s.deleteMapping))
	mux.HandleFunc("POST /workflows/ingress/mappings/{table}/replay", s.page(s.replayMapping))
	mux.HandleFunc("GET /workflows/ingress/mappings/{table}/preview", s.page(s.previewMapping))
}

// mappings lists the stored mappings.
func (s *Site) mappings(w http.ResponseWriter, r *http.Request) error {
	base, err := s.formEditor(r, workflow.Ingress)
	if err != nil {
		return err
	}
	doc, err := ingressDoc(base.Stored)
	if err != nil {
		return err
	}
	history, err := s.service.Revisions(r.Context(), string(workflow.Ingress))
	if err != nil {
		return err
	}
	list := mappingList{Workflow: base.Workflow, Stored: base.Stored, Mappings: doc.Mappings,
		History: history.Revisions[:min(shownRevisions, len(history.Revisions))]}
	return s.render(w, r, http.StatusOK, "mappings", page{Title: workflow.Ingress.Name(), Here: "/", Body: list, Notice: mappingOutcome(r.URL.Query()),
		Crumbs: []crumb{{"Workflows", "/"}, {workflow.Ingress.Name(), ""}}})
}

// mappingOutcome is the sentence about what a form has just done; only names of tables come from the address.
func mappingOutcome(query url.Values) *notice {
	text := map[string]string{
		"saved":   "is saved. A started workflow takes it over at its next stop and start.",
		"deleted": "is deleted. A started workflow goes on with it until its next stop and start.",
		"replay":  "is queued to be read again at the next start.",
	}[query.Get("done")]
	table := query.Get("table")
	if text == "" || !tableName.MatchString(table) {
		return nil
	}
	return &notice{Kind: "ok", Text: "The mapping of " + table + " " + text}
}

var tableName = regexp.MustCompile(`^[a-z0-9_]{1,128}$`)

// deleteQuestion is the page that asks before a mapping goes.
type deleteQuestion struct {
	Mapping config.Mapping
	Stored  backend.Configuration
	// Stale is set when somebody else saved since the question was asked.
	Stale *staleMapping
}

// askDelete asks once before a mapping goes.
func (s *Site) askDelete(w http.ResponseWriter, r *http.Request) error {
	return s.renderDelete(w, r, http.StatusOK, func(*deleteQuestion) {})
}

func (s *Site) renderDelete(w http.ResponseWriter, r *http.Request, status int, change func(*deleteQuestion)) error {
	stored, doc, at, err := s.service.Mapping(r.Context(), r.PathValue("table"))
	if err != nil {
		return err
	}
	question := deleteQuestion{Mapping: doc.Mappings[at], Stored: stored}
	change(&question)
	return s.render(w, r, status, "mappingdelete", page{Title: "Delete a table mapping?", Here: "/", Body: question,
		Crumbs: []crumb{{"Workflows", "/"}, {workflow.Ingress.Name(), "/workflows/ingress/edit"}, {"Delete a table mapping", ""}}})
}

// deleteMapping takes a mapping out of the stored configuration, as it was when the question was asked. Where somebody else
// has saved since, it asks again and says what has changed.
func (s *Site) deleteMapping(w http.ResponseWriter, r *http.Request) error {
	_, revision, _, err := postedForm(r)
	if err != nil {
		return err
	}
	table := r.PathValue("table")
	_, err = s.service.DeleteMapping(r.Context(), table, revision, admission.CallerOf(r.Context(), "page"))
	if fault.Is(err, fault.Stale) {
		return s.renderDelete(w, r, http.StatusPreconditionFailed, func(q *deleteQuestion) {
			q.Stale = s.staleMapping(r.Context(), table, revision, q.Stored)
		})
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/workflows/ingress/edit?"+url.Values{"done": {"deleted"}, "table": {table}}.Encode(), http.StatusSeeOther)
	return nil
}

// replayMapping requests a replay and shows the list, which then says that it is queued.
func (s *Site) replayMapping(w http.ResponseWriter, r *http.Request) error {
	table := r.PathValue("table")
	if _, err := s.service.Replay(r.Context(), table, admission.CallerOf(r.Context(), "page")); err != nil {
		return err
	}
	http.Redirect(w, r, "/workflows/ingress/edit?"+url.Values{"done": {"replay"}, "table": {table}}.Encode(), http.StatusSeeOther)
	return nil
}

// previewed is the preview page.
type previewed struct {
	Table string
	catalog.Preview
}

// previewMapping shows what the stored mapping would write.
func (s *Site) previewMapping(w http.ResponseWriter, r *http.Request) error {
	table := r.PathValue("table")
	preview, err := s.service.Preview(r.Context(), table, nil)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store") // It holds personal data.
	return s.render(w, r, http.StatusOK, "preview", page{Title: "Preview of " + table, Here: "/",
		Crumbs: []crumb{{"Workflows", "/"}, {workflow.Ingress.Name(), "/workflows/ingress/edit"}, {"Preview of " + table, ""}},
		Body:   previewed{Table: table, Preview: preview}})
}
