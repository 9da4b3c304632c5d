package backend

import (
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// TestTrendIsOneSampleAMinute whatever is published, and nothing is kept for longer than the bus keeps it.
func TestTrendIsOneSampleAMinute(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 30, 0, time.UTC)
	at := func(ago time.Duration) workflow.Sample { return workflow.Sample{At: now.Add(-ago)} }
	got := joined([]workflow.Sample{at(26 * time.Hour), at(3 * time.Minute)}, []workflow.Sample{at(time.Second), at(3*time.Minute + time.Second), at(0), at(-time.Hour)}, now)
	if len(got) != 2 || !got[0].At.Equal(now.Add(-3*time.Minute-time.Second)) || !got[1].At.Equal(now.Add(-time.Second)) {
		t.Errorf("%+v", got)
	}
}
