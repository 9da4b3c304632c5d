package admin_test

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// TestWithoutUsersOnlyThisMachine: an address that others can reach is refused, with what to set.
func TestWithoutUsersOnlyThisMachine(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0"} {
		err := admin.Run(t.Context(), admin.Config{Listen: address, NATS: bus.Options{URL: "nats://127.0.0.1:1"}})
		if !fault.Is(err, fault.Fatal) {
			t.Fatalf("%s: %v", address, err)
		}
		for _, word := range []string{"--users-file", "CAUSEWAY_USERS_FILE", "--oidc-issuer", "127.0.0.1:8080", "hash-password"} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %s is not in %q", address, word, err)
			}
		}
	}
	for address, fine := range map[string]bool{"127.0.0.1:8080": true, "127.8.8.8:1": true, "[::1]:8080": true, "localhost:8080": true, "0.0.0.0:8080": false, ":8080": false, "192.0.2.1:8080": false, "nonsense": false} {
		if err := admission.MayListen(address, admission.Access{}, ""); (err == nil) != fine {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := admission.MayListen("0.0.0.0:8080", admission.Access{UsersFile: "users"}, ""); err != nil {
		t.Errorf("with users: %v", err)
	}
	if err := admin.Run(t.Context(), admin.Config{Listen: "127.0.0.1:0", Access: admission.Access{UsersFile: "/nonexistent/users"}}); !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), "users file") {
		t.Errorf("a users file that is not there: %v", err)
	}
}

// TestWithoutUsersNoProxy: a loopback address is no protection where a proxy brings others to it, so what only a proxy needs is
// refused, also by whoever opens more than the admin service.
func TestWithoutUsersNoProxy(t *testing.T) {
	t.Parallel()
	for flag, change := range map[string]func(*admin.Config){
		"--trusted-proxy (CAUSEWAY_TRUSTED_PROXIES)": func(c *admin.Config) {
			c.Access.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		},
		"--user-header (CAUSEWAY_USER_HEADER)": func(c *admin.Config) { c.UserHeader = "X-User" },
		"--public-url (CAUSEWAY_PUBLIC_URL)":   func(c *admin.Config) { c.Access.PublicURL = "https://causeway.example" },
	} {
		cfg := admin.Config{Listen: "127.0.0.1:0", NATS: bus.Options{URL: "nats://127.0.0.1:1"}}
		change(&cfg)
		err := admin.Run(t.Context(), cfg)
		if !fault.Is(err, fault.Fatal) {
			t.Fatalf("%s: %v", flag, err)
		}
		for _, word := range []string{flag, "--users-file", "--oidc-issuer"} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %s is not in %q", flag, word, err)
			}
		}
		if err := admission.MayListen("127.0.0.1:8080", cfg.Access, cfg.UserHeader); !fault.Is(err, fault.Fatal) {
			t.Errorf("%s: may listen: %v", flag, err)
		}
		cfg.Access.UsersFile = "users"
		if err := admission.MayListen("127.0.0.1:8080", cfg.Access, cfg.UserHeader); err != nil {
			t.Errorf("%s, with users: %v", flag, err)
		}
	}
}

// TestWithoutUsersThePageSaysSo, and works as before.
func TestWithoutUsersThePageSaysSo(t *testing.T) {
	r := start(t, nil)
	if got := parse(t, r.want(http.StatusOK, "GET", "/about", "")).one("dd", "id", "access").text(); !strings.Contains(got, "No users are set up") {
		t.Errorf("access %q", got)
	}
	if got := r.want(http.StatusSeeOther, "GET", "/login?to=/history", "").Header.Get("Location"); got != "/history" {
		t.Errorf("signing in leads to %q", got)
	}
	r.want(http.StatusNotFound, "POST", "/login", "name=x&password=y", "Content-Type", formType)
	r.want(http.StatusNotFound, "GET", "/login/provider", "")
	r.want(http.StatusNotFound, "GET", "/login/back?code=x&state=y", "")
}

