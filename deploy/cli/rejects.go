package cli

import "github.com/causeway-sync/causeway/pkg/pump"

// Rejects are the flags of how many rejected records are too many.
type Rejects struct {
	Percent int `name:"max-rejected-percent" help:"Share of the last records that may be rejected before the workflow stops as FAILED; 0 or 100 for no limit." default:"20" env:"CAUSEWAY_MAX_REJECTED_PERCENT"`
	Window  int `name:"max-rejected-window" help:"How many of the last records that share is of." default:"1000" env:"CAUSEWAY_MAX_REJECTED_WINDOW"`
}

// Limit are the flags as the pump wants them.
func (r Rejects) Limit() pump.RejectLimit {
	limit := pump.RejectLimit{Share: float64(r.Percent) / 100, Window: r.Window}
	if r.Percent <= 0 || r.Percent >= 100 {
		limit.Share = -1
	}
	limit.Min = max(1, min(50, r.Window/20))
	return limit
}
