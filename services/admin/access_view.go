package admin

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// listFor is how all workflows are, with the actions as who asks in ctx may take them.
func (s *Service) listFor(ctx context.Context) WorkflowList {
	list := s.List()
	for i := range list.Workflows {
		list.Workflows[i] = seenBy(identityOf(ctx).Role, list.Workflows[i])
	}
	return list
}

// seenBy shows the actions of a workflow as somebody in a role may take them: what would be refused is disabled, and says
// why.
func seenBy(role access.Role, view workflow.View) workflow.View {
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

// describeAccess tells the API's description how one signs in, and which role each operation needs.
func describeAccess(doc *huma.OpenAPI, table map[string]access.Role) {
	doc.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":   {Type: "http", Scheme: "bearer", Description: "The token of a machine, made by the subcommand new-token."},
		"session": {Type: "apiKey", In: "cookie", Name: sessionCookie(true), Description: "The session of somebody who signed in at /login; without TLS the cookie is named " + sessionCookie(false) + "."},
	}
	doc.Security = []map[string][]string{{"token": {}}, {"session": {}}}
	for path, item := range doc.Paths {
		for method, op := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "DELETE": item.Delete} {
			if op == nil {
				continue
			}
			if op.Extensions == nil {
				op.Extensions = map[string]any{}
			}
			op.Extensions["x-least-role"] = table[method+" "+path].String()
		}
	}
}
