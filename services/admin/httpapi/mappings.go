package httpapi

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/causeway-sync/causeway/pkg/catalog"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

// registerMappings adds the operations on mappings and on what can be mapped.
func (a *httpAPI) registerMappings(api huma.API) {
	add(a, api, operation{id: "replay-mapping", method: http.MethodPost, path: "/workflows/ingress/mappings/{table}/replay",
		summary: "Read a table again from the beginning at the next start; 409 at a guardrail", status: 202}, a.replayMapping)
	add(a, api, operation{id: "preview-mapping", method: http.MethodPost, path: "/workflows/ingress/mappings/{table}/preview",
		summary: "What the mapping, stored or sent, would write for a few real rows; writes nothing", status: 200, unchecked: true}, a.previewMapping)
	body := api.OpenAPI().Paths[apiPrefix+"/workflows/ingress/mappings/{table}/preview"].Post.RequestBody
	body.Required = false // Without one the stored mapping is previewed.
	body.Content = map[string]*huma.MediaType{"application/json": {
		Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[catalog.PreviewRequest](), true, "")}}
	add(a, api, operation{id: "list-tables", method: http.MethodGet, path: "/catalog/dynamics/tables", summary: "The tables of Dynamics 365", status: 200}, a.tables)
	add(a, api, operation{id: "get-table", method: http.MethodGet, path: "/catalog/dynamics/tables/{name}", summary: "A table with its columns", status: 200}, a.table)
	add(a, api, operation{id: "list-resources", method: http.MethodGet, path: "/catalog/campaign/resources", summary: "The resources of Campaign", status: 200}, a.resources)
	add(a, api, operation{id: "get-resource", method: http.MethodGet, path: "/catalog/campaign/resources/{name}", summary: "A resource with its fields", status: 200}, a.resource)
}

type tableInput struct {
	Table string `path:"table" doc:"logical name of a mapped table" example:"contact"`
}

type replayOutput struct{ Body backend.Replay }

func (a *httpAPI) replayMapping(ctx context.Context, in *tableInput) (*replayOutput, error) {
	replay, err := a.service.Replay(ctx, in.Table, admission.CallerOf(ctx, "http"))
	return &replayOutput{Body: replay}, err
}

type previewInput struct {
	Table   string `path:"table" doc:"logical name of the table" example:"contact"`
	RawBody []byte `contentType:"application/json"`
}

type previewOutput struct{ Body catalog.Preview }

func (a *httpAPI) previewMapping(ctx context.Context, in *previewInput) (*previewOutput, error) {
	preview, err := a.service.Preview(ctx, in.Table, in.RawBody)
	return &previewOutput{Body: preview}, err
}

type tablesOutput struct{ Body backend.TableList }

func (a *httpAPI) tables(ctx context.Context, _ *struct{}) (*tablesOutput, error) {
	tables, err := a.service.Tables(ctx)
	return &tablesOutput{Body: backend.TableList{Tables: tables}}, err
}

type catalogInput struct {
	Name string `path:"name" example:"contact"`
}

type tableOutput struct{ Body catalog.Table }

func (a *httpAPI) table(ctx context.Context, in *catalogInput) (*tableOutput, error) {
	table, err := a.service.Table(ctx, in.Name)
	return &tableOutput{Body: table}, err
}

type resourcesOutput struct{ Body backend.ResourceList }

func (a *httpAPI) resources(ctx context.Context, _ *struct{}) (*resourcesOutput, error) {
	resources, err := a.service.Resources(ctx)
	return &resourcesOutput{Body: backend.ResourceList{Resources: resources}}, err
}

type resourceOutput struct{ Body catalog.Resource }

func (a *httpAPI) resource(ctx context.Context, in *catalogInput) (*resourceOutput, error) {
	resource, err := a.service.Resource(ctx, in.Name)
	return &resourceOutput{Body: resource}, err
}
