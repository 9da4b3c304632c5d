package admin

import (
	"fmt"
	"net/http"
	"strings"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/access"
)

// refuse answers who lacks a role.
func (s *site) refuse(w http.ResponseWriter, r *http.Request, least access.Role) {
	who := identityOf(r.Context())
	problem := newProblem(http.StatusForbidden, fmt.Sprintf("this needs the role %s; %s is %s", least, who.Name, who.Role))
	if !wantsPage(r) {
		writeProblem(w, problem)
		return
	}
	if err := s.render(w, r, problem.Status, "problem", page{Title: problem.Title, Body: problem}); err != nil {
		s.cfg.Log.Error("the page of a refusal cannot be shown", zap.Error(err))
	}
}

// wantsPage tells a browser that shows a page from a script or a machine.
func wantsPage(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}
