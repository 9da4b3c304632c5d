package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/seal"
	"github.com/causeway-sync/causeway/pkg/telemetry"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/natsapi"
)

// Config is what the admin service needs to know.
type Config struct {
	// Listen is the address of the pages and the API; default 127.0.0.1:8080. Listener, where given, is used instead and
	// is closed by Run.
	Listen   string
	Listener net.Listener
	// InstanceName is shown beside the product's name, so that nobody stops production by mistake; default "Causeway".
	InstanceName string
	// NATS is where the bus is, Sizes what is created there.
	NATS  bus.Options
	Sizes bus.Sizes
	// Keep says how long settled records stay; see bus.Keep for the defaults.
	Keep bus.Keep
	// Key seals the secrets of connections; nil for a service that cannot take any.
	Key *seal.Key
	// Replay holds the guardrails of replays.
	Replay backend.ReplayLimits
	// Version of the product.
	Version string
	// Unavailable holds a reason for each workflow that this release cannot run. Its start is disabled.
	Unavailable map[workflow.ID]string
	// Access says who may do what; the zero value, nobody set up, is accepted on loopback addresses only.
	Access admission.Access
	// UserHeader names the header in which a trusted proxy puts the signed-in user, such as X-Forwarded-User. Empty
	// where there is no such proxy: the command log then shows addresses.
	UserHeader string
	// Hosts are the names under which browsers may reach the service; empty for all, except that a service that listens
	// on a loopback address only answers to localhost and to addresses.
	Hosts []string
	// Registry collects the metrics of the process; a new one where none is given. They are served at /metrics, beside
	// /healthz and /readyz. Probes, where given, answers these three instead.
	Registry *prometheus.Registry
	Probes   http.Handler
	Log      *zap.Logger
}

// shutdownTimeout is how long requests that are under way may take to end.
const shutdownTimeout = 5 * time.Second

func (c Config) withDefaults() Config {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:8080"
	}
	if c.InstanceName == "" {
		c.InstanceName = "Causeway"
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	if c.NATS.Name == "" {
		c.NATS.Name = "causeway-admin"
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.Registry == nil {
		c.Registry = telemetry.NewRegistry()
	}
	if c.NATS.Log == nil {
		c.NATS.Log = c.Log
	}
	return c
}

// Run sets the bus up and serves pages, HTTP and NATS until ctx ends, then releases everything in reverse. It returns
// nil after a stop that ctx asked for.
func Run(ctx context.Context, cfg Config) error {
	cfg = cfg.withDefaults()
	listener := cfg.Listener
	if listener == nil {
		var err error
		if listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen); err != nil {
			return fault.Wrap(fault.Fatal, err, fmt.Sprintf("cannot listen on %s: is another admin service running there?", cfg.Listen))
		}
	}
	door, err := admission.New(admission.Config{Access: cfg.Access, UserHeader: cfg.UserHeader, Hosts: cfg.Hosts, Log: cfg.Log}, listener.Addr())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	secure, err := admission.NewTLS(cfg.Access, cfg.Log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	site := serveWeb(listener, secure, cfg.Log)
	defer site.stop()
	conn, err := bus.Connect(ctx, cfg.NATS)
	if err != nil {
		return fault.UnlessStopped(ctx, err)
	}
	defer conn.Close()
	if err := bus.Provision(ctx, conn, cfg.Sizes); err != nil {
		return fault.UnlessStopped(ctx, err)
	}
	return serve(ctx, cfg, site, door, conn)
}

// serve runs the parts of the service. The first one that ends stops the others.
func serve(ctx context.Context, cfg Config, site *web, door *admission.Door, conn *bus.Conn) error {
	control, err := bus.NewControl(conn)
	if err != nil {
		return err
	}
	service := backend.New(conn, backend.Config{Keep: cfg.Keep, Key: cfg.Key, Replay: cfg.Replay, Unavailable: cfg.Unavailable, Log: cfg.Log})
	service.Listen(control)

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return control.Run(ctx) })
	group.Go(func() error { service.Run(ctx); return nil })
	group.Go(func() error { door.Run(ctx); return nil })
	group.Go(func() error { return watchConnection(ctx, conn) })
	group.Go(func() error {
		for _, ready := range []<-chan struct{}{control.Running(), service.Ready()} {
			select {
			case <-ready:
			case <-ctx.Done():
				return nil
			}
		}
		return answer(ctx, cfg, site, door, conn, service)
	})
	return group.Wait()
}

// answer serves HTTP and NATS until ctx ends.
func answer(ctx context.Context, cfg Config, site *web, door *admission.Door, conn *bus.Conn, service *backend.Service) (err error) {
	stopNATS, err := natsapi.Serve(conn.NATS(), service, cfg.Version, cfg.Log)
	if err != nil {
		return err
	}
	defer stopNATS()
	metrics := newViewMetrics(service.List)
	if err := cfg.Registry.Register(metrics); err != nil {
		return fault.Wrap(fault.Fatal, err, "the metrics are registered already: give each admin service a registry of its own")
	}
	defer cfg.Registry.Unregister(metrics)
	used := newUsageMetrics(service.Usage)
	if err := cfg.Registry.Register(used); err != nil {
		return fault.Wrap(fault.Fatal, err, "the metrics are registered already: give each admin service a registry of its own")
	}
	defer cfg.Registry.Unregister(used)
	if cfg.Probes == nil {
		cfg.Probes = telemetry.Probes(health(conn.NATS(), service.List), cfg.Registry)
	}
	handler, err := newHandler(ctx.Done(), cfg, service, conn.NATS(), door)
	if err != nil {
		return err
	}
	site.ready(handler)
	defer site.stop() // Before the connection closes: requests that are under way need it.
	cfg.Log.Info("the admin service is ready", zap.String("address", site.address))
	return site.wait(ctx)
}

// watchConnection ends the service when its bus is gone for good.
func watchConnection(ctx context.Context, conn *bus.Conn) error {
	select {
	case <-ctx.Done():
		return nil
	case <-conn.Closed():
		return fault.New(fault.Fatal, "the connection to NATS was closed and does not come back: start the service again")
	}
}
