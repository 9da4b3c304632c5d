package egress_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
)

// The columns that differ between the activities, written down a second time.
func occurred(kind string) string {
	return map[string]string{"send": "adobe_senton", "open": "adobe_openedon", "click": "adobe_clickedon", "bounce": "adobe_bouncedon"}[kind]
}

// line is all that an activity says, as a text that can be compared.
func line(kind, contact string, at time.Time, subject, campaign, delivery, page, url string) string {
	return fmt.Sprintf("%s of %s at %s: %s|%s|%s|%s|%s", kind, contact, at.UTC().Truncate(time.Second).Format(time.RFC3339), subject, campaign, delivery, page, url)
}

// lineOf is what an event should become.
func lineOf(e campaigntest.EmittedEvent) string {
	return line(e.Kind, e.Contact, e.Time, "Campaign Name: "+e.Campaign+"; Delivery Name: "+e.Delivery, e.Campaign, e.Delivery, e.MirrorPage, e.ClickedURL)
}

// lines are the activities as they stand in Dynamics, sorted.
func (h *house) lines() []string {
	var list []string
	for kind, table := range tables() {
		for _, row := range h.dynamics.Rows(table) {
			text := func(column string) string { s, _ := row[column].(string); return s }
			at, err := time.Parse(time.RFC3339, text(occurred(kind)))
			if err != nil {
				h.t.Errorf("a %s has the time %q", kind, text(occurred(kind)))
			}
			list = append(list, line(kind, text("_regardingobjectid_value"), at, text("subject"), text("adobe_campaignname"), text("adobe_deliveryname"),
				text("adobe_mirrorpageurl"), text("adobe_trackingurl")))
		}
	}
	slices.Sort(list)
	return list
}

func linesOf(events []campaigntest.EmittedEvent) []string {
	var list []string
	for _, e := range events {
		list = append(list, lineOf(e))
	}
	slices.Sort(list)
	return list
}
