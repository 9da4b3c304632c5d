package dynamicstest

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

const bulkCreate = "Microsoft.Dynamics.CRM.CreateMultiple"

// createMultiple creates rows of one table: all or none, and of the reasons against it only the first is told (Dataverse
// docs, Use bulk operation messages).
func (s *Server) createMultiple(w http.ResponseWriter, r *http.Request, t *table) *odataError {
	if !s.isBulk(t) {
		return fail(http.StatusBadRequest, codeGeneralError, "CreateMultiple has not yet been implemented.")
	}
	targets, bad := s.targets(r, t)
	if bad != nil {
		return bad
	}
	s.work(r, len(targets))
	ids := make([]string, len(targets))
	tx := s.begin()
	for i, op := range targets {
		if _, bad = tx.apply(op); bad != nil {
			break
		}
		ids[i] = op.id.String()
	}
	tx.end(bad == nil)
	if bad != nil {
		return bad
	}
	remotetest.WriteJSON(odata(w), http.StatusOK, map[string]any{
		"@odata.context": root(r) + "$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse", "Ids": ids,
	})
	return nil
}

func (s *Server) isBulk(t *table) bool { return !slices.Contains(s.opt.NoBulk, t.LogicalName) }

// targets are the creations of a body {"Targets":[{"@odata.type":"Microsoft.Dynamics.CRM.contact",...}]}.
func (s *Server) targets(r *http.Request, t *table) ([]operation, *odataError) {
	body, bad := readBody(r)
	if bad != nil {
		return nil, bad
	}
	list, ok := body["Targets"].([]any)
	if !ok || len(body) != 1 {
		return nil, fail(http.StatusBadRequest, codePayload, "Error identified in Payload provided by the user: the parameter Targets is missing.")
	}
	var targets []operation
	for _, item := range list {
		values, _ := item.(map[string]any)
		if values["@odata.type"] != "Microsoft.Dynamics.CRM."+t.LogicalName {
			return nil, errPayload(t, "@odata.type", fmt.Errorf("every target has to name the table"))
		}
		op, bad := s.creationOf(r.Method, t, values)
		if bad != nil {
			return nil, bad
		}
		targets = append(targets, op)
	}
	return targets, nil
}
