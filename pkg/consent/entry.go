package consent

// Entry is what the ledger holds of a contact at one moment. The newest one says what is known; together they say what was
// decided, and why.
type Entry struct {
	Contact string `json:"contact"`
	Phase   Phase  `json:"phase"`
	// Source and Origin are the report that made the workflow look: "export" and "optout_20260301.csv:17", say.
	Source    string     `json:"source"`
	Origin    string     `json:"origin,omitempty"`
	Decisions []Decision `json:"decisions,omitempty"`
	// Written names the sides that were written, with an Outcome.
	Written []Winner `json:"written,omitempty"`
	// Columns are the columns of Dynamics that the fields were mapped to.
	Columns map[string]string `json:"columns,omitempty"`
	State   State             `json:"state"`
}

// Phase says when an entry was made.
type Phase string

// The phases.
const (
	// Intent stands before the writes that it tells of; who finds it last knows that they may have happened.
	Intent Phase = "intent"
	// Outcome stands behind them.
	Outcome Phase = "outcome"
	// Note tells what became known without a decision.
	Note Phase = "note"
)

// Known is what an entry says of fields that are still mapped to the same columns. What was agreed of another column says
// nothing.
func (e Entry) Known(columns map[string]string) State {
	return e.State.Only(func(field string) bool { return e.Columns[field] != "" && e.Columns[field] == columns[field] })
}

// Differing lists the fields whose decision the rule does not come to again. A ledger that was not tampered with, read by
// the version that wrote it, has none.
func (e Entry) Differing() []string {
	var fields []string
	for _, d := range e.Decisions {
		if !d.Holds() {
			fields = append(fields, d.Field)
		}
	}
	return fields
}
