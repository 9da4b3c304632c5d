package host

import (
	"testing"

	"github.com/causeway-sync/causeway/pkg/remote"
)

// TestWhatContractsCount is neither tokens nor the journal, nor what a gateway turned away; a batch is as many requests as it
// has operations.
func TestWhatContractsCount(t *testing.T) {
	var u usage
	told := 0
	observe := also(func(remote.Call) { told++ }, u.countCampaign)
	for _, c := range []remote.Call{{Kind: "create", Status: 201}, {Kind: "read", Status: 200}, {Kind: "update", Status: 500}, {Kind: "delete", Status: 0},
		{Kind: "token", Status: 200}, {Kind: "journal", Status: 200}, {Kind: "read", Status: 429}, {Kind: "read", Status: 401}} {
		observe(c)
	}
	for _, c := range []remote.Call{{Kind: "read", Status: 200}, {Kind: "batch", Status: 200, Operations: 50}, {Kind: "batch", Status: 429, Operations: 50}, {Kind: "token", Status: 200}} {
		also(nil, u.countDynamics)(c)
	}
	if got := u.counts(); got["campaign"] != 4 || got["dynamics"] != 51 || told != 8 {
		t.Errorf("%v, %d told", got, told)
	}
}
