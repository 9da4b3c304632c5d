package consent_test

import (
	"maps"
	"time"

	"github.com/causeway-sync/causeway/pkg/consent"
)

// model is the plain model: what people said in each system, when a person last saved the contact, what Campaign's reports
// have told, and what was settled. It knows nothing of versions, echoes and of what is stored when. It looks at the world
// when the workflow does, and says what has to hold.
type model struct {
	campaign, dynamics consent.Values
	modified           time.Time
	told               map[string]time.Time
	settled            consent.Values

	wrote consent.Values // what the look under way wants written to Dynamics
}

func newModel(w *world) *model {
	return &model{campaign: maps.Clone(w.campaign), dynamics: maps.Clone(w.contact.Values), modified: w.contact.Modified,
		told: map[string]time.Time{}, settled: consent.Values{}}
}

// look decides each field by the words of the rule.
func (m *model) look(w *world, report consent.Report, campaign consent.Values) {
	m.wrote = consent.Values{}
	for field, in := range campaign {
		told := []time.Time{m.told[field], report.Times[field]}
		if was, known := m.settled[field]; known && was != in {
			told = append(told, report.Since)
		}
		for _, t := range told {
			if t.After(m.told[field]) {
				m.told[field] = t
			}
		}
		if in == m.dynamics[field] {
			m.settled[field] = in
			continue
		}
		delete(m.settled, field)
		newer := !m.told[field].IsZero() && m.told[field].After(m.modified.Add(tolerance))
		want := in || m.dynamics[field]
		if newer || w.rule.Direction == consent.ToDynamics {
			want = in
		}
		if want != m.dynamics[field] {
			m.wrote[field] = want
		}
	}
}

// settle is the end of a look: both sides say the same.
func (m *model) settle(w *world, plan consent.Plan) {
	for _, d := range plan.Decisions {
		want, toDynamics := m.wrote[d.Field]
		if !toDynamics {
			want = true // Campaign is told nothing but opt-outs.
			m.campaign[d.Field] = want
		}
		m.dynamics[d.Field], m.settled[d.Field] = want, want
	}
}

// unsure is a crash behind a write to Dynamics: nobody can tell any more whose change that was, and it counts as a
// person's.
func (m *model) unsure(w *world) {
	maps.Copy(m.dynamics, m.wrote)
	m.modified = w.contact.Modified
}

// unsureOf is a crash behind both writes.
func (m *model) unsureOf(w *world, version int64) {
	if version != 0 {
		m.unsure(w)
	}
	maps.Copy(m.campaign, w.campaign)
}
