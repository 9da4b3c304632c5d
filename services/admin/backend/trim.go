package backend

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// trimEvery is how often settled records are looked through. A queue that fills quickly is waited for this long at most.
const trimEvery = 5 * time.Second

// commandsEvery is how often the command log is looked through.
const commandsEvery = time.Hour

// trimCommands removes what is old from the command log, until ctx ends.
func trimCommands(ctx context.Context, commands *bus.Commands, log *zap.Logger) {
	ticker := time.NewTicker(commandsEvery)
	defer ticker.Stop()
	for {
		if err := commands.Trim(ctx, time.Now()); err != nil && ctx.Err() == nil {
			log.Warn("the command log could not be trimmed", zap.String("why", fault.Message(err)))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// trim removes settled records that are old, or in the way of new ones, until ctx ends. It never touches an unsettled
// record (invariant 1).
func trim(ctx context.Context, queues *bus.Queues, keep bus.Keep, log *zap.Logger) {
	ticker := time.NewTicker(trimEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			for _, id := range workflow.All() {
				trimmed, err := queues.Trim(ctx, id, keep, now)
				switch {
				case ctx.Err() != nil:
					return
				case err != nil:
					log.Warn("settled records could not be trimmed", zap.String("workflow", string(id)), zap.String("why", fault.Message(err)))
				case trimmed > 0:
					log.Debug("settled records trimmed", zap.String("workflow", string(id)), zap.Uint64("records", trimmed))
				}
			}
		}
	}
}
