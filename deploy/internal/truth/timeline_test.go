package truth_test

import (
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/deploy/internal/truth"
)

func TestTimelineDifferences(t *testing.T) {
	at := time.Date(2026, 3, 1, 10, 0, 0, 123e6, time.UTC)
	event := func(kind, contact string) truth.Event {
		return truth.Event{Kind: kind, Contact: contact, Known: true, Time: at, Campaign: "C1", Delivery: "D1", MirrorPage: "https://m"}
	}
	row := func(column, contact string) map[string]any {
		return map[string]any{column: "2026-03-01T10:00:00Z", "_regardingobjectid_value": contact, "subject": "Campaign Name: C1; Delivery Name: D1",
			"adobe_campaignname": "C1", "adobe_deliveryname": "D1", "adobe_mirrorpageurl": "https://m"}
	}
	soft, unknown := event("bounce", "a"), event("send", "b")
	soft.Soft, unknown.Known = true, false
	events := []truth.Event{event("send", "a"), event("send", "a"), event("open", "a"), event("sms", "a"), soft, unknown}
	rows := map[string][]map[string]any{"adobe_emailsend": {row("adobe_senton", "a"), row("adobe_senton", "a")}, "adobe_emailopen": {row("adobe_openedon", "a")}}
	activities := func(table string) iter.Seq[map[string]any] { return slices.Values(rows[table]) }
	if found := truth.TimelineDifferences(events, activities); found != nil {
		t.Errorf("equal, and yet %q", found)
	}
	rows["adobe_emailopen"] = append(rows["adobe_emailopen"], row("adobe_openedon", "a"))
	rows["adobe_emailsend"][1]["adobe_campaignname"] = "C2"
	if found := truth.TimelineDifferences(events, activities); len(found) != 3 {
		t.Errorf("one twice and one other: %q", found)
	}
}
