package config

import "fmt"

// EgressDoc says which Campaign events become activities in Dynamics, and what those are called there.
type EgressDoc struct {
	Events     Events     `json:"events"`
	Activities Activities `json:"activities"`
}

// Events switches each type of event.
type Events struct {
	Send   bool `json:"send"`
	Open   bool `json:"open"`
	Click  bool `json:"click"`
	Bounce bool `json:"bounce"`
}

// Activities names the activity table of each type of event.
type Activities struct {
	Send   Activity `json:"send"`
	Open   Activity `json:"open"`
	Click  Activity `json:"click"`
	Bounce Activity `json:"bounce"`
}

// Activity names one activity table and its columns. Only the table and columns of sends are publicly known; the
// others follow their pattern and have to be checked against the installed solution.
type Activity struct {
	Table        string `json:"table"`
	CampaignName string `json:"campaignName"`
	DeliveryName string `json:"deliveryName"`
	OccurredOn   string `json:"occurredOn"`
	MirrorPage   string `json:"mirrorPage"`
	// ClickedURL is used by clicks only.
	ClickedURL string `json:"clickedUrl,omitempty"`
}

// DefaultEgress has all events off: nothing is written before an admin has chosen.
func DefaultEgress() *EgressDoc {
	activity := func(table, occurred string) Activity {
		return Activity{Table: table, CampaignName: "adobe_campaignname", DeliveryName: "adobe_deliveryname",
			OccurredOn: occurred, MirrorPage: "adobe_mirrorpageurl"}
	}
	click := activity("adobe_emailurlclick", "adobe_clickedon")
	click.ClickedURL = "adobe_trackingurl"
	return &EgressDoc{Activities: Activities{
		Send: activity("adobe_emailsend", "adobe_senton"), Open: activity("adobe_emailopen", "adobe_openedon"),
		Click: click, Bounce: activity("adobe_emailbounce", "adobe_bouncedon"),
	}}
}

// CannotStart says that no event is chosen, where none is.
func (d *EgressDoc) CannotStart() string {
	if d.Events == (Events{}) {
		return "no event type is chosen: switch on sends, opens, clicks or bounces first"
	}
	return ""
}

func (d *EgressDoc) normalise() {}

// Validate checks the names.
func (d *EgressDoc) Validate() Faults {
	var faults Faults
	for _, a := range []struct {
		name     string
		activity Activity
	}{{"send", d.Activities.Send}, {"open", d.Activities.Open}, {"click", d.Activities.Click}, {"bounce", d.Activities.Bounce}} {
		path := fmt.Sprintf("activities.%s", a.name)
		checkName(&faults, columnName, path+".table", a.activity.Table, "logical name of the activity table")
		checkName(&faults, columnName, path+".campaignName", a.activity.CampaignName, "logical name of a column")
		checkName(&faults, columnName, path+".deliveryName", a.activity.DeliveryName, "logical name of a column")
		checkName(&faults, columnName, path+".occurredOn", a.activity.OccurredOn, "logical name of a column")
		checkName(&faults, columnName, path+".mirrorPage", a.activity.MirrorPage, "logical name of a column")
	}
	checkName(&faults, columnName, "activities.click.clickedUrl", d.Activities.Click.ClickedURL, "logical name of a column")
	return faults
}
