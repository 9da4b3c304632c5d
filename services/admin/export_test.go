package admin

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/httpapi"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// RouteTable is the table of who may do what; the router serves nothing that is not in it.
func RouteTable() map[string]access.Role { return admission.Roles() }

// Description is the API's description as the service gives it, with the registry that resolves its references.
func Description() *huma.OpenAPI {
	mux := admission.NewRouter(admission.Roles(), func(_ access.Role, h http.Handler) http.Handler { return h })
	doc, err := httpapi.Register(mux, httpapi.Config{Version: "1.2.3"})
	if err != nil {
		panic(err)
	}
	return doc
}

// ProblemTypes are the types of all problems.
func ProblemTypes() (types []string) {
	for _, kind := range problems.Kinds() {
		types = append(types, kind.Type())
	}
	return types
}
