package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
)

// apiFallback answers what no operation of the API answers, as a problem: 405 where the path exists with another
// method, 404 where it does not.
func apiFallback(mux *router) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		allowed := allowedMethods(mux, r)
		if len(allowed) == 0 {
			writeProblem(w, newProblem(http.StatusNotFound, "there is nothing at this path; /openapi.json lists what there is"))
			return
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		writeProblem(w, newProblem(http.StatusMethodNotAllowed, "this path takes "+strings.Join(allowed, ", ")))
	}
}

// allowedMethods asks the mux which methods have a pattern of their own for the path of r.
func allowedMethods(mux *router, r *http.Request) []string {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		probe := r.Clone(r.Context())
		probe.Method = method
		if _, pattern := mux.mux.Handler(probe); strings.HasPrefix(pattern, method+" ") {
			allowed = append(allowed, method)
		}
	}
	slices.Sort(allowed)
	return allowed
}

// newHandler builds everything that is served over HTTP. Streams end when closing is closed.
func newHandler(closing <-chan struct{}, cfg Config, service *Service, nc *nats.Conn, door *door) (http.Handler, error) {
	mux := newRouter(leastRoles(), door.require)
	api := &httpAPI{service: service, monitor: service.monitor, closing: closing, log: cfg.Log}
	openAPI := api.register(mux, cfg.Version)
	describeAccess(openAPI, leastRoles())
	description, err := json.MarshalIndent(openAPI, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write the API's description: %w", err)
	}
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(description) // The reader may be gone.
	})
	mux.HandleFunc("/api/", apiFallback(mux))

	site, err := newSite(closing, cfg, service, nc, openAPI, door)
	if err != nil {
		return nil, err
	}
	site.register(mux)
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		mux.Handle(path, cfg.Probes)
	}
	if err := mux.complete(); err != nil {
		return nil, err
	}
	door.refuse = site.refuse
	return guard(mux, door, cfg), nil
}
