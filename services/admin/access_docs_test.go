package admin_test

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/services/admin"
)

var update = flag.Bool("update", false, "write docs/roles.md anew")

// rolesPage is the table of roles and routes as docs/roles.md has it.
func rolesPage() string {
	var page strings.Builder
	page.WriteString("# Roles and routes\n\nEvery route with who may use it. Made from `services/admin/admission/roles.go` by\n" +
		"`go test ./services/admin -run TestTheRolesAreDocumented -args -update`; a test compares the two, another tries every cell\n" +
		"with real requests. What is no route is told to nobody who is not signed in.\n\n| route | nobody | viewer | operator | admin |\n|---|---|---|---|---|\n")
	table := admin.RouteTable()
	routes := slices.SortedFunc(maps.Keys(table), func(a, b string) int {
		path := func(pattern string) string {
			if _, rest, found := strings.Cut(pattern, " "); found {
				return rest
			}
			return pattern
		}
		return strings.Compare(path(a)+" "+a, path(b)+" "+b)
	})
	for _, route := range routes {
		fmt.Fprintf(&page, "| `%s` |", route)
		for _, role := range append([]access.Role{access.Nobody}, access.Roles()...) {
			if role.Includes(table[route]) {
				page.WriteString(" yes |")
			} else {
				page.WriteString(" |")
			}
		}
		page.WriteString("\n")
	}
	return page.String()
}

// TestTheRolesAreDocumented: the page for people says what the table says.
func TestTheRolesAreDocumented(t *testing.T) {
	const file = "../../docs/roles.md"
	if *update {
		if err := os.WriteFile(file, []byte(rolesPage()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(written) != rolesPage() {
		t.Error("docs/roles.md is not the table of services/admin/admission/roles.go: write it anew with go test ./services/admin -run TestTheRolesAreDocumented -args -update")
	}
}

// TestEveryAnswerIsGuarded: whatever the route and whoever asks, browsers are told to load nothing from elsewhere, to run
// nothing inline, to show the answer in no frame, and to keep no copy of what may hold personal data.
func TestEveryAnswerIsGuarded(t *testing.T) {
	g := startGuarded(t, nil)
	session := g.session(access.Admin)
	for pattern := range admin.RouteTable() {
		if pattern == "POST /logout" {
			continue
		}
		method, path := concrete(pattern)
		for _, credential := range []string{session, ""} {
			a := g.knock(method, path, "Cookie", credential, "Accept", "text/html")
			policy := a.Header.Get("Content-Security-Policy")
			if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
				t.Errorf("%s: policy %q", pattern, policy)
			}
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin"} {
				if got := a.Header.Get(name); got != want {
					t.Errorf("%s: %s %q", pattern, name, got)
				}
			}
			if got := a.Header.Get("Cache-Control"); got != "no-store" && path != "/static/app.css" {
				t.Errorf("%s: Cache-Control %q", pattern, got)
			}
		}
	}
}

// TestTLSThatAProxyEnds: behind a trusted proxy browsers are told to come back over TLS only, and its cookies are Secure.
func TestTLSThatAProxyEnds(t *testing.T) {
	g := startGuarded(t, func(c *admin.Config) { c.Access.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	a := g.login(http.StatusSeeOther, "viewer", password, "/", "X-Forwarded-Proto", "https")
	if a.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS over TLS")
	}
	for _, cookie := range a.Cookies() {
		if !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || !strings.HasPrefix(cookie.Name, "__Host-") {
			t.Errorf("cookie %+v", cookie)
		}
	}
	if got := g.get("/login").Header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("HSTS without TLS: %q", got)
	}
}
