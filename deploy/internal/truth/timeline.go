package truth

import (
	"fmt"
	"iter"
	"slices"
	"time"
)

// Event is what happened to an e-mail, as the simulated Campaign tells it.
type Event struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"`
	Contact    string    `json:"contact"`
	Known      bool      `json:"known"`
	Soft       bool      `json:"soft"`
	Time       time.Time `json:"time"`
	Campaign   string    `json:"campaign"`
	Delivery   string    `json:"delivery"`
	MirrorPage string    `json:"mirrorPage"`
	ClickedURL string    `json:"clickedUrl"`
}

// ActivityTables are the tables that the configuration that ships writes, by kind of event.
func ActivityTables() map[string]string {
	return map[string]string{"send": "adobe_emailsend", "open": "adobe_emailopen", "click": "adobe_emailurlclick", "bounce": "adobe_emailbounce"}
}

// Wanted reports whether the event belongs on a timeline, where all kinds are switched on.
func (e Event) Wanted() bool { return e.Known && !e.Soft && ActivityTables()[e.Kind] != "" }

// line is everything that an activity says.
func line(kind, contact string, at time.Time, subject, campaign, delivery, page, url string) string {
	return fmt.Sprintf("%s of %s at %s: %s, %s, %s, %s, %s", kind, contact, at.UTC().Truncate(time.Second).Format(time.RFC3339), subject, campaign, delivery, page, url)
}

func (e Event) line() string {
	return line(e.Kind, e.Contact, e.Time, "Campaign Name: "+e.Campaign+"; Delivery Name: "+e.Delivery, e.Campaign, e.Delivery, e.MirrorPage, e.ClickedURL)
}

func activityLine(kind string, row map[string]any) string {
	text := func(column string) string { s, _ := row[column].(string); return s }
	occurred := map[string]string{"send": "adobe_senton", "open": "adobe_openedon", "click": "adobe_clickedon", "bounce": "adobe_bouncedon"}[kind]
	at, _ := time.Parse(time.RFC3339, text(occurred)) // A time that is none is a difference.
	return line(kind, text("_regardingobjectid_value"), at, text("subject"), text("adobe_campaignname"), text("adobe_deliveryname"),
		text("adobe_mirrorpageurl"), text("adobe_trackingurl"))
}

// TimelineDifferences compares the events that belong on a timeline with the activities that stand there, one by one, and
// names up to ten that differ. Nil means that there is exactly one activity for each.
func TimelineDifferences(events []Event, activities func(table string) iter.Seq[map[string]any]) []string {
	balance := map[string]int{}
	for _, e := range events {
		if e.Wanted() {
			balance[e.line()]++
		}
	}
	for kind, table := range ActivityTables() {
		for row := range activities(table) {
			balance[activityLine(kind, row)]--
		}
	}
	var found []string
	for what, n := range balance {
		switch {
		case n > 0:
			found = append(found, fmt.Sprintf("%d missing: %s", n, what))
		case n < 0:
			found = append(found, fmt.Sprintf("%d too many: %s", -n, what))
		}
	}
	slices.Sort(found)
	return found[:min(len(found), named)]
}
