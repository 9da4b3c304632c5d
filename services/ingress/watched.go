package ingress

import (
	"context"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/mapping"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/record"
)

// watched is a mapping's source. It is not read while the mapping is held; the pump then lets the others go on.
type watched struct {
	mapped *mapped
	// open makes the source, once it is known how the mapping reads.
	open   func(*mapping.Plan) pump.Source
	source pump.Source
}

// Read implements pump.Source.
func (w *watched) Read(ctx context.Context, from record.Position) (record.Page, error) {
	if w.mapped.due() {
		if err := w.mapped.look(ctx, time.Now()); err != nil {
			return record.Page{}, err
		}
	}
	plan, err := w.mapped.ready()
	if err != nil {
		return record.Page{}, holding(err)
	}
	if w.source == nil {
		w.source = w.open(plan)
	}
	page, err := w.source.Read(ctx, from)
	if fault.Is(err, fault.Fatal) {
		err = holding(w.mapped.suspect(ctx, err))
	}
	return page, err
}

// holding makes what lets a record wait into what holds a source.
func holding(err error) error {
	if fault.Is(err, fault.Waiting) {
		return fault.Wrap(fault.Fatal, err, fault.Message(err))
	}
	return err
}
