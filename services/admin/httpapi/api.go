package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/danielgtaylor/huma/v2/sse"
	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

const (
	apiPrefix = "/api/v1"
)

// httpAPI is the HTTP side of the service.
type httpAPI struct {
	service *backend.Service
	// closing is closed when streams have to end.
	closing <-chan struct{}
	log     *zap.Logger
}

// Config is what the HTTP API needs to know.
type Config struct {
	Service *backend.Service
	// Closing is closed when streams have to end.
	Closing <-chan struct{}
	Version string
	Log     *zap.Logger
}

// Register adds every operation to the mux, and their description at /openapi.json, which it returns.
func Register(mux *admission.Router, cfg Config) (*huma.OpenAPI, error) {
	api := &httpAPI{service: cfg.Service, closing: cfg.Closing, log: cfg.Log}
	openAPI := api.register(mux, cfg.Version)
	describeAccess(openAPI, admission.Roles())
	complete(openAPI)
	description, err := json.MarshalIndent(openAPI, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write the API's description: %w", err)
	}
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(description) // The reader may be gone.
	})
	mux.HandleFunc("/api/", apiFallback(mux))
	return openAPI, nil
}

// register adds every operation to the mux and returns their description.
func (a *httpAPI) register(mux *admission.Router, version string) *huma.OpenAPI {
	cfg := huma.DefaultConfig("Causeway", version)
	cfg.Info.Description = "Keeps Microsoft Dynamics 365 and Adobe Campaign in step: how the workflows are, start and stop, configuration."
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath = "", "", "" // Served by us: the usual page loads scripts from elsewhere.
	cfg.Formats = jsonFormat()
	cfg.CreateHooks = nil // No $schema member in answers.
	cfg.Transformers = []huma.Transformer{problems.Unify}
	api := humago.New(mux, cfg)

	add(a, api, operation{id: "list-workflows", method: http.MethodGet, path: "/workflows", summary: "How all workflows are", status: 200}, a.list)
	add(a, api, operation{id: "get-workflow", method: http.MethodGet, path: "/workflows/{id}", summary: "How one workflow is", status: 200}, a.get)
	add(a, api, operation{id: "start-workflow", method: http.MethodPost, path: "/workflows/{id}/start", summary: "Start; 409 with the reason when it is not allowed", status: 202}, a.start)
	add(a, api, operation{id: "stop-workflow", method: http.MethodPost, path: "/workflows/{id}/stop", summary: "Stop; 409 with the reason when it is not allowed", status: 202}, a.stop)
	a.registerConfig(api)
	a.registerHistory(api)
	a.registerConnections(api)
	a.registerMappings(api)
	a.registerFailures(api)
	a.registerLedger(api)
	a.registerInsight(api)
	a.registerUsage(api)
	a.registerPrivacy(api)
	a.registerLive(api)
	return api.OpenAPI()
}

// jsonFormat is JSON that is harmless even where somebody takes it for HTML.
func jsonFormat() map[string]huma.Format {
	format := huma.Format{Marshal: func(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }, Unmarshal: json.Unmarshal}
	return map[string]huma.Format{"application/json": format, "json": format}
}

// operation is what is special about an operation; add knows the rest.
type operation struct {
	id, method, path, summary string
	status                    int
	// unchecked leaves the body to the handler.
	unchecked bool
}

// huma describes the operation with our problem as its error.
func (o operation) huma(api huma.API) huma.Operation {
	problem := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[problems.Problem](), true, "")
	return huma.Operation{
		OperationID: o.id, Method: o.method, Path: apiPrefix + o.path, Summary: o.summary, DefaultStatus: o.status,
		MaxBodyBytes: admission.MaxBody, SkipValidateBody: o.unchecked,
		Responses: map[string]*huma.Response{"default": {
			Description: "Problem", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: problem}},
		}},
	}
}

// add registers an operation. Errors become problems here and nowhere else; those of the server are logged.
func add[I, O any](a *httpAPI, api huma.API, o operation, handle func(context.Context, *I) (*O, error)) {
	huma.Register(api, o.huma(api), func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err == nil {
			return out, nil
		}
		problem := problems.Of(err)
		if problem.Status >= http.StatusInternalServerError {
			a.log.Error("a request failed", zap.String("operation", o.id), zap.Error(fault.Cause(err)))
		}
		return nil, problem
	})
}

type workflowInput struct {
	ID string `path:"id" doc:"ingress, egress or optinout" example:"ingress"`
}

type listOutput struct{ Body backend.WorkflowList }

func (a *httpAPI) list(ctx context.Context, _ *struct{}) (*listOutput, error) {
	return &listOutput{Body: a.service.ListFor(admission.IdentityOf(ctx).Role)}, nil
}

type viewOutput struct{ Body workflow.View }

func (a *httpAPI) get(ctx context.Context, in *workflowInput) (*viewOutput, error) {
	view, err := a.service.Get(in.ID)
	return &viewOutput{Body: backend.SeenBy(admission.IdentityOf(ctx).Role, view)}, err
}

type commandOutput struct{ Body workflow.Command }

func (a *httpAPI) start(ctx context.Context, in *workflowInput) (*commandOutput, error) {
	cmd, err := a.service.Start(ctx, in.ID, admission.CallerOf(ctx, "http"))
	return &commandOutput{Body: cmd}, err
}

func (a *httpAPI) stop(ctx context.Context, in *workflowInput) (*commandOutput, error) {
	cmd, err := a.service.Stop(ctx, in.ID, admission.CallerOf(ctx, "http"))
	return &commandOutput{Body: cmd}, err
}

// registerLive adds the stream of server-sent events.
func (a *httpAPI) registerLive(api huma.API) {
	op := operation{id: "live", method: http.MethodGet, path: "/live", summary: "Server-sent events: workflows at every change, at least every two seconds", status: 200}.huma(api)
	sse.Register(api, op, map[string]any{"workflows": backend.WorkflowList{}}, func(ctx context.Context, _ *struct{}, send sse.Sender) {
		a.service.Follow(ctx, a.closing, func() error { return send.Data(a.service.ListFor(admission.IdentityOf(ctx).Role)) })
	})
}

// etag writes a revision as an entity tag.
func etag(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }

// apiFallback answers what no operation of the API answers, as a problem: 405 where the path exists with another
// method, 404 where it does not.
func apiFallback(mux *admission.Router) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		allowed := mux.Allowed(r)
		if len(allowed) == 0 {
			problems.Write(w, problems.New(http.StatusNotFound, "there is nothing at this path; /openapi.json lists what there is"))
			return
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		problems.Write(w, problems.New(http.StatusMethodNotAllowed, "this path takes "+strings.Join(allowed, ", ")))
	}
}
