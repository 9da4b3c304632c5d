// Package standalone is the whole product in one process: an embedded nats-server, the admin service and the three
// workflow services, and, on request, both remote systems simulated.
//
// It composes the services' own Run functions. Nothing is wired here a second time, and nothing works here that would
// not work with the services apart.
package standalone

import (
	"cmp"
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/causeway-sync/causeway/deploy/sandbox"
	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/embedded"
	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/exportfile"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/remote"
	"github.com/causeway-sync/causeway/pkg/seal"
	"github.com/causeway-sync/causeway/pkg/telemetry"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/egress"
	"github.com/causeway-sync/causeway/services/host"
	"github.com/causeway-sync/causeway/services/ingress"
	"github.com/causeway-sync/causeway/services/optinout"
)

// Config of the process.
type Config struct {
	// Data is the folder that holds the bus; temporary folders are refused unless AllowTemporary.
	Data           string
	AllowTemporary bool
	// HTTP and NATS are the addresses of the pages and of the bus for others.
	HTTP, NATS string
	// HTTPListener is used instead of HTTP where given.
	HTTPListener net.Listener
	// Access, Hosts and UserHeader are the admin service's.
	Access       admission.Access
	Hosts        []string
	UserHeader   string
	InstanceName string
	Version      string
	// Sandbox simulates both remote systems; nil connects to Dynamics and Campaign.
	Sandbox  *sandbox.Config
	Dynamics dynamics.Config
	Campaign campaign.Config
	// SFTP is where Campaign's export files are.
	SFTP exportfile.Config
	// StoreKey is the file of the key that what is stored is encrypted with; empty for none.
	StoreKey string
	// ConnectionsKey is the file with the key of the connections' secrets, made where there is none; connections.key below
	// Data by default.
	ConnectionsKey string
	Sizes          bus.Sizes
	Keep           bus.Keep
	// Tuning is that of ingress; its limit of rejected records is everybody's.
	Tuning pump.Config
	// UnknownContactWait is in place of what the configuration of egress says, where it is not zero.
	UnknownContactWait time.Duration
	Log                *zap.Logger
}

// Run works until ctx ends, then stops the services, the bus and the sandbox, in this order.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	if err := cfg.mayListen(); err != nil {
		return err
	}
	server, err := startBus(cfg)
	if err != nil {
		return err
	}
	defer server.Stop()
	key, err := seal.Create(cfg.keyFile())
	if err != nil {
		return err
	}
	var systems *sandbox.Sandbox
	if cfg.Sandbox != nil {
		if systems, err = sandbox.Listen(ctx, cfg.simulated()); err != nil {
			return err
		}
		if err := os.RemoveAll(cfg.state()); err != nil { // The simulated Campaign is empty in each life of the process.
			return fault.Wrap(fault.Fatal, err, "what was written to an earlier sandbox cannot be forgotten")
		}
		cfg.Dynamics, cfg.Campaign, cfg.SFTP = systems.DynamicsConfig(), systems.CampaignConfig(), systems.SFTPConfig()
	}
	if err := provision(ctx, server, cfg); err != nil {
		return err
	}

	// The simulated systems outlive the services, which finish their calls at the end.
	sandboxCtx, stopSandbox := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSandbox()
	sandboxDone := make(chan error, 1)
	services, ctx := errgroup.WithContext(ctx)
	if systems != nil {
		go func() { sandboxDone <- systems.Serve(sandboxCtx) }()
	}
	for _, run := range cfg.services(server, key) {
		services.Go(func() error { return run(ctx) })
	}
	err = services.Wait()
	stopSandbox()
	if systems != nil {
		if stopErr := <-sandboxDone; err == nil {
			err = stopErr
		}
	}
	return err
}

// simulated is the sandbox's configuration: its files stay with the data, so that they outlive a crash.
func (cfg Config) simulated() sandbox.Config {
	simulated := *cfg.Sandbox
	if simulated.Files == "" {
		simulated.Files = filepath.Join(cfg.Data, "sandbox-sftp")
	}
	return simulated
}

// mayListen refuses what the admin service would refuse, before anything is opened.
func (cfg Config) mayListen() error {
	address := cfg.HTTP
	if cfg.HTTPListener != nil {
		address = cfg.HTTPListener.Addr().String()
	}
	if address == "" {
		address = "127.0.0.1:8080" // The admin service's own default.
	}
	return admission.MayListen(address, cfg.Access, cfg.UserHeader)
}

