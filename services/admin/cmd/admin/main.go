// Command admin sets the bus up, shows the workflows and takes commands for them.
package main

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/deploy/cli"
	"github.com/causeway-sync/causeway/deploy/cli/pages"
	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/services/admin"
)

type grammar struct {
	cli.Log
	Serve        serve              `cmd:"" default:"withargs" help:"Serve the pages and the API (the default)."`
	Healthcheck  cli.Healthcheck    `cmd:"" help:"Ask the running process for its health."`
	HashPassword pages.HashPassword `cmd:"" help:"Read a password and print the line of the users file for a person."`
	NewToken     pages.NewToken     `cmd:"" help:"Make a token and print the line of the users file for a machine."`
}

type serve struct {
	cli.NATS
	pages.Access
	cli.ConnectionsKey
	HTTP         string        `name:"http" help:"Address of the pages and the API." default:"127.0.0.1:8080" env:"CAUSEWAY_HTTP"`
	InstanceName string        `name:"instance-name" help:"Name of this installation, shown on every page." default:"Causeway" env:"CAUSEWAY_INSTANCE_NAME"`
	QueueBytes   int64         `name:"queue-max-bytes" help:"Size limit of each workflow's queue." default:"2147483648" env:"CAUSEWAY_QUEUE_MAX_BYTES"`
	KeepSettled  time.Duration `name:"keep-settled" help:"How long written records stay in the queue, for tracing." default:"24h" env:"CAUSEWAY_KEEP_SETTLED"`
	Replicas     int           `name:"replicas" help:"Copies of each stream: 1 on a single server, 3 on a cluster." default:"1" env:"CAUSEWAY_REPLICAS"`
}

// Run serves until ctx ends.
func (s serve) Run(ctx context.Context, log *zap.Logger) error {
	access, err := s.Access.Config()
	if err != nil {
		return err
	}
	key, err := s.ConnectionsKey.Create()
	if err != nil {
		return err
	}
	nats, err := s.Options("causeway-admin", log)
	if err != nil {
		return err
	}
	return admin.Run(ctx, admin.Config{
		Listen: s.HTTP, InstanceName: s.InstanceName, Access: access, Key: key, Hosts: s.Hosts, UserHeader: s.UserHeader, Version: cli.Version(), Log: log,
		NATS: nats, Sizes: bus.Sizes{QueueBytes: s.QueueBytes, Replicas: s.Replicas}, Keep: bus.Keep{Age: s.KeepSettled},
	})
}

func main() {
	var g grammar
	cli.Main("admin", "Causeway: the admin service.", &g, func() cli.Log { return g.Log }, cli.OnPages())
}
