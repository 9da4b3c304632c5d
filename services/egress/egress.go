// Package egress is the workflow Campaign to Dynamics 365: e-mail events on the contact's timeline.
//
// This version serves its part of the control plane: it sends heartbeats and obeys commands, and a start ends as FAILED
// with the reason, because reading and writing are not part of this version.
package egress

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
	cfg.Host.Workflow = workflow.Egress
	return host.Serve(ctx, cfg.Host, func(context.Context, host.Binding) (host.Run, error) {
		return host.Run{}, fault.New(fault.Fatal, Unavailable)
	})
}
