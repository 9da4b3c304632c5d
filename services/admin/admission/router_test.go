package admission

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/pkg/access"
)

// TestNoRouteOutsideTheTable: a route without a role is served to nobody and is told, as is a role without a route.
func TestNoRouteOutsideTheTable(t *testing.T) {
	pass := func(_ access.Role, h http.Handler) http.Handler { return h }
	m := NewRouter(map[string]access.Role{"GET /a": access.Viewer, "GET /b": access.Admin}, pass)
	m.HandleFunc("GET /a", func(http.ResponseWriter, *http.Request) {})
	m.HandleFunc("GET /c", func(http.ResponseWriter, *http.Request) { t.Error("a route without a role was served") })
	err := m.Complete()
	if err == nil || !strings.Contains(err.Error(), `the route "GET /c" has no role`) || !strings.Contains(err.Error(), `the line "GET /b" has no route`) || strings.Contains(err.Error(), "GET /a") {
		t.Errorf("said %v", err)
	}
	answer := httptest.NewRecorder()
	m.ServeHTTP(answer, httptest.NewRequest("GET", "/c", nil))
	if answer.Code != http.StatusNotFound {
		t.Errorf("a route without a role answers %d", answer.Code)
	}
}

// TestTheTableIsReadOnce: a router takes its lines and leaves the table alone.
func TestTheTableIsReadOnce(t *testing.T) {
	table := Roles()
	m := NewRouter(table, func(_ access.Role, h http.Handler) http.Handler { return h })
	m.HandleFunc("GET /{$}", func(http.ResponseWriter, *http.Request) {})
	if !maps.Equal(table, Roles()) {
		t.Error("registering a route changed the table")
	}
}
