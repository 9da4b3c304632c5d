package telemetry

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Health answers the probes of one process.
type Health struct {
	// Live returns why the process cannot go on, nil while it can.
	Live func() error
	// Ready returns why the process cannot serve now, nil while it can.
	Ready func() error
	// Detail is shown in the body of /readyz: the statuses of workflows, say. It may be nil.
	Detail func() any
}

// Probes serves /healthz, /readyz and /metrics.
func Probes(health Health, registry *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", answer(health.Live, nil))
	mux.HandleFunc("GET /readyz", answer(health.Ready, health.Detail))
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

func answer(check func() error, detail func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		body := map[string]any{"status": "ok"}
		status := http.StatusOK
		if check != nil {
			if err := check(); err != nil {
				status = http.StatusServiceUnavailable
				body["status"], body["reason"] = "unavailable", err.Error()
			}
		}
		if detail != nil {
			body["detail"] = detail()
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
}

// Serve answers the probes on an address of their own until ctx ends. An empty address serves nothing.
func Serve(ctx context.Context, address string, handler http.Handler) error {
	if address == "" {
		<-ctx.Done()
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("cannot serve the probes on %s: %w", address, err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	select {
	case err := <-stopped:
		return fmt.Errorf("the probes stopped: %w", err)
	case <-ctx.Done():
		closeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if err := server.Shutdown(closeCtx); err != nil {
			_ = server.Close()
		}
		<-stopped
		return nil
	}
}