// TestSigningIn: the page, the way back, the cookie, and a new session at each.
func TestSigningIn(t *testing.T) {
	g := startGuarded(t, nil)
	to := g.want(http.StatusSeeOther, "GET", "/failures/ingress?key=a%26b", "", "Accept", "text/html").Header.Get("Location")
	a := g.want(http.StatusOK, "GET", to, "")
	page := parse(t, a)
	checkPage(t, "/login", a, page)
	if got := page.one("input", "name", "to").attr("value"); got != "/failures/ingress?key=a%26b" {
		t.Errorf("the way back is %q", got)
	}
	page.one("label", "for", "password")
	if len(page.all("nav")) != 0 {
		t.Error("who has not signed in is shown a menu that leads nowhere")
	}

	a = g.login(http.StatusSeeOther, "operator", password, "/failures/ingress?key=a%26b")
	if got := a.Header.Get("Location"); got != "/failures/ingress?key=a%26b" {
		t.Errorf("went to %q", got)
	}
	cookie := a.Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Secure || cookie.Path != "/" || cookie.MaxAge != 0 || len(cookie.Value) < 43 {
		t.Errorf("cookie %v", cookie)
	}
	first := cookieOf(t, a)
	top := parse(t, g.want(http.StatusOK, "GET", "/", "", "Cookie", first)).one("header")
	if got := top.one("form", "action", "/logout").text(); got != "operator operator Sign out" {
		t.Errorf("the header says %q", got)
	}
	// A session that was there before ends when somebody signs in: nobody can plant one.
	second := cookieOf(t, g.login(http.StatusSeeOther, "viewer", password, "/", "Cookie", first))
	if second == first {
		t.Error("the session is the one that the browser brought")
	}
	g.want(http.StatusUnauthorized, "GET", "/api/v1/workflows", "", "Cookie", first)
	g.want(http.StatusOK, "GET", "/api/v1/workflows", "", "Cookie", second)
}

// TestWrongPasswords: the same words for a wrong name and a wrong password, beside the field; then a pause, for that name.
func TestWrongPasswords(t *testing.T) {
	g := startGuarded(t, nil)
	hostile := `"><script>alert(1)</script>` + "\u202e"
	for _, name := range []string{"admin", "nobody-here", hostile, strings.Repeat("x", 5000)} {
		page := parse(t, g.login(http.StatusUnauthorized, name, "wrong", "/"))
		field := page.one("input", "id", "password", "aria-invalid", "true")
		if got := page.one("*", "id", field.attr("aria-describedby")).text(); got != "The name or the password is wrong." {
			t.Errorf("said %q", got)
		}
		if len(page.all("script")) != 1 || field.attr("value") != "" {
			t.Error("the page took what was typed for its own")
		}
	}
	var a answer
	for range 8 {
		if a = g.do("POST", "/login", "name=admin&password=wrong", "Content-Type", formType); a.StatusCode == http.StatusTooManyRequests {
			break
		}
	}
	if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" || !strings.Contains(a.text(), "Try again in") && !strings.Contains(a.text(), "try again in") {
		t.Errorf("%d, Retry-After %q", a.StatusCode, a.Header.Get("Retry-After"))
	}
	g.login(http.StatusTooManyRequests, "admin", password, "/")
	g.login(http.StatusSeeOther, "operator", password, "/")
	g.want(http.StatusRequestEntityTooLarge, "POST", "/login", "name="+strings.Repeat("x", 9<<10), "Content-Type", formType)
	g.want(http.StatusForbidden, "POST", "/login", "name=viewer", "Content-Type", formType, "Origin", "https://evil.example")
}

// TestTheWayBackIsLocal: a link to the sign-in page leads to no other site afterwards.
func TestTheWayBackIsLocal(t *testing.T) {
	g := startGuarded(t, nil)
	session := g.session(access.Viewer)
	for to, want := range map[string]string{
		"/history?x=1#y": "/history?x=1#y", "": "/", "history": "/", "//evil.example": "/", "//": "/", "//?x=1": "/", "/\\evil.example": "/", "\\/evil.example": "/", "https://evil.example/": "/",
		"javascript:alert(1)": "/", "/%0d%0aSet-Cookie:x=y": "/%0d%0aSet-Cookie:x=y", "/\r\nx": "/", "/\t/evil.example": "/", "/login": "/", "/logout": "/", "///evil.example": "/",
		"/x/../..//evil.example": "/x/../..//evil.example", "http:/x": "/", "/%2f/evil.example": "/",
	} {
		a := g.want(http.StatusSeeOther, "GET", "/login?"+url.Values{"to": {to}}.Encode(), "", "Cookie", session)
		if got := a.Header.Get("Location"); got != want && !(strings.HasPrefix(got, "/") && !strings.HasPrefix(got, "//") && strings.Contains(want, "..")) {
			t.Errorf("%q leads to %q, want %q", to, got, want)
		}
	}
}