// state is the folder that keeps what was last written.
func (cfg Config) state() string { return filepath.Join(cfg.Data, "state") }

// keyFile is where the key of the connections' secrets is. Copies of the data should be made without it.
func (cfg Config) keyFile() string {
	return cmp.Or(cfg.ConnectionsKey, filepath.Join(cfg.Data, "connections.key"))
}

func startBus(cfg Config) (*embedded.Server, error) {
	opts := embedded.Options{Dir: cfg.Data, Port: embedded.DontListen, AllowTemporary: cfg.AllowTemporary, KeyFile: cfg.StoreKey, Log: cfg.Log}
	if cfg.NATS != "" {
		hostname, port, err := net.SplitHostPort(cfg.NATS)
		if err != nil {
			return nil, fault.Wrap(fault.Fatal, err, "the address of NATS, "+cfg.NATS+", is not host:port")
		}
		if opts.Port, err = strconv.Atoi(port); err != nil {
			return nil, fault.Wrap(fault.Fatal, err, "the port of NATS, "+port+", is not a number")
		}
		opts.Host = hostname
	}
	return embedded.Start(opts)
}

// provision sets the bus up before the services look for it.
func provision(ctx context.Context, server *embedded.Server, cfg Config) error {
	conn, err := bus.Connect(ctx, busOptions(server.InProcess(), "causeway-setup", cfg.Log))
	if err != nil {
		return err
	}
	defer conn.Close()
	return bus.Provision(ctx, conn, cfg.Sizes)
}

func busOptions(server nats.InProcessConnProvider, name string, log *zap.Logger) bus.Options {
	return bus.Options{Name: name, InProcess: server, Log: log, ConnectTimeout: 10 * time.Second}
}

// services are the Run functions of all services, bound to this process's bus.
func (cfg Config) services(server *embedded.Server, key *seal.Key) []func(context.Context) error {
	var provider nats.InProcessConnProvider = server.InProcess()
	// The instance's name is the same in every life of this process: nobody else can be alive on its data folder, so it may
	// take over the lease that a killed process left behind.
	registry := telemetry.NewRegistry()
	// The services of one process are one application user at the vendors: a pause that one is asked for counts for all (invariant 10).
	gates := remote.NewGates()
	cfg.Dynamics.Gates, cfg.Campaign.Gates = gates, gates
	hosted := func(id workflow.ID) host.Config {
		return host.Config{NATS: busOptions(provider, "causeway-"+string(id), cfg.Log), Instance: "standalone", Sole: true, Version: cfg.Version,
			Registry: registry, Log: cfg.Log}
	}
	return []func(context.Context) error{
		func(ctx context.Context) error {
			return admin.Run(ctx, admin.Config{Access: cfg.Access, Hosts: cfg.Hosts, UserHeader: cfg.UserHeader, Listen: cfg.HTTP, Listener: cfg.HTTPListener, InstanceName: cfg.InstanceName, Version: cfg.Version,
				NATS: busOptions(provider, "causeway-admin", cfg.Log), Sizes: cfg.Sizes, Keep: cfg.Keep, Key: key, Registry: registry, Log: cfg.Log})
		},
		func(ctx context.Context) error {
			return ingress.Run(ctx, ingress.Config{Host: hosted(workflow.Ingress), Dynamics: cfg.Dynamics, Campaign: cfg.Campaign, Tuning: cfg.Tuning,
				State: cfg.state(), Key: key})
		},
		func(ctx context.Context) error {
			return egress.Run(ctx, egress.Config{Host: hosted(workflow.Egress), Campaign: cfg.Campaign, Dynamics: cfg.Dynamics, Wait: cfg.UnknownContactWait, Key: key,
				Tuning: pump.Config{Rejects: cfg.Tuning.Rejects}})
		},
		func(ctx context.Context) error {
			return optinout.Run(ctx, optinout.Config{Host: hosted(workflow.OptInOut), Dynamics: cfg.Dynamics, Campaign: cfg.Campaign, SFTP: cfg.SFTP, Key: key,
				Tuning: pump.Config{Rejects: cfg.Tuning.Rejects}})
		},
	}
}
