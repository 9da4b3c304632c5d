package admission

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// Router is a mux that serves only what stands in the table, each route behind its least role.
type Router struct {
	mux *http.ServeMux
	// guard puts the check for a role in front of a handler.
	guard func(least access.Role, next http.Handler) http.Handler
	table map[string]access.Role
	// waiting are the lines without a route so far, unknown the routes without a line.
	waiting map[string]access.Role
	unknown []string
}

// NewRouter makes a router of a table, with a guard that puts the check for a role in front of a handler.
func NewRouter(table map[string]access.Role, guard func(access.Role, http.Handler) http.Handler) *Router {
	return &Router{mux: http.NewServeMux(), guard: guard, table: table, waiting: maps.Clone(table)}
}

// Handle adds a route. One without a line in the table is served to nobody.
func (m *Router) Handle(pattern string, h http.Handler) {
	least, ok := m.table[pattern]
	if !ok {
		m.unknown = append(m.unknown, pattern)
		return
	}
	delete(m.waiting, pattern)
	m.mux.Handle(pattern, m.guard(least, h))
}

// HandleFunc is Handle for functions.
func (m *Router) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	m.Handle(pattern, http.HandlerFunc(h))
}

// ServeHTTP implements http.Handler.
func (m *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.mux.ServeHTTP(w, r) }

// Complete is an error while routes and table differ.
func (m *Router) Complete() error {
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
	return fault.New(fault.Fatal, "the table of roles in services/admin/admission/roles.go is not that of the routes: "+strings.Join(differ, "; "))
}

// Allowed lists the methods that have a route of their own for the path of r.
func (m *Router) Allowed(r *http.Request) []string {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		probe := r.Clone(r.Context())
		probe.Method = method
		if _, pattern := m.mux.Handler(probe); strings.HasPrefix(pattern, method+" ") {
			allowed = append(allowed, method)
		}
	}
	slices.Sort(allowed)
	return allowed
}
