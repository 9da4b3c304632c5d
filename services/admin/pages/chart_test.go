package pages

import (
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// TestChart: the line and the words say the same.
func TestChart(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	at := func(minutesAgo int, backlog uint64) workflow.Sample {
		return workflow.Sample{At: now.Add(-time.Duration(minutesAgo) * time.Minute), Backlog: backlog}
	}
	cases := []struct {
		name    string
		samples []workflow.Sample
		backlog uint64
		want    chart
	}{
		{"nothing yet", nil, 5, chart{Label: "Backlog over the last hour: nothing is known yet"}},
		{"too old", []workflow.Sample{at(61, 9)}, 5, chart{Label: "Backlog over the last hour: nothing is known yet"}},
		{"nothing waits", []workflow.Sample{at(2, 0), at(1, 0)}, 0, chart{Label: "Backlog over the last hour: 0 at 11:58, 0 now UTC",
			Line: "M232.0 31.0L236.0 31.0L240.0 31.0", Area: "M232.0 32L232.0 31.0L236.0 31.0L240.0 31.0L240.0 32Z"}},
		{"with a gap", []workflow.Sample{at(60, 1000), at(1, 10)}, 0, chart{Label: "Backlog over the last hour: 1,000 at 11:00, 0 now, at most 1,000 at 11:00 UTC", Peak: "at most 1,000 in the last hour",
			Line: "M0.0 1.0M236.0 30.7L240.0 31.0", Area: "M0.0 32L0.0 1.0L0.0 32ZM236.0 32L236.0 30.7L240.0 31.0L240.0 32Z"}},
	}
	for _, c := range cases {
		if got := drawChart(c.samples, c.backlog, now.Add(9*time.Second)); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
