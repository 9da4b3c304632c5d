package ingress

import (
	"context"
	"fmt"
	"time"

	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/mapping"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/written"
)

// sink maps records and writes them to Campaign: one call a record, none for what it holds already.
type sink struct {
	tables   map[string]*mapped
	campaign *campaign.Client
	written  *written.Store
	// guard says no when this instance may not write any more.
	guard func() error
	// maxWait is how long a row waits for one that it leads to.
	maxWait time.Duration
}

// Write implements pump.Sink.
func (s *sink) Write(ctx context.Context, batch []record.Record) []pump.Result {
	results := make([]pump.Result, len(batch))
	for i, r := range batch {
		results[i] = s.write(ctx, r)
	}
	return results
}

func (s *sink) write(ctx context.Context, r record.Record) pump.Result {
	table, known := s.tables[r.Source]
	if !known {
		return pump.Result{Err: fault.New(fault.Rejected, fmt.Sprintf("%s %s: the table is not mapped any more", r.Source, r.Key))}
	}
	plan, err := table.ready()
	if err != nil {
		return pump.Result{Err: err}
	}
	result := s.apply(ctx, plan, r)
	result.Err = table.suspect(ctx, result.Err)
	return result
}

func (s *sink) apply(ctx context.Context, plan *mapping.Plan, r record.Record) pump.Result {
	w, err := plan.Apply(r)
	if err != nil {
		return pump.Result{Err: err}
	}
	switch w.Action {
	case mapping.Remove:
		return s.remove(ctx, w)
	case mapping.Put:
		return s.put(ctx, r, w)
	default:
		return pump.Result{Unchanged: true}
	}
}

func (s *sink) upsert(ctx context.Context, r record.Record, w mapping.Write) (campaign.Outcome, error) {
	if err := s.resolve(ctx, r, &w); err != nil {
		return 0, err
	}
	if err := s.guard(); err != nil { // invariant 5, once more: looking for parents takes its time.
		return 0, err
	}
	return s.campaign.Upsert(ctx, campaign.Write{Resource: w.Resource, KeyField: w.KeyField, Key: w.Key,
		Fields: w.Fields, OnCreate: w.OnCreate, LikelyNew: w.LikelyNew})
}
