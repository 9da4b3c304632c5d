package admin_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/services/admin"
)

// concrete is a request that a pattern of the table takes. Patterns without a method are asked with GET.
func concrete(pattern string) (method, path string) {
	method, path, ok := strings.Cut(pattern, " ")
	if !ok {
		method, path = http.MethodGet, pattern
	}
	path = strings.NewReplacer("{$}", "", "{id}", "ingress", "{seq}", "1", "{table}", "contact", "{name}", "contact", "{file}", "app.css", "{source}", "contact", "{key}", "x", "{n}", "1").Replace(path)
	switch path {
	case "/":
		if !ok {
			path = "/no/such/page"
		}
	case "/api/":
		path = "/api/no/such/operation"
	}
	return method, path
}

// knock sends a request and returns the answer's head; the body of a stream has no end.
func (g *guarded) knock(method, path string, headers ...string) *http.Response {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, g.url+path, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i+1] != "" {
			request.Header.Set(headers[i], headers[i+1])
		}
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		g.t.Fatalf("%s %s: %v", method, path, err)
	}
	response.Body.Close()
	return response
}

// TestEveryRoleAtEveryRoute walks every cell of the table with real requests, by session and by token, as a browser and as
// a script: 401 or the way to sign in for nobody, 403 for too low a role, anything else for who may.
func TestEveryRoleAtEveryRoute(t *testing.T) {
	g := startGuarded(t, nil)
	table := admin.RouteTable()
	sessions := map[access.Role]string{}
	for _, role := range access.Roles() {
		sessions[role] = g.session(role)
	}
	cells := 0
	for _, pattern := range slices.Sorted(maps.Keys(table)) {
		method, path := concrete(pattern)
		if strings.ContainsAny(path, "{}") {
			t.Errorf("%s: no request is known for it", pattern)
			continue
		}
		least := table[pattern]
		for _, role := range append([]access.Role{access.Nobody}, access.Roles()...) {
			credentials := [][]string{{"Cookie", sessions[role]}, {"Authorization", g.bearer(role)}}
			if role == access.Nobody {
				credentials = [][]string{{}, {"Authorization", "Bearer causeway_wrong"}, {"Cookie", "causeway=wrong"}, {"Authorization", "Basic dmlld2VyOng="}}
			}
			for _, credential := range credentials {
				for _, accept := range []string{"text/html", "application/json"} {
					if pattern == "POST /logout" && len(credential) > 0 && credential[0] == "Cookie" {
						continue // It would sign out whom the next cells need; TestSigningOut looks at it.
					}
					cells++
					answer := g.knock(method, path, append(credential, "Accept", accept)...)
					if got, want := outcomeOf(answer), outcomeFor(role, least, method, accept); got != want {
						t.Errorf("%s as %s (%v, %s): %s (%d), want %s", pattern, role, credential, accept, got, answer.StatusCode, want)
					}
				}
			}
		}
	}
	if cells < 10*len(table) {
		t.Errorf("only %d cells of %d routes were looked at", cells, len(table))
	}
}

func outcomeFor(role, least access.Role, method, accept string) string {
	switch {
	case role.Includes(least):
		return "allowed"
	case role != access.Nobody:
		return "forbidden"
	case accept == "text/html" && method == http.MethodGet:
		return "led to sign in"
	default:
		return "unauthorized"
	}
}

func outcomeOf(a *http.Response) string {
	switch {
	case a.StatusCode == http.StatusForbidden:
		return "forbidden"
	case a.StatusCode == http.StatusUnauthorized && a.Request.URL.Path == "/login":
		return "allowed" // To try; without a password it says so.
	case a.StatusCode == http.StatusTooManyRequests && a.Request.URL.Path == "/login":
		return "allowed"
	case a.StatusCode == http.StatusUnauthorized:
		return "unauthorized"
	case a.StatusCode == http.StatusSeeOther && strings.HasPrefix(a.Header.Get("Location"), "/login?to="):
		return "led to sign in"
	default:
		return "allowed"
	}
}

// TestTheDescriptionTellsTheRoles: what programs and the documentation page are told is what the table says.
func TestTheDescriptionTellsTheRoles(t *testing.T) {
	g := startGuarded(t, nil)
	description := into[struct {
		Paths map[string]map[string]struct {
			Role string `json:"x-least-role"`
		}
		Components struct{ SecuritySchemes map[string]any }
		Security   []map[string]any
	}](t, g.want(http.StatusOK, "GET", "/openapi.json", "", "Authorization", g.bearer(access.Viewer)))
	table, seen := admin.RouteTable(), 0
	for path, methods := range description.Paths {
		for method, operation := range methods {
			seen++
			if want, ok := table[strings.ToUpper(method)+" "+path]; !ok || operation.Role != want.String() {
				t.Errorf("%s %s needs %q, told is %q", method, path, want, operation.Role)
			}
		}
	}
	if seen < 15 || len(description.Components.SecuritySchemes) != 2 || len(description.Security) != 2 {
		t.Errorf("%d operations, %v", seen, description.Security)
	}
}

// TestUnsafeRequests: at every route that changes something, a request from another web site, one that is too large and one
// that is rubbish are refused clearly, whoever sends them.
func TestUnsafeRequests(t *testing.T) {
	g := startGuarded(t, nil)
	session := g.session(access.Admin)
	for _, pattern := range slices.Sorted(maps.Keys(admin.RouteTable())) {
		method, path := concrete(pattern)
		if method == http.MethodGet || pattern == "POST /logout" {
			continue
		}
		a := g.do(method, path, "", "Cookie", session, "Sec-Fetch-Site", "cross-site")
		if a.StatusCode != http.StatusForbidden || !strings.Contains(a.text(), "another web site") {
			t.Errorf("%s from another web site: %d %s", pattern, a.StatusCode, a.body)
		}
		if a := g.do(method, path, strings.Repeat("x", 1<<20+1), "Cookie", session); a.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s with more than 1 MB: %d", pattern, a.StatusCode)
		}
		for _, kind := range []string{"application/json", formType, "multipart/form-data; boundary=x", "nonsense"} {
			a := g.do(method, path, "{\"\x00\xff%zz&&=;", "Cookie", session, "Content-Type", kind)
			if a.StatusCode >= 500 && a.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("%s with rubbish as %s: %d %s", pattern, kind, a.StatusCode, a.body)
			}
		}
	}
}
