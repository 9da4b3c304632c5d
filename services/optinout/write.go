package optinout

import (
	"context"

	"github.com/causeway-sync/causeway/pkg/consent"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/pump"
)

// decide makes the plan of a contact, and stores what is meant to be written. A contact of which nothing has to be written
// is at rest.
func (s *sink) decide(ctx context.Context, j *job) {
	j.written = consent.Written{}
	j.plan = s.rule.Plan(j.known, j.report.Report, j.campaign, j.contact)
	phase := consent.Intent
	if len(j.plan.Decisions) == 0 {
		phase = consent.Note
		if !s.worthNoting(j) {
			j.rest()
			return
		}
	}
	if err := s.guard(); err != nil { // invariant 5
		j.fail(err)
		return
	}
	if err := s.enter(ctx, j, phase, j.plan.Before()); err != nil {
		j.fail(err)
		return
	}
	if phase == consent.Note {
		j.rest()
	}
}

// worthNoting reports whether the ledger has to know what was seen of a contact about which there was nothing to decide.
func (s *sink) worthNoting(j *job) bool {
	if s.rule.Direction == consent.ToDynamics || !j.plan.News(j.known) {
		return false
	}
	if j.known.Known() {
		return true
	}
	for _, out := range j.campaign {
		if out && s.remember {
			return true
		}
	}
	return false
}

// writeContacts tells Dynamics. A contact that was changed since it was read is left open, and stale.
func (s *sink) writeContacts(ctx context.Context, jobs []*job) {
	var writing []*job
	var changes []dynamics.Change
	for _, j := range jobs {
		if len(j.plan.ToDynamics) == 0 {
			continue
		}
		if err := s.guard(); err != nil { // invariant 5: storing the intents takes its time.
			j.fail(err)
			continue
		}
		values := make(map[string]any, len(j.plan.ToDynamics))
		for field, value := range j.plan.ToDynamics {
			values[s.columns[field]] = value
		}
		writing = append(writing, j)
		changes = append(changes, dynamics.Change{Table: sourceContact, ID: j.report.contact, Values: values, IfVersion: j.contact.Version})
	}
	if len(changes) == 0 {
		return
	}
	for i, changed := range s.contacts.Update(ctx, changes) {
		switch j := writing[i]; {
		case changed.Err == nil:
			j.written.Dynamics, j.written.Version = true, changed.Version
		case fault.Is(changed.Err, fault.Stale):
			j.stale = true
		case fault.Is(changed.Err, fault.NotFound):
			s.withoutContact(j)
		default:
			j.fail(changed.Err)
		}
	}
}

// finish tells Campaign, and stores what was written. What one side has is stored also where the other one could not be
// told: the next try begins there.
func (s *sink) finish(ctx context.Context, j *job) {
	err := s.tellCampaign(ctx, j)
	if j.written != (consent.Written{}) {
		if entryErr := s.enter(ctx, j, consent.Outcome, j.plan.After(j.written)); err == nil {
			err = entryErr
		}
	}
	switch {
	case fault.Is(err, fault.NotFound):
		s.unmatched.add(noProfile)
		j.rest()
	default:
		j.end(pump.Result{Err: err})
	}
}

func (s *sink) tellCampaign(ctx context.Context, j *job) error {
	if len(j.plan.ToCampaign) == 0 {
		return nil
	}
	if err := s.guard(); err != nil { // invariant 5
		return err
	}
	if err := s.profiles.Update(ctx, j.report.contact, j.plan.ToCampaign); err != nil {
		return err
	}
	j.written.Campaign = true
	return nil
}
