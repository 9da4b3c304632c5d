package optinout

import (
	"context"
	"encoding/json"
	"time"

	"github.com/causeway-sync/causeway/pkg/consent"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// last is the newest entry of a contact. One that a later release wrote and this one does not understand says nothing:
// then the opt-out wins.
func (s *sink) last(ctx context.Context, contact string) (consent.Entry, uint64, error) {
	stored, err := s.ledger.Last(ctx, contact)
	if err != nil || stored.Revision == 0 {
		return consent.Entry{}, 0, err
	}
	var entry consent.Entry
	if json.Unmarshal(stored.Data, &entry) != nil {
		entry = consent.Entry{}
	}
	return entry, stored.Revision, nil
}

// entryTimeout bounds the storing of an entry, also when the run is being stopped: what was written is known then.
const entryTimeout = 5 * time.Second

// enter stores an entry on top of the newest one.
func (s *sink) enter(ctx context.Context, j *job, phase consent.Phase, state consent.State) error {
	entry := consent.Entry{Contact: j.report.contact, Phase: phase, Source: j.record.Source, Origin: j.report.origin,
		Decisions: j.plan.Decisions, Columns: s.columns, State: state}
	if j.written.Dynamics {
		entry.Written = append(entry.Written, consent.Dynamics)
	}
	if j.written.Campaign {
		entry.Written = append(entry.Written, consent.Campaign)
	}
	data, err := json.Marshal(entry)
	if err != nil {
		return fault.Wrap(fault.Fatal, err, "a defect of this program: a decision cannot be written as JSON")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), entryTimeout)
	defer cancel()
	revision, err := s.ledger.Append(ctx, j.report.contact, data, j.revision)
	switch {
	case fault.Is(err, fault.Stale): // An answer that was lost, or another instance: look again, from the beginning.
		return fault.Wrap(fault.Transient, err, "the contact was decided meanwhile, and is looked at again")
	case err != nil:
		return err
	}
	j.revision = revision
	return nil
}

// forget has the ledger know nothing of a contact any more whose report was rejected: what was agreed is older than the
// report, and nobody could tell a later change from this one. A report that is not rejected is left alone.
func (s *sink) forget(ctx context.Context, j *job) {
	if !fault.Is(j.result.Err, fault.Rejected) || len(j.known.Agreed) == 0 {
		return
	}
	j.plan, j.written = consent.Plan{}, consent.Written{}
	state := j.known
	state.Agreed = nil
	if err := s.enter(ctx, j, consent.Note, state); err != nil {
		j.fail(err)
	}
}
