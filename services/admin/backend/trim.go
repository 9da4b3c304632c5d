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
