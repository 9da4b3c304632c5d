package admin

import (
	"net/http"

	"github.com/causeway-sync/causeway/pkg/catalog"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// mappedTable is one line of the edit page's list of tables.
type mappedTable struct {
	Table, Resource string
	// Queued is true while a replay is requested and not taken up.
	Queued bool
}

// mappedTables lists the tables of the stored ingress configuration; none for other workflows, or for a document that
// this release cannot read.
func mappedTables(id workflow.ID, stored []byte) []mappedTable {
	if id != workflow.Ingress {
		return nil
	}
	decoded, err := config.Decode(id, stored)
	if err != nil {
		return nil
	}
	var tables []mappedTable
	for _, m := range decoded.(*config.IngressDoc).Mappings {
		tables = append(tables, mappedTable{Table: m.Table, Resource: m.Resource, Queued: m.ReplayRequested})
	}
	return tables
}

func (s *site) registerMappings(mux *router) {
	mux.HandleFunc("POST /workflows/ingress/mappings/{table}/replay", s.page(s.replayMapping))
	mux.HandleFunc("GET /workflows/ingress/mappings/{table}/preview", s.page(s.previewMapping))
}

// replayMapping requests a replay and shows the edit page, which then says that it is queued.
func (s *site) replayMapping(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.service.Replay(r.Context(), r.PathValue("table"), callerOf(r.Context(), "page")); err != nil {
		return err
	}
	http.Redirect(w, r, "/workflows/ingress/edit#tables", http.StatusSeeOther)
	return nil
}

// previewed is the preview page.
type previewed struct {
	Table string
	catalog.Preview
}

// previewMapping shows what the stored mapping would write.
func (s *site) previewMapping(w http.ResponseWriter, r *http.Request) error {
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
