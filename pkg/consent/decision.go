package consent

// Decision is what was decided of one field, with everything that it rests on.
type Decision struct {
	Rule
	Field    string `json:"field"`
	Campaign Side   `json:"campaign"`
	Dynamics Side   `json:"dynamics"`
	// Value holds from now on, on Ground.
	Value  bool   `json:"value"`
	Ground Ground `json:"ground"`
	Winner Winner `json:"winner"`
	// Write names the side that has to be told, empty for none.
	Write Winner `json:"write,omitempty"`
}

// Judge decides one field.
func (r Rule) Judge(field string, campaign, dynamics Side) Decision {
	value, ground := r.Decide(campaign, dynamics)
	d := Decision{Rule: r, Field: field, Campaign: campaign, Dynamics: dynamics, Value: value, Ground: ground, Winner: winner(value, campaign, dynamics)}
	switch {
	case dynamics.Value != value:
		d.Write = Dynamics
	case campaign.Value != value:
		d.Write = Campaign
	}
	return d
}

// Holds reports whether the rule, run again, comes to the same decision.
func (d Decision) Holds() bool {
	return d == d.Rule.Judge(d.Field, d.Campaign, d.Dynamics)
}
