package bus

import (
	"context"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// ByService marks revisions that a service stored itself when it started a run, such as one without a replay request
// that it has taken up. They continue the revision that they replaced.
const ByService = "causeway"

// ForStart returns the revision that a start command is for: the one that it names, or the newest that was stored before
// it. A run that starts over, in another process too, so keeps its configuration until somebody stops and starts it
// (invariant 7). A revision that the history has dropped is replaced by the oldest that is left.
func (s *Configs) ForStart(ctx context.Context, id workflow.ID, start workflow.Command) (Revision, error) {
	history, err := s.History(ctx, id)
	if err != nil {
		return Revision{}, err
	}
	if len(history) == 0 {
		return Revision{}, fault.New(fault.NotFound, "no configuration of "+string(id)+" is stored")
	}
	chosen := 0
	for i, revision := range history {
		named := start.ConfigRevision > 0 && revision.Number <= start.ConfigRevision
		before := start.ConfigRevision == 0 && !revision.At.After(start.At)
		if named || before {
			chosen = i
		}
	}
	for chosen+1 < len(history) && history[chosen+1].By == ByService {
		chosen++
	}
	return history[chosen], nil
}
