// Package optinout is the workflow Opt In/Out: consent in step on both sides.
//
// This version serves its part of the control plane: it sends heartbeats and obeys commands, and a start ends as FAILED
// with the reason, because reading and writing are not part of this version.
package optinout

import (
	"context"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/host"
)

// Unavailable says why a start is refused.
const Unavailable = "not part of this version yet"

// Config of the service.
type Config struct{ Host host.Config }

// Run serves the workflow until ctx ends.
func Run(ctx context.Context, cfg Config) error {
	cfg.Host.Workflow = workflow.OptInOut
	return host.Serve(ctx, cfg.Host, func(context.Context, host.Binding) (host.Run, error) {
		return host.Run{}, fault.New(fault.Fatal, Unavailable)
	})
}
