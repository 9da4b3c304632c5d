// Command egress serves the workflow Campaign to Dynamics 365.
package main

import (
	"context"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/deploy/cli"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/services/egress"
)

type grammar struct {
	cli.Log
	Serve       serve           `cmd:"" default:"withargs" help:"Serve the workflow (the default)."`
	Healthcheck cli.Healthcheck `cmd:"" help:"Ask the running process for its health."`
}

type serve struct {
	cli.NATS
	cli.Host
	cli.Campaign
	cli.Dynamics
	cli.ConnectionsKey
	cli.Rejects
	cli.UnknownContact
}

// Run serves until ctx ends.
func (s serve) Run(ctx context.Context, log *zap.Logger) error {
	at, err := s.Host.Config(s.NATS, "causeway-egress", log)
	if err != nil {
		return err
	}
	return egress.Run(ctx, egress.Config{Host: at, Campaign: s.Campaign.Config(), Dynamics: s.Dynamics.Config(),
		Key: s.ConnectionsKey.Key(), Wait: s.UnknownContact.Wait, Tuning: pump.Config{Rejects: s.Rejects.Limit()}})
}

func main() {
	var g grammar
	cli.Main("egress", "Causeway: the workflow Campaign to Dynamics 365.", &g, func() cli.Log { return g.Log }, cli.Apart())
}
