package config

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// Settings are what is set for the whole installation, beside the workflows and the connections.
type Settings struct {
	Budgets Budgets `json:"budgets"`
}

// Budgets are how much of a contract may be used on one day (UTC), over all workflows. 0 sets none. They warn, and stop
// nothing.
type Budgets struct {
	// CampaignEngineCalls are requests that reach Campaign's engine, which is what Adobe's contracts count.
	CampaignEngineCalls int `json:"campaignEngineCalls" doc:"calls of Campaign's engine on one day, over all workflows; 0 for no budget" example:"40000"`
	// DynamicsRequests are requests as Microsoft counts them for its daily limits: each operation of a batch is one.
	DynamicsRequests int `json:"dynamicsRequests" doc:"requests to Dynamics 365 on one day, over all workflows, each operation of a batch as one; 0 for no budget" example:"100000"`
}

// maxBudget is above every contract.
const maxBudget = 2_000_000_000

// DecodeSettings reads a document and checks it. The error is Faults, all of them.
func DecodeSettings(data []byte) (Settings, error) {
	value, faults := parse(data)
	if len(faults) > 0 {
		return Settings{}, faults
	}
	checkShape(&faults, "", value, reflect.TypeFor[Settings]())
	if len(faults) > 0 {
		return Settings{}, faults
	}
	checked, err := json.Marshal(value)
	if err != nil {
		return Settings{}, fmt.Errorf("read settings: %w", err)
	}
	var s Settings
	if err := json.Unmarshal(checked, &s); err != nil {
		return Settings{}, Faults{{Problem: "the document cannot be read", Fix: "send one JSON object"}}
	}
	if faults := s.Validate(); len(faults) > 0 {
		return Settings{}, faults
	}
	return s, nil
}

// Validate returns every fault, nil when there is none.
func (s Settings) Validate() Faults {
	var faults Faults
	for _, budget := range []struct {
		path  string
		value int
	}{{"budgets.campaignEngineCalls", s.Budgets.CampaignEngineCalls}, {"budgets.dynamicsRequests", s.Budgets.DynamicsRequests}} {
		if budget.value < 0 || budget.value > maxBudget {
			faults.add(budget.path, "that is no budget", fmt.Sprintf("give a whole number from 0, which sets none, to %d", maxBudget))
		}
	}
	return faults
}
