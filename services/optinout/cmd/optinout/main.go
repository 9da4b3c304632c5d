// Command optinout serves the workflow Opt In/Out.
package main

import (
	"context"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/deploy/cli"
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
}

// Run serves until ctx ends.
func (s serve) Run(ctx context.Context, log *zap.Logger) error {
	return optinout.Run(ctx, optinout.Config{Host: s.Host.Config(s.NATS, "causeway-optinout", log)})
}

func main() {
	var g grammar
	cli.Main("optinout", "Causeway: the workflow Opt In/Out.", &g, func() cli.Log { return g.Log }, cli.Apart())
}
