package consent_test

import (
	"maps"
	"slices"
	"time"

	"github.com/causeway-sync/causeway/pkg/consent"
)

// world is both systems, the reports between them and the workflow as a state machine: what is stored of the contact and
// where a crash may strike. It has one contact with two fields.
type world struct {
	rule    consent.Rule
	now     time.Time
	clocks  map[consent.Winner]time.Duration // how far each system's clock is ahead
	known   consent.State                    // what the ledger has
	inbox   map[consent.Winner][]consent.Report
	horizon time.Time // of the last poll of the API
	settled time.Time // of the last poll before which everything was dealt with

	campaign  consent.Values
	changed   map[string]time.Time // by Campaign's clock
	contact   consent.Contact
	unwritten consent.Values // newest statement of each field by a person
	writes    map[string]int // since the last edit by a person

	meddle func(step string) // somebody else, between two steps of the workflow
	model  *model
}

const (
	email = "blackListEmail"
	phone = "blackListPhone"
)

func newWorld(rule consent.Rule, campaignAhead, dynamicsAhead time.Duration, campaign, dynamics consent.Values) *world {
	w := &world{rule: rule, now: at, clocks: map[consent.Winner]time.Duration{consent.Campaign: campaignAhead, consent.Dynamics: dynamicsAhead},
		inbox: map[consent.Winner][]consent.Report{}, campaign: maps.Clone(campaign), changed: map[string]time.Time{},
		contact: consent.Contact{Values: maps.Clone(dynamics), Version: 1, Modified: at.Add(dynamicsAhead - time.Hour)}, unwritten: consent.Values{},
		writes: map[string]int{}, meddle: func(string) {}}
	for field := range campaign {
		w.changed[field] = at.Add(campaignAhead - time.Hour)
	}
	w.model = newModel(w)
	return w
}

func (w *world) clock(side consent.Winner) time.Time { return w.now.Add(w.clocks[side]) }

// editCampaign is a person in Campaign's console.
func (w *world) editCampaign(field string, value bool) {
	if w.campaign[field] == value {
		return
	}
	w.campaign[field], w.changed[field] = value, w.clock(consent.Campaign)
	w.stated(field, value)
	w.model.campaign[field] = value
}

// editDynamics is a person who saves the contact, with a new value of a field or of something else (field "").
func (w *world) editDynamics(field string, value bool) {
	if field != "" && w.contact.Values[field] != value {
		w.contact.Values[field] = value
		w.stated(field, value)
		w.model.dynamics[field] = value
	}
	w.contact.Version++
	w.contact.Modified = w.clock(consent.Dynamics)
	w.model.modified = w.contact.Modified
	w.readDynamics()
}

func (w *world) stated(field string, value bool) {
	w.unwritten[field] = value
	clear(w.writes)
}

// readDynamics is change tracking: it brings our own changes too.
func (w *world) readDynamics() {
	w.inbox[consent.Dynamics] = []consent.Report{{From: consent.Dynamics, Values: maps.Clone(w.contact.Values)}} // The newest version is enough.
}

// export is a file of Campaign.
func (w *world) export() {
	w.inbox[consent.Campaign] = append(w.inbox[consent.Campaign],
		consent.Report{From: consent.Campaign, Values: maps.Clone(w.campaign), Times: maps.Clone(w.changed)})
}

// poll asks Campaign's API. A report that was not dealt with yet is replaced by the newer one.
func (w *world) poll() {
	if len(w.inbox[consent.Campaign]) == 0 {
		w.settled = w.horizon
	}
	w.horizon = w.clock(consent.Campaign)
	w.inbox[consent.Campaign] = []consent.Report{{From: consent.Campaign, Values: maps.Clone(w.campaign), Since: w.settled}}
}

// crash is where the workflow dies; "" is nowhere.
type crash string

const (
	afterIntent   crash = "intent"
	afterDynamics crash = "dynamics"
	afterCampaign crash = "campaign"
)

// deliver hands the oldest report of a side to the workflow. One that a crash interrupts comes again, and so does one that
// is not acknowledged.
func (w *world) deliver(from consent.Winner, dies crash, acknowledged bool) {
	if len(w.inbox[from]) == 0 {
		return
	}
	report := w.inbox[from][0]
	if !w.handle(report, dies) || !acknowledged {
		return
	}
	if i := slices.IndexFunc(w.inbox[from], func(r consent.Report) bool {
		return maps.Equal(r.Values, report.Values) && maps.Equal(r.Times, report.Times)
	}); i >= 0 {
		w.inbox[from] = slices.Delete(w.inbox[from], i, i+1)
	}
}

// handle is what the workflow does with a report. It returns false when it died on the way.
func (w *world) handle(report consent.Report, dies crash) bool {
	if !w.known.Tells(w.rule, report) {
		return true
	}
	campaign := maps.Clone(w.campaign)
	for {
		contact := consent.Contact{Values: maps.Clone(w.contact.Values), Version: w.contact.Version, Modified: w.contact.Modified}
		plan := w.rule.Plan(w.known, report, campaign, contact)
		w.known = plan.Before()
		w.model.look(w, report, campaign)
		if len(plan.Decisions) > 0 && dies == afterIntent {
			return false
		}
		w.meddle("before the write")
		version := int64(0)
		if len(plan.ToDynamics) > 0 {
			if w.contact.Version != contact.Version {
				continue // refused: somebody has changed the contact since it was read
			}
			w.write(consent.Dynamics, plan.ToDynamics, w.contact.Values)
			w.contact.Version++
			w.contact.Modified = w.clock(consent.Dynamics)
			version = w.contact.Version
			w.readDynamics()
			if dies == afterDynamics {
				w.model.unsure(w)
				return false
			}
		}
		if len(plan.ToCampaign) > 0 {
			w.write(consent.Campaign, plan.ToCampaign, w.campaign)
			for field := range plan.ToCampaign {
				w.changed[field] = w.clock(consent.Campaign)
			}
			if dies == afterCampaign {
				w.model.unsureOf(w, version)
				return false
			}
		}
		w.known = plan.After(consent.Written{Dynamics: version != 0, Version: version, Campaign: len(plan.ToCampaign) > 0})
		w.model.settle(w, plan)
		return true
	}
}

func (w *world) write(side consent.Winner, values, into consent.Values) {
	for field, value := range values {
		w.writes[string(side)+" "+field]++
		into[field] = value
	}
}
