package httpapi

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/services/admin/admission"
)

// describeAccess tells the API's description how one signs in, and which role each operation needs.
func describeAccess(doc *huma.OpenAPI, table map[string]access.Role) {
	doc.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":   {Type: "http", Scheme: "bearer", Description: "The token of a machine, made by the subcommand new-token."},
		"session": {Type: "apiKey", In: "cookie", Name: admission.SessionCookie(true), Description: "The session of somebody who signed in at /login; without TLS the cookie is named " + admission.SessionCookie(false) + "."},
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
