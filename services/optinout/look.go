package optinout

import (
	"context"
	"fmt"
	"time"

	"github.com/causeway-sync/causeway/pkg/consent"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// recall asks the ledger what is known of the contact, and ends the jobs of reports that tell nothing new.
func (s *sink) recall(ctx context.Context, j *job) {
	entry, revision, err := s.last(ctx, j.report.contact)
	if err != nil {
		j.fail(err)
		return
	}
	j.known, j.revision = entry.Known(s.columns), revision
	if !j.known.Tells(s.rule, j.report.Report) {
		j.rest()
	}
}

// look reads the other side, and the one that the report came from where the two differ. Both are read before anything
// that is known changes: an entry of the ledger never rests on a report, which may be old.
func (s *sink) look(ctx context.Context, j *job) {
	first, second := s.lookAtCampaign, s.lookAtContact
	other := func() consent.Values { return j.campaign }
	if j.report.From == consent.Campaign {
		first, second = second, first
		other = func() consent.Values { return j.contact.Values }
	}
	if first(ctx, j); j.done {
		return
	}
	if s.atRest(j, other()) {
		j.rest()
		return
	}
	second(ctx, j)
}

// atRest reports whether nothing has to be read, decided or remembered: both sides say the same. Should the side that
// the report came from have changed since, a report of that is on its way.
func (s *sink) atRest(j *job, other consent.Values) bool {
	remembered := false
	for field, value := range j.report.Values {
		if other[field] != value {
			return false
		}
		remembered = remembered || s.remember && value
	}
	if s.rule.Direction == consent.ToDynamics {
		return true
	}
	// One that was put aside is old, and the report of what came after it may have been dealt with.
	return !j.known.Known() && !remembered && j.record.WaitingSince.IsZero()
}

func (s *sink) lookAtCampaign(ctx context.Context, j *job) {
	values, err := s.profiles.Read(ctx, j.report.contact)
	switch {
	case fault.Is(err, fault.NotFound):
		s.withoutProfile(j)
	case err != nil:
		j.fail(err)
	default:
		j.campaign = values
	}
}

// withoutProfile ends the job of a contact that has no profile. One that has opted out waits: a profile that is created
// meanwhile would begin as opted in.
func (s *sink) withoutProfile(j *job) {
	out := false
	for _, value := range j.report.Values {
		out = out || value
	}
	waited := !j.record.WaitingSince.IsZero() && time.Since(j.record.WaitingSince) >= s.maxWait
	if out && j.report.From == consent.Dynamics && s.maxWait > 0 && !waited {
		j.fail(fault.New(fault.Waiting, fmt.Sprintf("contact %s has opted out and waits for its profile in Campaign", j.report.contact)))
		return
	}
	s.unmatched.add(noProfile)
	j.rest()
}

func (s *sink) lookAtContact(ctx context.Context, j *job) {
	row, err := s.contacts.Row(ctx, j.report.contact)
	if err == nil && row.Op == record.Delete || fault.Is(err, fault.NotFound) {
		s.withoutContact(j)
		return
	}
	if err == nil {
		j.contact, err = s.contact(row)
	}
	if err != nil {
		j.fail(err)
	}
}

// withoutContact ends the job of a profile that has no contact. A contact that is gone by now is nobody's business.
func (s *sink) withoutContact(j *job) {
	if j.report.From == consent.Campaign {
		s.unmatched.add(noContact)
	}
	j.rest()
}

// lookAgain reads the contact once more: somebody has changed it since it was read.
func (s *sink) lookAgain(ctx context.Context, j *job) {
	j.stale = false
	j.known = j.plan.Before() // As the ledger has it by now.
	s.lookAtContact(ctx, j)
}
