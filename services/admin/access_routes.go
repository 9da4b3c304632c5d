package admin

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// leastRoles is the one table of who may do what: every route with the least role that it needs. The service does not
// start with a route that stands not in it, or with a line that no route has; the documentation page and docs/security.md tell it.
func leastRoles() map[string]access.Role {
	return map[string]access.Role{
		// Everybody: what signing in needs, and what tells machines that the process lives.
		"GET /login":          access.Nobody,
		"POST /login":         access.Nobody,
		"GET /login/provider": access.Nobody,
		"GET /login/back":     access.Nobody,
		"POST /logout":        access.Nobody,
		"GET /static/{file}":  access.Nobody,
		"/healthz":            access.Nobody,
		"/readyz":             access.Nobody,

		// Viewers see how things are, and no record's content.
		"GET /{$}":                                    access.Viewer,
		"GET /live":                                   access.Viewer,
		"GET /workflows/{id}/edit":                    access.Viewer,
		"GET /failures":                               access.Viewer,
		"GET /failures/{id}":                          access.Viewer,
		"GET /failures/{id}/export.csv":               access.Viewer,
		"GET /history":                                access.Viewer,
		"GET /settings":                               access.Viewer,
		"GET /api/v1/connections":                     access.Viewer,
		"GET /api/v1/connections/{name}":              access.Viewer,
		"GET /docs":                                   access.Viewer,
		"GET /about":                                  access.Viewer,
		"GET /openapi.json":                           access.Viewer,
		"/metrics":                                    access.Viewer,
		"GET /api/v1/workflows":                       access.Viewer,
		"GET /api/v1/workflows/{id}":                  access.Viewer,
		"GET /api/v1/workflows/{id}/config":           access.Viewer,
		"GET /api/v1/workflows/{id}/failures":         access.Viewer,
		"GET /api/v1/commands":                        access.Viewer,
		"GET /api/v1/live":                            access.Viewer,
		"GET /api/v1/workflows/{id}/config/revisions": access.Viewer,
		"GET /api/v1/workflows/{id}/failures/groups":  access.Viewer,
		"/":     access.Viewer, // There is no such page: who is not signed in is not told.
		"/api/": access.Viewer,

		// Operators keep it going, and see the records that are in the way: payloads, and what a stored mapping makes of a row.
		"POST /workflows/{id}/start":                             access.Operator,
		"POST /workflows/{id}/stop":                              access.Operator,
		"GET /failures/{id}/{seq}":                               access.Operator,
		"POST /failures/{id}/retry":                              access.Operator,
		"POST /workflows/ingress/mappings/{table}/replay":        access.Operator,
		"GET /workflows/ingress/mappings/{table}/preview":        access.Operator,
		"GET /workflows/optinout/ledger":                         access.Operator,
		"GET /api/v1/workflows/optinout/ledger":                  access.Operator,
		"POST /api/v1/workflows/{id}/start":                      access.Operator,
		"POST /api/v1/workflows/{id}/stop":                       access.Operator,
		"GET /api/v1/workflows/{id}/failures/{seq}":              access.Operator,
		"POST /api/v1/workflows/{id}/failures/{seq}/retry":       access.Operator,
		"POST /api/v1/workflows/{id}/failures/retry":             access.Operator,
		"POST /api/v1/workflows/ingress/mappings/{table}/replay": access.Operator,

		// Admins configure, and remove for good. A preview over the API may bring a mapping of its own, and with it reads any
		// column of Dynamics 365: that is an admin's reach.
		"POST /workflows/{id}/edit":                               access.Admin,
		"POST /settings/{name}":                                   access.Admin,
		"POST /settings/{name}/test":                              access.Admin,
		"PUT /api/v1/connections/{name}":                          access.Admin,
		"POST /api/v1/connections/{name}/test":                    access.Admin,
		"POST /failures/{id}/drop":                                access.Admin,
		"PUT /api/v1/workflows/{id}/config":                       access.Admin,
		"DELETE /api/v1/workflows/{id}/failures":                  access.Admin,
		"DELETE /api/v1/workflows/{id}/failures/{seq}":            access.Admin,
		"POST /api/v1/workflows/ingress/mappings/{table}/preview": access.Admin,
		"GET /api/v1/catalog/dynamics/tables":                     access.Admin,
		"GET /api/v1/catalog/dynamics/tables/{name}":              access.Admin,
		"GET /api/v1/catalog/campaign/resources":                  access.Admin,
		"GET /api/v1/catalog/campaign/resources/{name}":           access.Admin,
	}
}

// router is a mux that serves only what stands in the table, each route behind its least role.
type router struct {
	mux *http.ServeMux
	// guard puts the check for a role in front of a handler.
	guard func(least access.Role, next http.Handler) http.Handler
	table map[string]access.Role
	// waiting are the lines without a route so far, unknown the routes without a line.
	waiting map[string]access.Role
	unknown []string
}

func newRouter(table map[string]access.Role, guard func(access.Role, http.Handler) http.Handler) *router {
	return &router{mux: http.NewServeMux(), guard: guard, table: table, waiting: maps.Clone(table)}
}

// Handle adds a route. One without a line in the table is served to nobody.
func (m *router) Handle(pattern string, h http.Handler) {
	least, ok := m.table[pattern]
	if !ok {
		m.unknown = append(m.unknown, pattern)
		return
	}
	delete(m.waiting, pattern)
	m.mux.Handle(pattern, m.guard(least, h))
}

// HandleFunc is Handle for functions.
func (m *router) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	m.Handle(pattern, http.HandlerFunc(h))
}

// ServeHTTP implements http.Handler.
func (m *router) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.mux.ServeHTTP(w, r) }

// complete is an error while routes and table differ.
func (m *router) complete() error {
	var differ []string
	for _, pattern := range m.unknown {
		differ = append(differ, fmt.Sprintf("the route %q has no role", pattern))
	}
	for _, pattern := range slices.Sorted(maps.Keys(m.waiting)) {
		differ = append(differ, fmt.Sprintf("the line %q has no route", pattern))
	}
	if len(differ) == 0 {
		return nil
	}
	return fault.New(fault.Fatal, "the table of roles in services/admin/access_routes.go is not that of the routes: "+strings.Join(differ, "; "))
}
