package pages

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// Refuse answers who lacks a role: 403 for somebody, 401 for nobody. A browser that asked for a page is led to the page
// where one signs in, and from there back.
func (s *Site) Refuse(w http.ResponseWriter, r *http.Request, least access.Role) {
	who := admission.IdentityOf(r.Context())
	switch {
	case who.Name != "" && who.Role == access.Nobody:
		s.tell(w, r, problems.New(http.StatusForbidden, who.Name+" has no role here: an admin of this service can give one in the users file"))
	case who.Role != access.Nobody:
		s.tell(w, r, problems.New(http.StatusForbidden, fmt.Sprintf("this needs the role %s; %s is %s", least, who.Name, who.Role)))
	case !wantsPage(r):
		w.Header().Set("WWW-Authenticate", `Bearer realm="causeway"`)
		problems.Write(w, problems.New(http.StatusUnauthorized, "sign in at /login, or send the token of a machine as Authorization: Bearer"))
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		http.Redirect(w, r, "/login?"+url.Values{"to": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
	default: // A form that was open for longer than the session.
		s.showLogin(w, r, http.StatusUnauthorized, login{To: "/", Ended: true})
	}
}

// tell writes a problem as a page or as JSON, whichever was asked for.
func (s *Site) tell(w http.ResponseWriter, r *http.Request, problem *problems.Problem) {
	if !wantsPage(r) {
		problems.Write(w, problem)
		return
	}
	if err := s.render(w, r, problem.Status, "problem", page{Title: problem.Title, Body: problem}); err != nil {
		s.cfg.Log.Error("the page of a refusal cannot be shown", zap.Error(err))
	}
}

// wantsPage tells a browser that shows a page from a script or a machine.
func wantsPage(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

// localPath is a path of this service's pages that somebody can be sent to, or the front page: an address that was put
// into a link leads nowhere else.
func localPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || u.User != nil || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") ||
		strings.ContainsAny(to, "\\\t\r\n") || strings.HasPrefix(u.Path, "//") || strings.HasPrefix(u.Path, "/login") || strings.HasPrefix(u.Path, "/logout") || strings.HasPrefix(u.Path, "/api/") {
		return "/"
	}
	return to
}
