package config

import (
	"fmt"
	"slices"
	"strings"
)

// Direction is which way opt-out values flow.
type Direction string

// The directions.
const (
	Disabled           Direction = "disabled"
	DynamicsToCampaign Direction = "dynamics-to-campaign"
	CampaignToDynamics Direction = "campaign-to-dynamics"
	Bidirectional      Direction = "bidirectional"
)

// OptInOutDoc maps Dynamics' opt-out columns to Campaign's eight fields.
type OptInOutDoc struct {
	Direction Direction       `json:"direction"`
	Mappings  []OptOutMapping `json:"mappings"`
}

// OptOutMapping joins one Boolean column and one of OptOutFields.
type OptOutMapping struct {
	Column string `json:"column"`
	Field  string `json:"field"`
}

// OptOutFields lists Campaign's opt-out fields by their API names.
func OptOutFields() []string {
	return []string{"blackList", "blackListEmail", "blackListFax", "blackListMobile", "blackListPhone", "blackListPostalMail",
		"blackListPushnotification", "ccpaOptOut"}
}

// DefaultOptInOut is disabled and maps nothing.
func DefaultOptInOut() *OptInOutDoc {
	return &OptInOutDoc{Direction: Disabled, Mappings: []OptOutMapping{}}
}

// CannotStart says why the workflow has nothing to do, where that is so.
func (d *OptInOutDoc) CannotStart() string {
	switch {
	case d.Direction == Disabled:
		return "opt-in/out is disabled: choose a direction first"
	case d.Direction == DynamicsToCampaign:
		return "this direction is done by the contact mapping of Dynamics 365 to Campaign"
	case len(d.Mappings) == 0:
		return "no opt-out column is mapped: add a mapping first"
	}
	return ""
}

func (d *OptInOutDoc) normalise() { present(&d.Mappings) }

// Validate checks direction and mappings.
func (d *OptInOutDoc) Validate() Faults {
	var faults Faults
	directions := []Direction{Disabled, DynamicsToCampaign, CampaignToDynamics, Bidirectional}
	if !slices.Contains(directions, d.Direction) {
		faults.add("direction", fmt.Sprintf("%.40q is not a direction", d.Direction),
			"use disabled, dynamics-to-campaign, campaign-to-dynamics or bidirectional")
	}
	columns, fields := map[string]int{}, map[string]int{}
	for i, m := range d.Mappings {
		at := fmt.Sprintf("mappings[%d]", i)
		checkName(&faults, columnName, at+".column", m.Column, "logical name of a Boolean column")
		if !slices.Contains(OptOutFields(), m.Field) {
			faults.add(at+".field", fmt.Sprintf("%.40q is not an opt-out field", m.Field), "use one of "+strings.Join(OptOutFields(), ", "))
		}
		once(&faults, columns, m.Column, i, at+".column", "column", "mappings[%d]")
		once(&faults, fields, m.Field, i, at+".field", "field", "mappings[%d]")
	}
	return faults
}