func TestSigningOut(t *testing.T) {
	g := startGuarded(t, nil)
	session, other := g.session(access.Viewer), g.session(access.Viewer)
	ended := g.streamEnds(session)
	a := g.want(http.StatusSeeOther, "POST", "/logout", "", "Cookie", session)
	if a.Header.Get("Location") != "/login" || a.Cookies()[0].MaxAge >= 0 || a.Cookies()[0].Value != "" {
		t.Errorf("%v", a.Header)
	}
	g.want(http.StatusUnauthorized, "GET", "/api/v1/workflows", "", "Cookie", session)
	g.want(http.StatusOK, "GET", "/api/v1/workflows", "", "Cookie", other)
	ended("signing out")
	// A form that was open meanwhile is told that nothing was done.
	page := parse(t, g.want(http.StatusUnauthorized, "POST", "/workflows/ingress/start", "", "Cookie", session, "Accept", "text/html"))
	if got := page.one("p", "role", "alert").text(); !strings.Contains(got, "was not done") {
		t.Errorf("said %q", got)
	}
}

// streamEnds opens a live stream; the function waits for its end.
func (g *guarded) streamEnds(session string) func(why string) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
	request, err := http.NewRequestWithContext(ctx, "GET", g.url+"/live", nil)
	if err != nil {
		g.t.Fatal(err)
	}
	request.Header.Set("Cookie", session)
	response, err := http.DefaultClient.Do(request)
	if err != nil || response.StatusCode != http.StatusOK {
		g.t.Fatalf("%v %v", response, err)
	}
	return func(why string) {
		g.t.Helper()
		defer cancel()
		defer response.Body.Close()
		for buffer := make([]byte, 4096); ; {
			if _, err := response.Body.Read(buffer); err != nil {
				break
			}
		}
		if ctx.Err() != nil {
			g.t.Errorf("the stream outlives %s", why)
		}
	}
}

// TestTheUsersFileIsFollowed: who is gone, or has another password, is signed out, streams included; another role counts.
func TestTheUsersFileIsFollowed(t *testing.T) {
	g := startGuarded(t, nil)
	viewer, operator := g.session(access.Viewer), g.session(access.Operator)
	ended := g.streamEnds(viewer)
	delete(g.lines, "viewer")
	delete(g.lines, "viewer-bot")
	g.lines["operator"] = strings.Replace(g.lines["operator"], ":operator:", ":viewer:", 1)
	g.write(t)
	g.want(http.StatusUnauthorized, "GET", "/api/v1/workflows", "", "Cookie", viewer)
	g.want(http.StatusUnauthorized, "GET", "/api/v1/workflows", "", "Authorization", g.bearer(access.Viewer))
	g.want(http.StatusForbidden, "POST", "/api/v1/workflows/ingress/start", "", "Cookie", operator)
	g.want(http.StatusOK, "GET", "/api/v1/workflows", "", "Cookie", operator)
	ended("the removal of its user")
}

// TestTheHistoryNamesWhoItWas, by session and by token, and a header that no trusted proxy wrote names nobody.
func TestTheHistoryNamesWhoItWas(t *testing.T) {
	g := startGuarded(t, func(c *admin.Config) { c.UserHeader = "X-User" })
	g.want(http.StatusSeeOther, "POST", "/workflows/ingress/start", "", "Cookie", g.session(access.Operator), "X-User", "mallory")
	g.want(http.StatusAccepted, "POST", "/api/v1/workflows/ingress/stop", "", "Authorization", g.bearer(access.Admin))
	body := g.get("/api/v1/workflows/ingress/config", "Authorization", g.bearer(access.Viewer)).text()
	g.want(http.StatusOK, "PUT", "/api/v1/workflows/ingress/config", strings.Replace(body, `"male"`, `"m"`, 1), "If-Match", "*", "Cookie", g.session(access.Admin))
	log := into[backend.CommandList](t, g.get("/api/v1/commands", "Authorization", g.bearer(access.Viewer))).Commands
	var got []string
	for _, c := range log {
		got = append(got, string(c.Verb)+" "+c.By+" "+c.Via)
	}
	if want := "config-changed admin http, stop admin-bot http, start operator page"; strings.Join(got, ", ") != want {
		t.Errorf("history %q", got)
	}
	g.want(http.StatusUnauthorized, "GET", "/api/v1/workflows", "", "X-User", "admin")
}

