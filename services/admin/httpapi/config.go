package httpapi

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

// registerConfig adds the operations on configurations.
func (a *httpAPI) registerConfig(api huma.API) {
	add(a, api, operation{id: "get-config", method: http.MethodGet, path: "/workflows/{id}/config", summary: "The stored configuration; its revision is the ETag", status: 200}, a.getConfig)
	put := operation{id: "put-config", method: http.MethodPut, path: "/workflows/{id}/config", summary: "Store a configuration; 412 when If-Match is not the latest revision, 422 with every fault", status: 200}
	put.unchecked = true // pkg/config checks it, and names every fault.
	add(a, api, put, a.putConfig)
	describeDocuments(api.OpenAPI())
}

// describeDocuments tells the description what a configuration document looks like: the handlers pass it on as text.
func describeDocuments(doc *huma.OpenAPI) {
	var oneOf []*huma.Schema
	for _, d := range []any{config.IngressDoc{}, config.EgressDoc{}, config.OptInOutDoc{}} {
		oneOf = append(oneOf, doc.Components.Schemas.Schema(reflect.TypeOf(d), true, ""))
	}
	document := &huma.MediaType{Schema: &huma.Schema{OneOf: oneOf, Description: "the workflow's configuration document"}}
	path := doc.Paths[apiPrefix+"/workflows/{id}/config"]
	path.Get.Responses["200"].Content = map[string]*huma.MediaType{"application/json": document}
	path.Put.Responses["200"].Content = map[string]*huma.MediaType{"application/json": document}
	path.Put.RequestBody.Content = map[string]*huma.MediaType{"application/json": document}
}

// configOutput is the document as it is stored.
type configOutput struct {
	ETag        string `header:"ETag" doc:"the revision, in quotes"`
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func document(c backend.Configuration) *configOutput {
	return &configOutput{ETag: etag(c.Revision), ContentType: "application/json", Body: c.Document}
}

func (a *httpAPI) getConfig(ctx context.Context, in *workflowInput) (*configOutput, error) {
	cfg, err := a.service.Config(ctx, in.ID)
	return document(cfg), err
}

type putConfigInput struct {
	ID      string `path:"id" doc:"ingress, egress or optinout" example:"ingress"`
	IfMatch string `header:"If-Match" doc:"the revision that was edited, as in the ETag; * for whatever is stored"`
	RawBody []byte `contentType:"application/json"`
}

func (a *httpAPI) putConfig(ctx context.Context, in *putConfigInput) (*configOutput, error) {
	expected, err := a.expected(ctx, in)
	if err != nil {
		return nil, err
	}
	cfg, err := a.service.PutConfig(ctx, in.ID, in.RawBody, expected, admission.CallerOf(ctx, "http"))
	return document(cfg), err
}

// expected reads If-Match.
func (a *httpAPI) expected(ctx context.Context, in *putConfigInput) (uint64, error) {
	return ifMatch(in.IfMatch, "configuration", func() (uint64, error) {
		latest, err := a.service.Config(ctx, in.ID)
		return latest.Revision, err
	})
}
