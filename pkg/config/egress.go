package config

// EgressDoc says which Campaign events become activities in Dynamics, and what those are called there. A setting that a
// document does not mention has its default, so that a document of an older version means what it meant.
type EgressDoc struct {
	Events     Events     `json:"events"`
	Activities Activities `json:"activities"`
	// EventFormat says where an event of the journal holds what.
	EventFormat EventFormat `json:"eventFormat"`
	// Journal says where reading begins.
	Journal JournalSettings `json:"journal"`
	// UnknownContact is about events of a contact that Dynamics does not know.
	UnknownContact UnknownContact `json:"unknownContact"`
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
	Subject      string `json:"subject"`
	CampaignName string `json:"campaignName"`
	DeliveryName string `json:"deliveryName"`
	OccurredOn   string `json:"occurredOn"`
	MirrorPage   string `json:"mirrorPage"`
	// ClickedURL is used by clicks only.
	ClickedURL string `json:"clickedUrl"`
	// Regarding is the navigation property that leads to the contact. Empty: the table's metadata says it.
	Regarding string `json:"regarding"`
}

// UnknownContact says what becomes of an event whose contact Dynamics does not know: the contact may be on its way.
type UnknownContact struct {
	// WaitHours is how long the event waits before it stands in the failures; 0 for not at all.
	WaitHours int `json:"waitHours"`
}

// MaxWaitHours bounds UnknownContact.WaitHours: 30 days.
const MaxWaitHours = 720

// JournalStart is an end of the journal.
type JournalStart string

// The ends of the journal.
const (
	Oldest JournalStart = "oldest"
	Latest JournalStart = "latest"
)

// JournalSettings says where in the journal reading begins: at the oldest event that is still there, or behind the latest.
type JournalSettings struct {
	// First is for the very first start.
	First JournalStart `json:"first"`
	// AfterGap is for a position that the journal does not hold any more, after more than seven days without reading.
	AfterGap JournalStart `json:"afterGap"`
}

// DefaultEgress has all events off: nothing is written before an admin has chosen.
func DefaultEgress() *EgressDoc {
	activity := func(table, occurred string) Activity {
		return Activity{Table: table, Subject: "subject", CampaignName: "adobe_campaignname", DeliveryName: "adobe_deliveryname",
			OccurredOn: occurred, MirrorPage: "adobe_mirrorpageurl"}
	}
	click := activity("adobe_emailurlclick", "adobe_clickedon")
	click.ClickedURL = "adobe_trackingurl"
	return &EgressDoc{
		Activities: Activities{
			Send: activity("adobe_emailsend", "adobe_senton"), Open: activity("adobe_emailopen", "adobe_openedon"),
			Click: click, Bounce: activity("adobe_emailbounce", "adobe_bouncedon"),
		},
		EventFormat:    DefaultEventFormat(),
		Journal:        JournalSettings{First: Oldest, AfterGap: Oldest},
		UnknownContact: UnknownContact{WaitHours: 24},
	}
}

// CannotStart says that no event is chosen, where none is.
func (d *EgressDoc) CannotStart() string {
	if d.Events == (Events{}) {
		return "no event type is chosen: switch on sends, opens, clicks or bounces first"
	}
	return ""
}

func (d *EgressDoc) normalise() { d.EventFormat.normalise() }
