// Command sandbox runs both remote systems simulated, without the product.
package main

import (
	"context"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/deploy/cli"
	"github.com/causeway-sync/causeway/deploy/sandbox"
)

type grammar struct {
	cli.Log
	Serve       serve           `cmd:"" default:"withargs" help:"Serve the simulated systems (the default)."`
	Connect     connect         `cmd:"" help:"Set the product's connections up to a running sandbox, over its NATS API."`
	Healthcheck cli.Healthcheck `cmd:"" help:"Ask the running process for its health."`
}

type serve struct {
	Contacts int     `name:"contacts" help:"Contacts in the simulated Dynamics 365." default:"10000" env:"CAUSEWAY_SANDBOX_CONTACTS"`
	Dynamics string  `name:"dynamics" help:"Address of the simulated Dynamics 365." default:"127.0.0.1:8365" env:"CAUSEWAY_SANDBOX_DYNAMICS"`
	Campaign string  `name:"campaign" help:"Address of the simulated Campaign." default:"127.0.0.1:8366" env:"CAUSEWAY_SANDBOX_CAMPAIGN"`
	SFTP     string  `name:"sftp" help:"Address of the simulated Campaign's SFTP server; empty for none." default:"127.0.0.1:8322" env:"CAUSEWAY_SANDBOX_SFTP"`
	Files    string  `name:"sftp-files" help:"Folder that keeps the SFTP server's files and keys; by default one that is removed at the end." env:"CAUSEWAY_SANDBOX_SFTP_FILES"`
	Traffic  float64 `name:"traffic" help:"Contacts changed and events sent per second." default:"2" env:"CAUSEWAY_SANDBOX_TRAFFIC"`
	Seed     uint64  `name:"seed" help:"Seed of the data." default:"1" env:"CAUSEWAY_SANDBOX_SEED"`
}

// Run serves until ctx ends.
func (s serve) Run(ctx context.Context, log *zap.Logger) error {
	systems, err := sandbox.Listen(ctx, sandbox.Config{Contacts: s.Contacts, Dynamics: s.Dynamics, Campaign: s.Campaign, SFTP: s.SFTP, Files: s.Files, Traffic: s.Traffic, Seed: s.Seed, Log: log})
	if err != nil {
		return err
	}
	return systems.Serve(ctx)
}

func main() {
	var g grammar
	cli.Main("sandbox", "Causeway: the simulated Dynamics 365 and Campaign.", &g, func() cli.Log { return g.Log }, cli.Probes{Address: "127.0.0.1:8365", Env: "CAUSEWAY_SANDBOX_DYNAMICS"})
}
