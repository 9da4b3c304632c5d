package admission

import (
	"maps"

	"github.com/causeway-sync/causeway/pkg/access"
)

// Roles is the one table of who may do what: every route with the least role that it needs. The service does not
// start with a route that stands not in it, or with a line that no route has; the documentation page and docs/roles.md tell it.
func Roles() map[string]access.Role {
	table := map[string]access.Role{
		// Everybody: what signing in needs, and what tells machines that the process lives.
		"GET /login":          access.Nobody,
		"POST /login":         access.Nobody,
		"GET /login/provider": access.Nobody,
		"GET /login/back":     access.Nobody,
		"POST /logout":        access.Nobody,
		"GET /static/{file}":  access.Nobody,
		"/healthz":            access.Nobody,
		"/readyz":             access.Nobody,

		// Viewers see how things are, and no record's content.
		"GET /{$}":                     access.Viewer,
		"GET /live":                    access.Viewer,
		"GET /workflows/{id}/edit":     access.Viewer,
		"GET /workflows/{id}/document": access.Viewer,
		"GET /workflows/ingress/mappings/{table}/edit": access.Viewer,
		"GET /failures":                               access.Viewer,
		"GET /failures/{id}":                          access.Viewer,
		"GET /failures/{id}/export.csv":               access.Viewer,
		"GET /history":                                access.Viewer,
		"GET /settings":                               access.Viewer,
		"GET /api/v1/connections":                     access.Viewer,
		"GET /api/v1/connections/{name}":              access.Viewer,
		"GET /docs":                                   access.Viewer,
		"GET /about":                                  access.Viewer,
		"GET /privacy":                                access.Viewer,
		"GET /api/v1/privacy":                         access.Viewer,
		"GET /openapi.json":                           access.Viewer,
		"/metrics":                                    access.Viewer,
		"GET /api/v1/workflows":                       access.Viewer,
		"GET /api/v1/workflows/{id}":                  access.Viewer,
		"GET /api/v1/workflows/{id}/config":           access.Viewer,
		"GET /api/v1/workflows/{id}/failures":         access.Viewer,
		"GET /api/v1/commands":                        access.Viewer,
		"GET /api/v1/live":                            access.Viewer,
		"GET /api/v1/workflows/{id}/config/revisions": access.Viewer,
		"GET /api/v1/workflows/{id}/failures/groups":  access.Viewer,
		"/":     access.Viewer, // There is no such page: who is not signed in is not told.
		"/api/": access.Viewer,

		// Operators keep it going, and see the records that are in the way: payloads, and what a stored mapping makes of a row.
		"POST /workflows/{id}/start":                             access.Operator,
		"POST /workflows/{id}/stop":                              access.Operator,
		"GET /failures/{id}/{seq}":                               access.Operator,
		"POST /failures/{id}/retry":                              access.Operator,
		"POST /workflows/ingress/mappings/{table}/replay":        access.Operator,
		"GET /workflows/ingress/mappings/{table}/preview":        access.Operator,
		"GET /workflows/optinout/ledger":                         access.Operator,
		"GET /api/v1/workflows/optinout/ledger":                  access.Operator,
		"POST /api/v1/workflows/{id}/start":                      access.Operator,
		"POST /api/v1/workflows/{id}/stop":                       access.Operator,
		"GET /api/v1/workflows/{id}/failures/{seq}":              access.Operator,
		"POST /api/v1/workflows/{id}/failures/{seq}/retry":       access.Operator,
		"POST /api/v1/workflows/{id}/failures/retry":             access.Operator,
		"POST /api/v1/workflows/ingress/mappings/{table}/replay": access.Operator,

		// Admins configure, and remove for good. A preview over the API may bring a mapping of its own, and with it reads any
		// column of Dynamics 365: that is an admin's reach.
		"POST /workflows/egress/edit":                             access.Admin,
		"POST /workflows/optinout/edit":                           access.Admin,
		"POST /workflows/{id}/document":                           access.Admin,
		"GET /workflows/ingress/mappings/new":                     access.Admin,
		"POST /workflows/ingress/mappings/new":                    access.Admin,
		"POST /workflows/ingress/mappings/{table}/edit":           access.Admin,
		"GET /workflows/ingress/mappings/{table}/delete":          access.Admin,
		"POST /workflows/ingress/mappings/{table}/delete":         access.Admin,
		"POST /settings/{name}":                                   access.Admin,
		"POST /settings/{name}/test":                              access.Admin,
		"PUT /api/v1/connections/{name}":                          access.Admin,
		"POST /api/v1/connections/{name}/test":                    access.Admin,
		"POST /privacy":                                           access.Admin,
		"POST /api/v1/privacy":                                    access.Admin,
		"POST /failures/{id}/drop":                                access.Admin,
		"PUT /api/v1/workflows/{id}/config":                       access.Admin,
		"DELETE /api/v1/workflows/{id}/failures":                  access.Admin,
		"DELETE /api/v1/workflows/{id}/failures/{seq}":            access.Admin,
		"POST /api/v1/workflows/ingress/mappings/{table}/preview": access.Admin,
		"GET /api/v1/catalog/dynamics/tables":                     access.Admin,
		"GET /api/v1/catalog/dynamics/tables/{name}":              access.Admin,
		"GET /api/v1/catalog/campaign/resources":                  access.Admin,
		"GET /api/v1/catalog/campaign/resources/{name}":           access.Admin,
	}
	maps.Copy(table, insightRoles())
	return table
}

// insightRoles is the part of the table that is about how things went: history, revisions and where a record is.
func insightRoles() map[string]access.Role {
	return map[string]access.Role{
		"GET /api/v1/usage":                                        access.Viewer,
		"GET /api/v1/settings":                                     access.Viewer,
		"PUT /api/v1/settings":                                     access.Admin,
		"POST /settings/budgets":                                   access.Admin,
		"GET /trace":                                               access.Viewer,
		"GET /api/v1/trace":                                        access.Viewer,
		"GET /workflows/{id}/revisions":                            access.Viewer,
		"GET /workflows/{id}/revisions/{n}":                        access.Viewer,
		"GET /api/v1/workflows/{id}/trend":                         access.Viewer,
		"GET /api/v1/workflows/{id}/config/revisions/{n}":          access.Viewer,
		"POST /workflows/{id}/revisions/{n}/restore":               access.Admin,
		"POST /api/v1/workflows/{id}/config/revisions/{n}/restore": access.Admin,
	}
}