// TestATrustedProxyNamesUsers of the file, and the address that counts.
func TestATrustedProxyNamesUsers(t *testing.T) {
	g := startGuarded(t, func(c *admin.Config) {
		c.UserHeader, c.Access.TrustedProxies = "X-User", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	cmd := into[workflow.Command](t, g.want(http.StatusAccepted, "POST", "/api/v1/workflows/ingress/start", "", "X-User", "operator\u202e"))
	if cmd.By != "operator" {
		t.Errorf("by %q", cmd.By)
	}
	g.want(http.StatusForbidden, "PUT", "/api/v1/workflows/ingress/config", "{}", "X-User", "operator")
	g.want(http.StatusOK, "GET", "/api/v1/workflows", "", "X-User", "operator", "Authorization", "Basic b3BlcmF0b3I6eA==") // What the proxy asked for.
	g.want(http.StatusUnauthorized, "GET", "/api/v1/workflows", "", "X-User", "operator", "Authorization", "Bearer causeway_wrong")
	p := into[problems.Problem](t, g.want(http.StatusForbidden, "GET", "/api/v1/workflows", "", "X-User", "carl"))
	if !strings.Contains(p.Detail, "carl has no role") {
		t.Errorf("%+v", p)
	}
	g.want(http.StatusForbidden, "GET", "/api/v1/workflows", "", "X-User", "admin-bot")
	cookie := g.login(http.StatusSeeOther, "viewer", password, "/", "X-Forwarded-Proto", "https").Cookies()[0]
	if !cookie.Secure || cookie.Name != "__Host-causeway" {
		t.Errorf("behind TLS: %v", cookie)
	}
	for i := range 30 {
		if g.do("POST", "/login", "name="+strings.Repeat("x", i+1)+"&password=y", "Content-Type", formType, "X-Forwarded-For", "192.0.2.1").StatusCode == http.StatusTooManyRequests {
			g.login(http.StatusSeeOther, "viewer", password, "/", "X-Forwarded-For", "192.0.2.2")
			return
		}
	}
	t.Error("guessing from one address behind a proxy never gets slower")
}

// TestAViewerIsOfferedNothingThatWouldBeRefused, and the API says the same.
func TestAViewerIsOfferedNothingThatWouldBeRefused(t *testing.T) {
	g := startGuarded(t, nil)
	g.reject("contact", "key-1", "contact key-1: the text has 70 characters", `{"lastname":"Payload"}`)
	viewer, admins := g.session(access.Viewer), g.session(access.Admin)
	deadline := time.Now().Add(15 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); !strings.Contains(g.get("/failures/ingress", "Cookie", viewer).text(), "key-1"); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("the rejected record is never shown")
		}
	}
	for _, path := range []string{"/", "/workflows/ingress/edit", "/failures/ingress", "/history", "/about", "/docs"} {
		page := parse(t, g.want(http.StatusOK, "GET", path, "", "Cookie", viewer))
		for _, form := range page.all("form", "method", "post") {
			for _, button := range form.all("button") {
				if _, disabled := button.lookup("disabled"); !disabled && form.attr("action") != "/logout" {
					t.Errorf("%s offers a viewer %q", path, button.text()+button.attr("aria-label"))
				}
			}
		}
		for _, link := range page.all("a", "href", "*") {
			to, _, _ := strings.Cut(link.attr("href"), "#")
			if to != "" && g.knock("GET", to, "Cookie", viewer, "Accept", "text/html").StatusCode == http.StatusForbidden {
				t.Errorf("%s leads a viewer to %s", path, to)
			}
		}
		if strings.Contains(page.text(), "Payload") {
			t.Errorf("%s shows a viewer a payload", path)
		}
	}
	if page := parse(t, g.want(http.StatusOK, "GET", "/failures/ingress", "", "Cookie", admins)); len(page.all("button", "formaction", "/failures/ingress/drop")) != 3 {
		t.Error("an admin cannot drop")
	}
	v := into[workflow.View](t, g.get("/api/v1/workflows/ingress", "Cookie", viewer))
	if v.Actions.Start.Enabled || v.Actions.Start.Reason != "this needs the role operator" || v.Actions.Edit.Enabled {
		t.Errorf("%+v", v.Actions)
	}
}
