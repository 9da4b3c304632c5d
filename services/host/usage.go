package host

import (
	"net/http"
	"sync/atomic"

	"github.com/causeway-sync/causeway/pkg/remote"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// usage counts what the process has used of the remote systems, as their contracts count it. It outlives clients and runs.
//
// Campaign's contracts count calls of its engine: every request of the REST API, reads among them, but for what the gateway
// turns away; neither the token endpoint nor the journal is the engine. Microsoft's daily limits count requests, each
// operation of a batch as one; a request that was throttled was not served. A request whose answer never came counts: it may
// have been served.
type usage struct{ campaign, dynamics atomic.Uint64 }

// turnedAway are the answers of a gateway, in front of what is counted.
func turnedAway(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusTooManyRequests
}

func (u *usage) countCampaign(c remote.Call) {
	if c.Kind != "token" && c.Kind != "journal" && !turnedAway(c.Status) {
		u.campaign.Add(1)
	}
}

func (u *usage) countDynamics(c remote.Call) {
	if c.Kind != "token" && !turnedAway(c.Status) {
		u.dynamics.Add(uint64(max(c.Operations, 1)))
	}
}

// counts is what a heartbeat tells.
func (u *usage) counts() map[string]uint64 {
	return map[string]uint64{workflow.UsesCampaign: u.campaign.Load(), workflow.UsesDynamics: u.dynamics.Load()}
}

// also calls both observers.
func also(first func(remote.Call), second func(remote.Call)) func(remote.Call) {
	return func(c remote.Call) {
		if first != nil {
			first(c)
		}
		second(c)
	}
}
