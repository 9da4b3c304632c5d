package config

// EventFormat says where an event of the journal holds what. Adobe publishes no format for Campaign's e-mail events, so
// this is a setting, and the default is the format that Causeway documents and its sandbox sends.
//
// A place is a path of names joined by dots, from the event's outermost object inwards: "data.recipientID".
type EventFormat struct {
	// Type is the place of the event's type, whose values Types lists.
	Type string `json:"type"`
	// ID is the place of the event's own id: two events with one id are one event.
	ID string `json:"id"`
	// Time is the place of the time at which it happened, in RFC 3339.
	Time string `json:"time"`
	// Contact is the place of the contact's id in Dynamics, a GUID.
	Contact string `json:"contact"`
	// Campaign, Delivery, MirrorPage and ClickedURL are the places of what the activity shows. Empty: events do not hold it.
	Campaign   string `json:"campaign"`
	Delivery   string `json:"delivery"`
	MirrorPage string `json:"mirrorPage"`
	ClickedURL string `json:"clickedUrl"`
	// BounceKind is the place that tells hard bounces, whose values HardBounce lists, from soft ones. Empty: every bounce
	// is a hard one.
	BounceKind string `json:"bounceKind"`
	// Types lists the values of Type that mean each type of event. Events of any other are counted and skipped.
	Types      EventTypes `json:"types"`
	HardBounce []string   `json:"hardBounce"`
}

// EventTypes lists what each type of event is called in the journal.
type EventTypes struct {
	Send   []string `json:"send"`
	Open   []string `json:"open"`
	Click  []string `json:"click"`
	Bounce []string `json:"bounce"`
}

// DefaultEventFormat is a CloudEvent as the sandbox's journal holds it.
func DefaultEventFormat() EventFormat {
	called := func(kind string) []string { return []string{"com.adobe.campaign.email." + kind} }
	return EventFormat{
		Type: "type", ID: "id", Time: "time", Contact: "data.recipientID",
		// The activity's columns of these names hold ids in Adobe's own integration.
		Campaign: "data.campaignID", Delivery: "data.deliveryID",
		MirrorPage: "data.mirrorPageUrl", ClickedURL: "data.trackingUrl", BounceKind: "data.bounceType",
		Types:      EventTypes{Send: called("send"), Open: called("open"), Click: called("click"), Bounce: called("bounce")},
		HardBounce: []string{"hard"},
	}
}

func (f *EventFormat) normalise() {
	present(&f.Types.Send)
	present(&f.Types.Open)
	present(&f.Types.Click)
	present(&f.Types.Bounce)
	present(&f.HardBounce)
}
