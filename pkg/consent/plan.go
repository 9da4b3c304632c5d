package consent

import (
	"maps"
	"slices"
	"time"
)

// Contact is a contact as Dynamics has it now.
type Contact struct {
	Values   Values
	Version  int64
	Modified time.Time
}

// Plan is what has to be done so that both sides say the same.
type Plan struct {
	// Decisions are those of the fields on which the sides differ, in the order of their names.
	Decisions []Decision
	// ToDynamics and ToCampaign are the values to write, empty for none.
	ToDynamics, ToCampaign Values

	state  State     // of what is known, without what has to be written
	before time.Time // when somebody else than us had changed the contact last
}

// Plan decides about a contact: what was known of it, what was reported, and what the two sides say now, having been read
// after the report. Fields that one of the sides does not have are left alone.
func (r Rule) Plan(known State, report Report, campaign Values, dynamics Contact) Plan {
	p := Plan{state: known.clone(), ToDynamics: Values{}, ToCampaign: Values{}, before: dynamics.Modified}
	if known.Own.Version != 0 && known.Own.Version == dynamics.Version {
		p.before = known.Own.Before
	}
	for _, field := range slices.Sorted(maps.Keys(campaign)) {
		value, both := dynamics.Values[field]
		if !both {
			continue
		}
		p.hear(known, report, field, campaign[field])
		if campaign[field] == value {
			p.state.Agreed[field] = value
			continue
		}
		p.judge(r, field, campaign[field], value)
	}
	return p
}

// hear notes how late a field was changed in Campaign, at least.
func (p *Plan) hear(known State, report Report, field string, value bool) {
	heard := p.state.Heard[field]
	if t := report.Times[field]; t.After(heard) {
		heard = t
	}
	// What was agreed and is no longer so was changed after everything that was reported until Since.
	if agreed, was := known.Agreed[field]; was && agreed != value && report.Since.After(heard) && !slices.Contains(report.Fresh, field) {
		heard = report.Since
	}
	if !heard.IsZero() {
		p.state.Heard[field] = heard
	}
}

// judge decides a field on which the sides differ.
func (p *Plan) judge(r Rule, field string, campaign, dynamics bool) {
	d := r.Judge(field, Side{Value: campaign, At: p.state.Heard[field]}, Side{Value: dynamics, At: p.before})
	p.Decisions = append(p.Decisions, d)
	delete(p.state.Agreed, field) // Until it is written nobody can tell what the sides say.
	if d.Write == Dynamics {
		p.ToDynamics[field] = d.Value
	} else {
		p.ToCampaign[field] = d.Value
	}
}

// Before is what is known before anything is written. Who finds it as the last that is known knows that the writes may
// have happened or not.
func (p Plan) Before() State { return p.state }

// Written is what became of the writes of a plan.
type Written struct {
	// Dynamics is true when the contact was written, Version what it has since; 0 where Dynamics did not say.
	Dynamics bool
	Version  int64
	// Campaign is true when the profile was written.
	Campaign bool
}

// After is what is known when the writes have ended.
func (p Plan) After(w Written) State {
	s := p.state.clone()
	if w.Dynamics {
		s.Own = Own{Version: w.Version, Before: p.before}
	}
	for _, d := range p.Decisions {
		if d.Write == Dynamics && w.Dynamics || d.Write == Campaign && w.Campaign {
			s.Agreed[d.Field] = d.Value
		}
	}
	return s
}

// News reports whether what is known now differs from what was known.
func (p Plan) News(known State) bool {
	return len(p.Decisions) > 0 || !maps.Equal(known.Agreed, p.state.Agreed) || !maps.EqualFunc(known.Heard, p.state.Heard, time.Time.Equal)
}
