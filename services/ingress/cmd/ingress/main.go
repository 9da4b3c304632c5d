// Command ingress serves the workflow Dynamics 365 to Campaign.
package main

import (
	"context"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/deploy/cli"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/services/ingress"
)

type grammar struct {
	cli.Log
	Serve       serve           `cmd:"" default:"withargs" help:"Serve the workflow (the default)."`
	Healthcheck cli.Healthcheck `cmd:"" help:"Ask the running process for its health."`
}

type serve struct {
	cli.NATS
	cli.Host
	cli.Dynamics
	cli.Campaign
	cli.ConnectionsKey
	cli.Rejects
	State string `name:"state" help:"Folder that keeps what was last written, so that unchanged records cost no call; may be lost at any time; empty for none." default:"./state" env:"CAUSEWAY_STATE"`
}

// Run serves until ctx ends.
func (s serve) Run(ctx context.Context, log *zap.Logger) error {
	at, err := s.Host.Config(s.NATS, "causeway-ingress", log)
	if err != nil {
		return err
	}
	return ingress.Run(ctx, ingress.Config{Host: at, Dynamics: s.Dynamics.Config(), Campaign: s.Campaign.Config(),
		Key: s.ConnectionsKey.Key(), State: s.State, Tuning: pump.Config{Rejects: s.Rejects.Limit()}})
}

func main() {
	var g grammar
	cli.Main("ingress", "Causeway: the workflow Dynamics 365 to Campaign.", &g, func() cli.Log { return g.Log }, cli.Apart())
}
