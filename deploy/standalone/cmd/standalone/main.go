// Command standalone is the whole product in one process.
package main

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/deploy/cli"
	"github.com/causeway-sync/causeway/deploy/cli/pages"
	"github.com/causeway-sync/causeway/deploy/sandbox"
	"github.com/causeway-sync/causeway/deploy/standalone"
	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/pump"
)

type grammar struct {
	cli.Log
	Serve        serve              `cmd:"" default:"withargs" help:"Serve everything (the default)."`
	Healthcheck  cli.Healthcheck    `cmd:"" help:"Ask the running process for its health."`
	HashPassword pages.HashPassword `cmd:"" help:"Read a password and print the line of the users file for a person."`
	NewToken     pages.NewToken     `cmd:"" help:"Make a token and print the line of the users file for a machine."`
}

type serve struct {
	Data         string        `name:"data" help:"Folder of the data." default:"./data" env:"CAUSEWAY_DATA"`
	StoreKey     string        `name:"store-key-file" help:"File with the key, one line, that queue, failures and configuration are encrypted with on the disk; whoever loses it loses them." env:"CAUSEWAY_STORE_KEY_FILE"`
	Temporary    bool          `name:"allow-temporary-data" help:"Accept a data folder that the system empties, such as one below /tmp. Always on with --sandbox." env:"CAUSEWAY_ALLOW_TEMPORARY_DATA"`
	HTTP         string        `name:"http" help:"Address of the pages and the API." default:"127.0.0.1:8080" env:"CAUSEWAY_HTTP"`
	NATS         string        `name:"nats" help:"Address of the embedded NATS server." default:"127.0.0.1:4222" env:"CAUSEWAY_NATS"`
	InstanceName string        `name:"instance-name" help:"Name of this installation, shown on every page." default:"Causeway" env:"CAUSEWAY_INSTANCE_NAME"`
	KeepSettled  time.Duration `name:"keep-settled" help:"How long written records stay in the queue, for tracing." default:"24h" env:"CAUSEWAY_KEEP_SETTLED"`
	QueueBytes   int64         `name:"queue-max-bytes" help:"Size limit of each workflow's queue." default:"2147483648" env:"CAUSEWAY_QUEUE_MAX_BYTES"`

	Sandbox         bool    `name:"sandbox" help:"Simulate Dynamics 365 and Campaign." env:"CAUSEWAY_SANDBOX"`
	SandboxContacts int     `name:"sandbox-contacts" help:"Contacts in the simulated Dynamics 365." default:"10000" env:"CAUSEWAY_SANDBOX_CONTACTS"`
	SandboxDynamics string  `name:"sandbox-dynamics" help:"Address of the simulated Dynamics 365." default:"127.0.0.1:8365" env:"CAUSEWAY_SANDBOX_DYNAMICS"`
	SandboxCampaign string  `name:"sandbox-campaign" help:"Address of the simulated Campaign." default:"127.0.0.1:8366" env:"CAUSEWAY_SANDBOX_CAMPAIGN"`
	SandboxSFTP     string  `name:"sandbox-sftp" help:"Address of the simulated Campaign's SFTP server; empty for none. Its files and keys are in sandbox-sftp below the data folder." default:"127.0.0.1:8322" env:"CAUSEWAY_SANDBOX_SFTP"`
	SandboxTraffic  float64 `name:"sandbox-traffic" help:"Contacts changed and events sent per second." default:"2" env:"CAUSEWAY_SANDBOX_TRAFFIC"`
	SandboxSeed     uint64  `name:"sandbox-seed" help:"Seed of the data." default:"1" env:"CAUSEWAY_SANDBOX_SEED"`

	pages.Access
	cli.Dynamics
	cli.Campaign
	cli.SFTP
	cli.ConnectionsKey
	cli.Rejects
	cli.UnknownContact
}

// Run serves until ctx ends.
func (s serve) Run(ctx context.Context, log *zap.Logger) error {
	exports, err := s.SFTP.Config()
	if err != nil {
		return err
	}
	access, err := s.Access.Config()
	if err != nil {
		return err
	}
	cfg := standalone.Config{Access: access, Hosts: s.Hosts, UserHeader: s.UserHeader, Data: s.Data, StoreKey: s.StoreKey, AllowTemporary: s.Temporary || s.Sandbox, HTTP: s.HTTP, NATS: s.NATS, InstanceName: s.InstanceName, Version: cli.Version(),
		Dynamics: s.Dynamics.Config(), Campaign: s.Campaign.Config(), SFTP: exports, ConnectionsKey: s.ConnectionsKey.File, Sizes: bus.Sizes{QueueBytes: s.QueueBytes}, Keep: bus.Keep{Age: s.KeepSettled},
		Tuning: pump.Config{Rejects: s.Rejects.Limit()}, UnknownContactWait: s.UnknownContact.Wait, Log: log}
	if s.Sandbox {
		cfg.Sandbox = &sandbox.Config{Contacts: s.SandboxContacts, Dynamics: s.SandboxDynamics, Campaign: s.SandboxCampaign, SFTP: s.SandboxSFTP,
			Traffic: s.SandboxTraffic, Seed: s.SandboxSeed, Log: log}
	}
	return standalone.Run(ctx, cfg)
}

func main() {
	var g grammar
	cli.Main("standalone", "Causeway in one process: contacts and consent in step between Dynamics 365 and Adobe Campaign.", &g,
		func() cli.Log { return g.Log }, cli.OnPages())
}
