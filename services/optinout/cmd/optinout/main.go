// Command optinout serves the workflow Opt In/Out.
package main

import (
	"context"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/deploy/cli"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/services/optinout"
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
	cli.SFTP
	cli.ConnectionsKey
	cli.Rejects
}

// Run serves until ctx ends.
func (s serve) Run(ctx context.Context, log *zap.Logger) error {
	files, err := s.SFTP.Config()
	if err != nil {
		return err
	}
	at, err := s.Host.Config(s.NATS, "causeway-optinout", log)
	if err != nil {
		return err
	}
	return optinout.Run(ctx, optinout.Config{Host: at, Dynamics: s.Dynamics.Config(), Campaign: s.Campaign.Config(),
		SFTP: files, Key: s.ConnectionsKey.Key(), Tuning: pump.Config{Rejects: s.Rejects.Limit()}})
}

func main() {
	var g grammar
	cli.Main("optinout", "Causeway: the workflow Opt In/Out.", &g, func() cli.Log { return g.Log }, cli.Apart())
}
