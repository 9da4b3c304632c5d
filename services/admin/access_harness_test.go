package admin_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/services/admin"
)

const password = "correct horse battery"

// guarded is a service with a user and a machine for each role: the name is the role's, with -bot for the machine.
type guarded struct {
	*rig
	file   string
	lines  map[string]string
	tokens map[access.Role]string
}

func startGuarded(t *testing.T, change func(*admin.Config)) *guarded {
	t.Helper()
	g := &guarded{file: filepath.Join(t.TempDir(), "users"), lines: map[string]string{}, tokens: map[access.Role]string{}}
	for _, role := range access.Roles() {
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		g.lines[role.String()] = role.String() + ":" + role.String() + ":" + string(hash)
		token, line, err := access.TokenLine(role.String()+"-bot", role.String())
		if err != nil {
			t.Fatal(err)
		}
		g.lines[role.String()+"-bot"], g.tokens[role] = line, token
	}
	g.write(t)
	g.rig = start(t, func(c *admin.Config) {
		c.Access.UsersFile = g.file
		if change != nil {
			change(c)
		}
	})
	return g
}

// write replaces the users file.
func (g *guarded) write(t *testing.T) {
	t.Helper()
	text := ""
	for _, line := range g.lines {
		text += line + "\n"
	}
	if err := os.WriteFile(g.file+".next", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(g.file+".next", g.file); err != nil {
		t.Fatal(err)
	}
}

const formType = "application/x-www-form-urlencoded"

// login sends the form and returns the answer.
func (g *guarded) login(status int, name, password, to string, headers ...string) answer {
	g.t.Helper()
	form := url.Values{"name": {name}, "password": {password}, "to": {to}}
	return g.want(status, "POST", "/login", form.Encode(), append([]string{"Content-Type", formType, "Accept", "text/html"}, headers...)...)
}

// session signs somebody in and returns the cookie as a header's value.
func (g *guarded) session(role access.Role) string {
	g.t.Helper()
	return cookieOf(g.t, g.login(http.StatusSeeOther, role.String(), password, "/"))
}

// cookieOf is the session that an answer gives.
func cookieOf(t *testing.T, a answer) string {
	t.Helper()
	for _, cookie := range a.Cookies() {
		if strings.HasSuffix(cookie.Name, "causeway") && cookie.Value != "" {
			return cookie.Name + "=" + cookie.Value
		}
	}
	t.Fatalf("%s gives no session: %v", a.Status, a.Header)
	return ""
}

// bearer is the header of a role's machine.
func (g *guarded) bearer(role access.Role) string { return "Bearer " + g.tokens[role] }
