package admin_test

import (
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/access/accesstest"
	"github.com/causeway-sync/causeway/services/admin"
)

// startWithProvider runs a service that knows people by an OpenID Connect provider only.
func startWithProvider(t *testing.T, issuer *accesstest.Issuer) *rig {
	t.Helper()
	return start(t, func(c *admin.Config) {
		_, port, err := net.SplitHostPort(c.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		c.Access.PublicURL = "http://127.0.0.1:" + port
		c.Access.Provider = access.ProviderConfig{Issuer: issuer.URL, ClientID: accesstest.ClientID, ClientSecret: accesstest.ClientSecret,
			Roles: map[access.Role][]string{access.Viewer: {"Staff"}, access.Operator: {"Operators"}}}
	})
}

// browse goes to an address as a browser does: with its own cookies, following redirects.
func browse(t *testing.T, browser *http.Client, address string) (*http.Response, node) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/html")
	response, err := browser.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	root, err := html.Parse(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return response, node{t, root}
}

func newBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

// TestSigningInAtAProvider: from a page, over the provider, back to that page, with name and role.
func TestSigningInAtAProvider(t *testing.T) {
	issuer := accesstest.New(t, map[string]any{"preferred_username": "anna@contoso.com", "roles": []string{"Operators"}})
	r := startWithProvider(t, issuer)
	browser := newBrowser(t)
	at, page := browse(t, browser, r.url+"/history?x=1")
	if at.Request.URL.Path != "/login" || len(page.all("input", "type", "password")) != 0 {
		t.Fatalf("at %s", at.Request.URL)
	}
	at, page = browse(t, browser, r.url+page.one("main").one("a", "class", "button").attr("href"))
	if at.Request.URL.String() != r.url+"/history?x=1" || at.StatusCode != http.StatusOK {
		t.Fatalf("back at %s: %s", at.Request.URL, at.Status)
	}
	if got := page.one("form", "action", "/logout").text(); got != "anna@contoso.com operator Sign out" {
		t.Errorf("signed in as %q", got)
	}
	own, err := url.Parse(r.url + "/login/")
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range browser.Jar.Cookies(own) {
		if cookie.Name == "causeway-login" {
			t.Error("the ticket is kept after it was used")
		}
	}
	if at, _ := browse(t, browser, r.url+"/login/provider?to="+url.QueryEscape("//evil.example/")); at.Request.URL.String() != r.url+"/" {
		t.Errorf("a foreign way back leads to %s", at.Request.URL)
	}
	r.want(http.StatusNotFound, "POST", "/login", "name=anna&password=x", "Content-Type", formType)
}

// TestAProviderThatDoesNotLetIn: the page to sign in says what is wrong, and there is no session.
func TestAProviderThatDoesNotLetIn(t *testing.T) {
	issuer := accesstest.New(t, map[string]any{"roles": []string{"Guests"}})
	r := startWithProvider(t, issuer)
	for name, tc := range map[string]struct {
		lie    accesstest.Lie
		path   string
		status int
		says   string
	}{
		"no role":            {path: "/login/provider", status: http.StatusForbidden, says: "no role here"},
		"refused":            {lie: accesstest.Lie{Refuse: true}, path: "/login/provider", status: http.StatusUnauthorized, says: "refused the sign-in"},
		"a forged token":     {lie: accesstest.Lie{OtherKey: true}, path: "/login/provider", status: http.StatusUnauthorized, says: "cannot be trusted"},
		"token endpoint ill": {lie: accesstest.Lie{Status: http.StatusBadGateway}, path: "/login/provider", status: http.StatusServiceUnavailable, says: "does not answer"},
		"somebody's link":    {path: "/login/back?code=x&state=y", status: http.StatusUnauthorized, says: "not begun in this browser"},
	} {
		issuer.Lie(tc.lie)
		browser := newBrowser(t)
		at, page := browse(t, browser, r.url+tc.path)
		if got := page.one("p", "role", "alert").text(); at.StatusCode != tc.status || !strings.Contains(got, tc.says) {
			t.Errorf("%s: %s %q", name, at.Status, got)
		}
		if at, _ := browse(t, browser, r.url+"/history"); at.Request.URL.Path != "/login" {
			t.Errorf("%s: signed in all the same", name)
		}
	}
}
