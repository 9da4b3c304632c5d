package egress

import (
	"context"
	"fmt"
	"time"

	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/timeline"
	"github.com/causeway-sync/causeway/services/host"
)

// creator brings rows about.
type creator interface {
	Create(ctx context.Context, rows []dynamics.NewRow) []dynamics.Created
}

// sink writes events as activities, a batch in as few requests as Dynamics takes.
type sink struct {
	decoder    *timeline.Decoder
	activities *timeline.Plan
	on         map[string]bool // the kinds of events that are switched on
	writer     creator
	skips      *host.Skips
	// guard says no when this instance may not write any more.
	guard func() error
	// wait is how long an event waits for its contact.
	wait time.Duration
}

// Write implements pump.Sink. Events that have waited for their contact before are written apart from the others: one
// that still waits would have a whole bulk refused.
func (s *sink) Write(ctx context.Context, batch []record.Record) []pump.Result {
	results := make([]pump.Result, len(batch))
	var fresh, waited rows
	for i, r := range batch {
		row, result := s.row(r)
		switch {
		case row == nil:
			results[i] = result
		case r.Waits > 0:
			waited.add(i, *row)
		default:
			fresh.add(i, *row)
		}
	}
	s.create(ctx, batch, fresh, results)
	s.create(ctx, batch, waited, results)
	return results
}

// rows are what is written together, each with its place in the batch.
type rows struct {
	list []dynamics.NewRow
	at   []int
}

func (r *rows) add(at int, row dynamics.NewRow) {
	r.list, r.at = append(r.list, row), append(r.at, at)
}

// row is the activity of an event, or what else becomes of it.
func (s *sink) row(r record.Record) (*dynamics.NewRow, pump.Result) {
	event, verdict, err := s.decoder.Decode(disclosed(r.Data))
	if err != nil {
		return nil, pump.Result{Err: fault.Wrap(fault.Rejected, err, fmt.Sprintf("%s %s: %s", r.Source, r.Key, fault.Message(err)))}
	}
	if verdict != timeline.Known || !s.on[event.Kind] {
		// It was queued under an older configuration.
		s.skips.Add(skipNow, 1)
		return nil, pump.Result{Unchanged: true}
	}
	id, table, values := s.activities.Row(event)
	return &dynamics.NewRow{Table: table, ID: id, Values: values, Binds: []string{event.Contact}}, pump.Result{}
}

func (s *sink) create(ctx context.Context, batch []record.Record, rows rows, results []pump.Result) {
	if len(rows.list) == 0 {
		return
	}
	if err := s.guard(); err != nil { // invariant 5, once more: what was written before has taken its time.
		for _, i := range rows.at {
			results[i].Err = err
		}
		return
	}
	for n, created := range s.writer.Create(ctx, rows.list) {
		i := rows.at[n]
		results[i] = pump.Result{Unchanged: created.Err == nil && created.Existed, Err: s.judge(batch[i], created.Err),
			// Campaign also writes to people whom Dynamics does not know.
			Expected: fault.Is(created.Err, fault.NotFound)}
	}
}

// judge makes an event wait for a contact that is not there: it may be on its way. One that has waited for long enough is
// rejected, and can be retried from the failures when the contact is there after all.
func (s *sink) judge(r record.Record, err error) error {
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	if s.wait > 0 && (r.WaitingSince.IsZero() || time.Since(r.WaitingSince) < s.wait) {
		return fault.Wrap(fault.Waiting, err, fmt.Sprintf("%s %s waits for its contact: %s", r.Source, r.Key, fault.Message(err)))
	}
	return fault.Wrap(fault.Rejected, err, fmt.Sprintf("%s %s: its contact has not arrived in Dynamics 365 within %s: %s", r.Source, r.Key, s.wait, fault.Message(err)))
}
