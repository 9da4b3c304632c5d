package consent

import "time"

// Direction is which way values flow.
type Direction string

// The directions in which this package decides. Others need no decision.
const (
	// ToDynamics: Campaign's value holds.
	ToDynamics Direction = "campaign-to-dynamics"
	// BothWays: the rule decides.
	BothWays Direction = "bidirectional"
)

// Rule is everything that a decision depends on beside the two sides.
type Rule struct {
	Direction Direction `json:"direction"`
	// ToleranceSeconds is how far the clocks of the two systems may be apart.
	ToleranceSeconds int `json:"toleranceSeconds"`
}

// Side is what one system says of one field.
type Side struct {
	// Value is true when the person has opted out.
	Value bool `json:"value"`
	// At is when that was said; zero where it is not known.
	At time.Time `json:"at,omitzero"`
}

// Ground is why a value holds.
type Ground string

// The grounds.
const (
	// CampaignLeads: the direction says so.
	CampaignLeads Ground = "campaign-leads"
	// CampaignNewer: Campaign's value is newer by more than the tolerance.
	CampaignNewer Ground = "campaign-newer"
	// OptOutWins: Campaign's value is not known to be newer, and at least one side has opted out.
	OptOutWins Ground = "opt-out-wins"
	// BothIn: Campaign's value is not known to be newer, and no side has opted out.
	BothIn Ground = "both-opted-in"
)

// Winner is whose value holds.
type Winner string

// The winners.
const (
	Campaign Winner = "campaign"
	Dynamics Winner = "dynamics"
	Both     Winner = "both"
)

// Decide says which value holds, and why.
func (r Rule) Decide(campaign, dynamics Side) (value bool, ground Ground) {
	switch {
	case r.Direction == ToDynamics:
		return campaign.Value, CampaignLeads
	case r.newer(campaign, dynamics):
		return campaign.Value, CampaignNewer
	case campaign.Value || dynamics.Value:
		return true, OptOutWins
	}
	return false, BothIn
}

// newer reports whether Campaign's value is strictly newer, whatever the clocks. A time that is not known is never newer,
// and never older.
func (r Rule) newer(campaign, dynamics Side) bool {
	return !campaign.At.IsZero() && !dynamics.At.IsZero() && campaign.At.Sub(dynamics.At) > time.Duration(r.ToleranceSeconds)*time.Second
}

// winner is the side that a value is of.
func winner(value bool, campaign, dynamics Side) Winner {
	switch {
	case campaign.Value == dynamics.Value:
		return Both
	case campaign.Value == value:
		return Campaign
	}
	return Dynamics
}
