package consent

import (
	"maps"
	"time"
)

// Values are the mapped fields of a contact by their Campaign names.
type Values map[string]bool

// State is what is known of a contact. The zero value knows nothing: then the opt-out wins wherever the sides differ.
type State struct {
	// Agreed holds the fields of which both sides were last seen to say the same. What is missing is not known.
	Agreed Values `json:"agreed,omitempty"`
	// Heard is how late each field was changed in Campaign, at least.
	Heard map[string]time.Time `json:"heard,omitempty"`
	// Own is our own last change of the contact in Dynamics.
	Own Own `json:"own,omitzero"`
}

// Own is a change of a contact that we made.
type Own struct {
	// Version is the one that our change has left. A contact that has another was changed by somebody since.
	Version int64 `json:"version"`
	// Before is when somebody else had changed the contact last, before us.
	Before time.Time `json:"before,omitzero"`
}

func (s State) clone() State {
	s.Agreed, s.Heard = maps.Clone(s.Agreed), maps.Clone(s.Heard)
	if s.Agreed == nil {
		s.Agreed = Values{}
	}
	if s.Heard == nil {
		s.Heard = map[string]time.Time{}
	}
	return s
}

// Known reports whether s knows anything.
func (s State) Known() bool { return len(s.Agreed)+len(s.Heard) > 0 || s.Own != Own{} }

// Only is s without the fields that wanted does not name.
func (s State) Only(wanted func(field string) bool) State {
	s = s.clone()
	unwanted := func(field string) bool { return !wanted(field) }
	maps.DeleteFunc(s.Agreed, func(field string, _ bool) bool { return unwanted(field) })
	maps.DeleteFunc(s.Heard, func(field string, _ time.Time) bool { return unwanted(field) })
	return s
}

// agrees reports whether both sides are known to have said the same of a field, and it is value.
func (s State) agrees(field string, value bool) bool {
	agreed, known := s.Agreed[field]
	return known && agreed == value
}

// Report is what one side has said of a contact. It is a reason to look, and it may be old: what counts is what the two
// sides say when they are looked at.
type Report struct {
	// From is the side that has said it: Campaign or Dynamics.
	From   Winner
	Values Values
	// Times are when fields were changed in Campaign; a field whose time is not known is missing.
	Times map[string]time.Time
	// Since is a time at which everything that Campaign had reported until then was dealt with: what is not as agreed has
	// changed after it. Zero where there is none.
	Since time.Time
	// Fresh are fields that Campaign had not been asked for until then: Since says nothing about them.
	Fresh []string
}

// Tells reports whether a report may say anything that is not known yet. The echo of what was written tells nothing, nor
// does a contact of which something else was changed.
func (s State) Tells(r Rule, report Report) bool {
	if report.From == Campaign && r.Direction == ToDynamics {
		return true // Dynamics is not listened to in this direction, and may have changed.
	}
	for field, value := range report.Values {
		if !s.agrees(field, value) {
			return true
		}
		// A later opt-in tells something even where it is agreed: Dynamics may hold an older opt-out that was not read yet.
		if !value && report.Times[field].After(s.Heard[field]) {
			return true
		}
	}
	return false
}
