package natsapi

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

const (
	microName = "causeway"
	// apiSubject is the root of the NATS API.
	apiSubject = "causeway.api.workflows"
	// requestTimeout bounds one request over NATS; one that needs a remote system may take its time.
	requestTimeout = 35 * time.Second
)

// microAPI is the NATS side of the service: the same answers as over HTTP, the same checks, errors in the service error
// headers with the HTTP status as the code and the problem as the body.
type microAPI struct {
	service *backend.Service
	log     *zap.Logger
	nc      *nats.Conn
	// answering are the requests that are answered beside the others.
	answering bus.Answering
}

// Serve registers the micro service until the returned function is called, which waits for the answers that are under way;
// they end when it is called.
func Serve(nc *nats.Conn, service *backend.Service, version string, log *zap.Logger) (stop func(), err error) {
	a := &microAPI{service: service, log: log, nc: nc}
	svc, err := micro.AddService(nc, micro.Config{
		Name: microName, Version: semantic(version),
		Description:  "Workflows between Dynamics 365 and Adobe Campaign: how they are, start, stop, configuration",
		StatsHandler: func(*micro.Endpoint) any { return a.stats() },
		ErrorHandler: func(_ micro.Service, err *micro.NATSError) {
			a.log.Warn("the NATS API reports an error", zap.String("subject", err.Subject), zap.String("error", err.Description))
		},
	})
	if err != nil {
		return nil, fault.Wrap(fault.Fatal, err, "the NATS API cannot be registered")
	}
	ctx, cancel := context.WithCancel(context.Background())
	stop = func() {
		if err := svc.Stop(); err != nil {
			a.log.Warn("the NATS API did not stop cleanly", zap.Error(err))
		}
		cancel()
		a.answering.Stop()
	}
	for _, e := range a.endpoints() {
		about := micro.WithEndpointMetadata(map[string]string{"does": e.Does, "request": e.Request})
		if err := svc.AddEndpoint(e.Name, a.handler(ctx, e), micro.WithEndpointSubject(e.Subject), about); err != nil {
			stop()
			return nil, fault.Wrap(fault.Fatal, err, "the NATS API cannot be registered")
		}
	}
	bus.ConfirmSubscriptions(nc) // Who is told that the service is ready may ask over NATS too.
	return stop, nil
}

// stats is what `nats micro stats` shows beside the counts: how each workflow is, in two words.
func (a *microAPI) stats() map[workflow.ID]workflowStats {
	stats := map[workflow.ID]workflowStats{}
	for _, v := range a.service.List().Workflows {
		stats[v.ID] = workflowStats{Status: v.Status, Backlog: v.Backlog}
	}
	return stats
}

type workflowStats struct {
	Status  workflow.Status `json:"status"`
	Backlog uint64          `json:"backlog"`
}

// handler answers the requests of an endpoint. Those that ask a remote system are answered beside the others: one that
// waits must not hold up those behind it.
func (a *microAPI) handler(ctx context.Context, e Endpoint) micro.Handler {
	return micro.HandlerFunc(func(req micro.Request) {
		if !e.remote() {
			a.answer(ctx, e, req)
			return
		}
		a.answering.Go(func() { a.answer(ctx, e, bus.Detached(a.nc, req)) })
	})
}

// answer finds in the subject what a request is about, and writes the answer or the problem. A bug costs one request.
func (a *microAPI) answer(ctx context.Context, e Endpoint, req micro.Request) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	defer func() {
		if cause := recover(); cause != nil {
			a.log.Error("a handler panicked", zap.Any("cause", cause), zap.String("endpoint", e.Name), zap.ByteString("stack", debug.Stack()))
			_ = a.refuse(req, fault.New(fault.Fatal, "internal error; the service's log says more")) // Nobody is left to tell.
		}
	}()
	out, err := e.handle(ctx, nameIn(req.Subject()), req.Data())
	if err == nil {
		err = req.RespondJSON(out)
	} else {
		err = a.refuse(req, err)
	}
	if err != nil {
		a.log.Warn("an answer could not be sent", zap.String("subject", req.Subject()), zap.Error(err))
	}
}

