package ingress

import (
	"context"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/host"
)

// takeUpReplays moves the read position of every table whose replay was requested back to the beginning, and then stores
// the configuration without the request. A crash between the two moves the position back once more, which only repeats
// reads; from then on the load has a position of its own and is resumed like any other. It returns the revision to run.
func takeUpReplays(ctx context.Context, b host.Binding, revision bus.Revision, doc *config.IngressDoc) (bus.Revision, error) {
	requested := false
	for i := range doc.Mappings {
		m := &doc.Mappings[i]
		if !m.ReplayRequested {
			continue
		}
		requested = true
		if err := rewind(ctx, b.Queue, m.Table); err != nil {
			return revision, err
		}
		m.ReplayRequested = false
		b.Notice("replay of " + m.Table + ": reading it again from the beginning")
	}
	if !requested {
		return revision, nil
	}
	data, err := config.Encode(doc)
	if err != nil {
		return revision, err
	}
	next, err := bus.NewConfigs(b.Conn).Put(ctx, workflow.Ingress, data, revision.Number, bus.ByService)
	if fault.Is(err, fault.Stale) {
		// Edited since the start: the request stays in the newer revision, and the next start replays once more.
		return revision, nil
	}
	return next, err
}

// forgetReplays takes the requests out of the document of a start that has been at work before: they were taken up then. They can
// stand there still, where the revision was followed by another before the request could be taken out.
func forgetReplays(doc *config.IngressDoc) {
	for i := range doc.Mappings {
		doc.Mappings[i].ReplayRequested = false
	}
}

// rewind stores the beginning as a table's read position.
func rewind(ctx context.Context, queue *bus.Queue, table string) error {
	checkpoint, err := queue.Checkpoint(ctx, table)
	if err != nil || len(checkpoint.Position) == 0 {
		return err
	}
	_, err = queue.Append(ctx, table, nil, checkpoint, record.Position(nil))
	return err
}
