package admin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// TestAGapStaysVisible on the page and in the API, from when to when, also when nobody serves the workflow; what is
// skipped is shown with its reasons.
func TestAGapStaysVisible(t *testing.T) {
	r := start(t, nil)
	from, to := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), time.Date(2026, 3, 2, 11, 30, 0, 0, time.UTC)
	gap := workflow.Gap{Source: "journal", From: from, To: to, At: to.AddDate(0, 0, 7), Message: "events have expired"}
	event := workflow.Event{Workflow: workflow.Egress, Kind: workflow.EventGap, Message: gap.Message, At: gap.At, Gap: &gap}
	if err := bus.NewEvents(r.conn).Record(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	r.until("the gap", workflow.Egress, func(v workflow.View) bool { return len(v.Gaps) == 1 })
	r.beat(func(hb *workflow.Heartbeat) { // Not before: a heartbeat counts for five seconds only.
		hb.Workflow = workflow.Egress
		hb.Counters.Skipped = map[string]uint64{"soft bounces": 1200, "of an unknown type": 3}
	})
	view := r.until("what is skipped", workflow.Egress, func(v workflow.View) bool { return len(v.Gaps) == 1 && v.Counters.Skipped != nil })
	if got := view.Gaps[0]; !got.From.Equal(from) || !got.To.Equal(to) || got.Message != gap.Message {
		t.Errorf("%+v", got)
	}
	row := parse(t, r.want(http.StatusOK, "GET", "/", "")).one("tr", "id", "row-egress")
	if got := row.one("span", "class", "fact bad gap").text(); got != "Missed in journal from 2026-03-01 10:00:00 UTC to 2026-03-02 11:30:00 UTC, noticed 2026-03-09 11:30:00 UTC" {
		t.Errorf("the gap reads %q", got)
	}
	if got := row.one("span", "class", "fact skipped").text(); got != "Skipped: 1,200 soft bounces · 3 of an unknown type" {
		t.Errorf("what is skipped reads %q", got)
	}
	// A gap whose bounds nobody knows.
	event.Gap = &workflow.Gap{Source: "journal", At: to.AddDate(0, 0, 8), Message: "the position is lost"}
	if err := bus.NewEvents(r.conn).Record(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	r.until("both gaps", workflow.Egress, func(v workflow.View) bool { return len(v.Gaps) == 2 && v.Gaps[0].From.IsZero() })
	if page := r.want(http.StatusOK, "GET", "/", "").text(); !strings.Contains(page, "from an unknown time to an unknown time") {
		t.Error("the page does not tell the second gap")
	}
}
