package pages

import (
	"net/http"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// tracePage is the page Where is this record?
type tracePage struct {
	// Asked is the key that was looked up, empty for none.
	Asked     string
	Workflow  string
	Workflows []workflow.ID
	Trace     backend.Trace
	Problem   *problems.Problem
}

// trace looks a record up.
func (s *Site) trace(w http.ResponseWriter, r *http.Request) error {
	body, status := tracePage{Asked: r.URL.Query().Get("key"), Workflow: r.URL.Query().Get("workflow"), Workflows: workflow.All()}, http.StatusOK
	if body.Asked != "" {
		var err error
		if body.Trace, err = s.service.Trace(r.Context(), body.Asked, body.Workflow); err != nil {
			body.Problem = s.problem(r, err)
			status = body.Problem.Status
		}
	}
	return s.render(w, r, status, "trace", page{Title: "Where is this record?", Here: "/trace", Body: body, Crumbs: []crumb{{"Workflows", "/"}, {"Where is this record?", ""}}})
}

// FailureLink reports whether a step leads to its rejected record: for those who may see its payload. Others are led to the
// list of its key.
func (p page) FailureLink(id workflow.ID, step backend.TraceStep) bool {
	return step.Failure > 0 && id.Valid() && p.Who.Role.Includes(access.Operator)
}