func (a *microAPI) refuse(req micro.Request, err error) error {
	problem := problems.Of(err)
	if problem.Status >= 500 {
		a.log.Error("a request failed", zap.String("subject", req.Subject()), zap.Error(fault.Cause(err)))
	}
	body, marshalErr := json.Marshal(problem)
	if marshalErr != nil {
		return marshalErr
	}
	return req.Error(problem.Code(), problem.Detail, body)
}

func (a *microAPI) list(context.Context, string, []byte) (any, error) { return a.service.List(), nil }

func (a *microAPI) get(_ context.Context, id string, _ []byte) (any, error) { return a.service.Get(id) }

func (a *microAPI) start(ctx context.Context, id string, _ []byte) (any, error) {
	return a.service.Start(ctx, id, a.caller())
}

func (a *microAPI) stop(ctx context.Context, id string, _ []byte) (any, error) {
	return a.service.Stop(ctx, id, a.caller())
}

// replay takes {"table":"contact"}.
func (a *microAPI) replay(ctx context.Context, _ string, data []byte) (any, error) {
	var q struct {
		Table string `json:"table"`
	}
	if err := json.Unmarshal(data, &q); err != nil || q.Table == "" {
		return nil, notUnderstood(`send {"table":"contact"}`)
	}
	return a.service.Replay(ctx, q.Table, a.caller())
}

// preview takes {"table":"contact"}, and with it "mapping" and "limit" as over HTTP.
func (a *microAPI) preview(ctx context.Context, _ string, data []byte) (any, error) {
	var q struct {
		Table string `json:"table"`
	}
	if err := json.Unmarshal(data, &q); err != nil || q.Table == "" {
		return nil, notUnderstood(`send {"table":"contact"}`)
	}
	return a.service.Preview(ctx, q.Table, data)
}

// caller is nobody in particular: NATS tells a service nothing about who sent a request.
func (a *microAPI) caller() backend.Caller { return backend.Caller{By: "unknown", Via: "nats"} }

// config reads, or with {"revision":7,"document":{...}} stores, a configuration.
func (a *microAPI) config(ctx context.Context, id string, data []byte) (any, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return a.service.Config(ctx, id)
	}
	put, faults := parsePut(data)
	if len(faults) > 0 {
		return nil, backend.InvalidConfig(faults)
	}
	return a.service.PutConfig(ctx, id, put.Document, *put.Revision, a.caller())
}

// semantic makes a version that NATS accepts: a build that has no release number is 0.0.0 with its name.
func semantic(version string) string {
	version = strings.TrimPrefix(version, "v")
	// A part that is a number has no leading zero, by https://semver.org and by the library's own check.
	const number, part = `(0|[1-9]\d*)`, `(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)`
	if regexp.MustCompile(`^` + number + `\.` + number + `\.` + number + `(-` + part + `(\.` + part + `)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`).MatchString(version) {
		return version
	}
	name := regexp.MustCompile(`[^0-9A-Za-z-]+`).ReplaceAllString(version, "-")
	if name = strings.Trim(name, "-"); name == "" {
		name = "dev"
	}
	if regexp.MustCompile(`^0\d+$`).MatchString(name) { // So a commit can be called.
		name = "g" + name
	}
	return "0.0.0-" + name
}

// putRequest stores a document over NATS.
type putRequest struct {
	Revision *uint64         `json:"revision"`
	Document json.RawMessage `json:"document"`
}

// parsePut reads a request to store a document; a request without a body is one to read, and does not come here.
func parsePut(data []byte) (putRequest, config.Faults) {
	var put putRequest
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&put); err != nil || put.Revision == nil || len(put.Document) == 0 {
		return put, config.Faults{{Problem: "the request is not understood",
			Fix: `send nothing to read, or {"revision":7,"document":{...}} to store what was edited on revision 7`}}
	}
	return put, nil
}
