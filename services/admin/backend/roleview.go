package backend

import (
	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// ListFor is how all workflows are, with the actions as somebody in a role may take them.
func (s *Service) ListFor(role access.Role) WorkflowList {
	list := s.List()
	for i := range list.Workflows {
		list.Workflows[i] = SeenBy(role, list.Workflows[i])
	}
	return list
}

// SeenBy shows the actions of a workflow as somebody in a role may take them: what would be refused is disabled, and says
// why.
func SeenBy(role access.Role, view workflow.View) workflow.View {
	deny := func(action *workflow.Action, least access.Role) {
		if !role.Includes(least) {
			*action = workflow.Action{Reason: "this needs the role " + least.String()}
		}
	}
	deny(&view.Actions.Start, access.Operator)
	deny(&view.Actions.Stop, access.Operator)
	deny(&view.Actions.Edit, access.Admin)
	return view
}
