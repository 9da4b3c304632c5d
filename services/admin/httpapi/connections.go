package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/causeway-sync/causeway/pkg/catalog"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// registerConnections adds the operations on connections.
func (a *httpAPI) registerConnections(api huma.API) {
	add(a, api, operation{id: "list-connections", method: http.MethodGet, path: "/connections", summary: "All connections: what is stored, and what the environment of which process sets", status: 200}, a.connections)
	add(a, api, operation{id: "get-connection", method: http.MethodGet, path: "/connections/{name}", summary: "The settings that are stored; of secrets only that they are set. The revision is the ETag", status: 200}, a.getConnection)
	put := operation{id: "put-connection", method: http.MethodPut, path: "/connections/{name}", summary: "Store a connection; a secret that is missing is kept, an empty one removed. 412 when If-Match is not the latest revision, 422 with every fault", status: 200}
	put.unchecked = true // pkg/config checks it, and names every fault.
	add(a, api, put, a.putConnection)
	test := operation{id: "test-connection", method: http.MethodPost, path: "/connections/{name}/test", summary: "Say step by step what of a connection works: the one that counts now, or the draft in the body", status: 200}
	test.unchecked = true
	add(a, api, test, a.testConnection)
	// Without a body the connection that counts now is tested.
	api.OpenAPI().Paths[apiPrefix+"/connections/{name}/test"].Post.RequestBody.Required = false
}

type connectionsOutput struct{ Body backend.ConnectionList }

func (a *httpAPI) connections(ctx context.Context, _ *struct{}) (*connectionsOutput, error) {
	list, err := a.service.Connections(ctx)
	return &connectionsOutput{Body: list}, err
}

type connectionInput struct {
	Name string `path:"name" doc:"dynamics, campaign or sftp" example:"dynamics"`
}

// connectionOutput is the settings by name.
type connectionOutput struct {
	ETag string `header:"ETag" doc:"the revision, in quotes"`
	Body map[string]any
}

func (a *httpAPI) getConnection(ctx context.Context, in *connectionInput) (*connectionOutput, error) {
	one, err := a.service.Connection(ctx, in.Name)
	return &connectionOutput{ETag: etag(one.Revision), Body: one.Settings}, err
}

type putConnectionInput struct {
	Name    string `path:"name" doc:"dynamics, campaign or sftp" example:"dynamics"`
	IfMatch string `header:"If-Match" doc:"the revision that was edited, as in the ETag; * for whatever is stored"`
	RawBody []byte `contentType:"application/json"`
}

func (a *httpAPI) putConnection(ctx context.Context, in *putConnectionInput) (*connectionOutput, error) {
	expected, err := ifMatch(in.IfMatch, "connection", func() (uint64, error) {
		latest, err := a.service.Connection(ctx, in.Name)
		return latest.Revision, err
	})
	if err != nil {
		return nil, err
	}
	one, err := a.service.PutConnection(ctx, in.Name, in.RawBody, expected, admission.CallerOf(ctx, "http"))
	return &connectionOutput{ETag: etag(one.Revision), Body: one.Settings}, err
}

// ifMatch reads the header If-Match: the revision that an edit began with.
func ifMatch(header, what string, latest func() (uint64, error)) (uint64, error) {
	switch tag := strings.TrimSpace(header); tag {
	case "":
		return 0, problems.New(http.StatusPreconditionRequired, "If-Match is missing: send the ETag of the "+what+" that was edited")
	case "*":
		return latest()
	default:
		revision, err := strconv.ParseUint(strings.Trim(strings.TrimPrefix(tag, "W/"), `"`), 10, 64) // A proxy that compresses makes tags weak.
		if err != nil {
			return 0, problems.New(http.StatusBadRequest, "If-Match is not a revision: send the ETag of the "+what+" as it was received")
		}
		return revision, nil
	}
}

type testConnectionInput struct {
	Name    string `path:"name" doc:"dynamics, campaign or sftp" example:"dynamics"`
	RawBody []byte `contentType:"application/json"`
}

type testConnectionOutput struct{ Body catalog.TestReport }

func (a *httpAPI) testConnection(ctx context.Context, in *testConnectionInput) (*testConnectionOutput, error) {
	report, err := a.service.TestConnection(ctx, in.Name, in.RawBody)
	return &testConnectionOutput{Body: report}, err
}
