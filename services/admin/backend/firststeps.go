package backend

import (
	"time"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// FirstSteps leads through an installation that is new: connections, tests, mapping, start.
type FirstSteps struct {
	// Connected is true when both sides are connected, and the next step is another.
	Connected bool
}

// FirstSteps is what is left to do first, nil where the installation is in use: it was started once, or its environment
// connects both sides, so that whoever installed it knows what he does.
func (s *Service) FirstSteps() *FirstSteps {
	now := time.Now()
	missing, started := false, false
	for _, id := range workflow.All() {
		facts := s.monitor.facts(id, now)
		missing = missing || facts.isMissing(config.ConnectionDynamics, now) || facts.isMissing(config.ConnectionCampaign, now)
		started = started || facts.Command.Seq > 0
	}
	switch {
	case missing:
		return &FirstSteps{}
	case !started && s.monitor.storedConnections()[config.ConnectionDynamics].SetUp:
		return &FirstSteps{Connected: true}
	}
	return nil
}
