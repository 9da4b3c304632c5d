package admin

import (
	"net/http"

	"github.com/nats-io/nats.go"

	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/httpapi"
	"github.com/causeway-sync/causeway/services/admin/pages"
)

// newHandler builds everything that is served over HTTP. Streams end when closing is closed.
func newHandler(closing <-chan struct{}, cfg Config, service *backend.Service, nc *nats.Conn, door *admission.Door) (http.Handler, error) {
	mux := admission.NewRouter(admission.Roles(), door.Require)
	openAPI, err := httpapi.Register(mux, httpapi.Config{Service: service, Closing: closing, Version: cfg.Version, Log: cfg.Log})
	if err != nil {
		return nil, err
	}
	site, err := pages.New(pages.Config{Service: service, Closing: closing, NATS: nc, OpenAPI: openAPI, Door: door, InstanceName: cfg.InstanceName, Version: cfg.Version, Log: cfg.Log})
	if err != nil {
		return nil, err
	}
	site.Register(mux)
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		mux.Handle(path, cfg.Probes)
	}
	if err := mux.Complete(); err != nil {
		return nil, err
	}
	door.OnRefusal(site.Refuse)
	return door.Guard(mux), nil
}
