package admin

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/danielgtaylor/huma/v2/sse"
	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

const (
	apiPrefix = "/api/v1"
	// maxBody bounds every request's body.
	maxBody = 1 << 20
	// liveEvery is how long a live stream is silent at most.
	liveEvery = 2 * time.Second
)

// httpAPI is the HTTP side of the service.
type httpAPI struct {
	service *Service
	monitor *Monitor
	// closing is closed when streams have to end.
	closing <-chan struct{}
	log     *zap.Logger
}

// register adds every operation to the mux and returns their description.
func (a *httpAPI) register(mux *router, version string) *huma.OpenAPI {
	cfg := huma.DefaultConfig("Causeway", version)
	cfg.Info.Description = "Keeps Microsoft Dynamics 365 and Adobe Campaign in step: how the workflows are, start and stop, configuration."
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath = "", "", "" // Served by us: the usual page loads scripts from elsewhere.
	cfg.Formats = jsonFormat()
	cfg.CreateHooks = nil // No $schema member in answers.
	api := humago.New(mux, cfg)

	add(a, api, operation{id: "list-workflows", method: http.MethodGet, path: "/workflows", summary: "How all workflows are", status: 200}, a.list)
	add(a, api, operation{id: "get-workflow", method: http.MethodGet, path: "/workflows/{id}", summary: "How one workflow is", status: 200}, a.get)
	add(a, api, operation{id: "start-workflow", method: http.MethodPost, path: "/workflows/{id}/start", summary: "Start; 409 with the reason when it is not allowed", status: 202}, a.start)
	add(a, api, operation{id: "stop-workflow", method: http.MethodPost, path: "/workflows/{id}/stop", summary: "Stop; 409 with the reason when it is not allowed", status: 202}, a.stop)
	add(a, api, operation{id: "list-commands", method: http.MethodGet, path: "/commands", summary: "Who asked for what, when; newest first", status: 200}, a.commands)
	a.registerConfig(api)
	a.registerConnections(api)
	a.registerMappings(api)
	a.registerFailures(api)
	a.registerLedger(api)
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
	problem := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "")
	return huma.Operation{
		OperationID: o.id, Method: o.method, Path: apiPrefix + o.path, Summary: o.summary, DefaultStatus: o.status,
		MaxBodyBytes: maxBody, SkipValidateBody: o.unchecked,
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
		problem := problemOf(err)
		if problem.Status >= http.StatusInternalServerError {
			a.log.Error("a request failed", zap.String("operation", o.id), zap.Error(causeOf(err)))
		}
		return nil, problem
	})
}

type workflowInput struct {
	ID string `path:"id" doc:"ingress, egress or optinout" example:"ingress"`
}

type listOutput struct{ Body WorkflowList }

func (a *httpAPI) list(ctx context.Context, _ *struct{}) (*listOutput, error) {
	return &listOutput{Body: a.service.listFor(ctx)}, nil
}

type viewOutput struct{ Body workflow.View }

func (a *httpAPI) get(ctx context.Context, in *workflowInput) (*viewOutput, error) {
	view, err := a.service.Get(in.ID)
	return &viewOutput{Body: seenBy(identityOf(ctx).Role, view)}, err
}

type commandOutput struct{ Body workflow.Command }

func (a *httpAPI) start(ctx context.Context, in *workflowInput) (*commandOutput, error) {
	cmd, err := a.service.Start(ctx, in.ID, callerOf(ctx, "http"))
	return &commandOutput{Body: cmd}, err
}

func (a *httpAPI) stop(ctx context.Context, in *workflowInput) (*commandOutput, error) {
	cmd, err := a.service.Stop(ctx, in.ID, callerOf(ctx, "http"))
	return &commandOutput{Body: cmd}, err
}

type commandsInput struct {
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"how many at most"`
}

type commandsOutput struct{ Body CommandList }

func (a *httpAPI) commands(ctx context.Context, in *commandsInput) (*commandsOutput, error) {
	list, err := a.service.Commands(ctx, in.Limit)
	return &commandsOutput{Body: list}, err
}

// registerLive adds the stream of server-sent events.
func (a *httpAPI) registerLive(api huma.API) {
	op := operation{id: "live", method: http.MethodGet, path: "/live", summary: "Server-sent events: workflows at every change, at least every two seconds", status: 200}.huma(api)
	sse.Register(api, op, map[string]any{"workflows": WorkflowList{}}, func(ctx context.Context, _ *struct{}, send sse.Sender) {
		a.monitor.follow(ctx, a.closing, func() error { return send.Data(a.service.listFor(ctx)) })
	})
}

// follow calls tell at once, at every change, and at least every two seconds, until tell fails (the reader is gone), ctx
// ends or the service closes.
func (m *Monitor) follow(ctx context.Context, closing <-chan struct{}, tell func() error) {
	changes, cancel := m.Subscribe()
	defer cancel()
	silence := time.NewTicker(liveEvery)
	defer silence.Stop()
	for tell() == nil {
		silence.Reset(liveEvery)
		select {
		case <-ctx.Done():
			return
		case <-closing:
			return
		case <-changes:
		case <-silence.C:
		}
	}
}

// etag writes a revision as an entity tag.
func etag(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }
