package consent_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/consent"
)

const tolerance = 5 * time.Minute

// at is a time in every test of this package.
var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// times are the columns of the truth table: Campaign's time and that of Dynamics.
func times(t *testing.T, name string) (campaign, dynamics time.Time) {
	switch name {
	case "older":
		return at.Add(-time.Millisecond), at
	case "equal":
		return at, at
	case "+5m":
		return at.Add(tolerance), at
	case "newer":
		return at.Add(tolerance + time.Millisecond), at
	case "unknown":
		return time.Time{}, at
	case "none":
		return at, time.Time{}
	case "neither":
		return time.Time{}, time.Time{}
	}
	t.Fatalf("there is no time %q", name)
	return
}

// TestTruthTable checks every cell of the rule: 2 directions, 2 × 2 values, 7 relations of times.
func TestTruthTable(t *testing.T) {
	text, err := os.ReadFile("testdata/truthtable.txt")
	if err != nil {
		t.Fatal(err)
	}
	cells := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		cell := strings.Fields(line)
		if len(cell) == 0 || cell[0] == "#" || strings.HasPrefix(line, "#") {
			continue
		}
		if len(cell) != 7 {
			t.Fatalf("not a cell: %s", line)
		}
		cells[strings.Join(cell[:4], " ")] = true
		campaign, dynamics := consent.Side{Value: cell[1] == "out"}, consent.Side{Value: cell[2] == "out"}
		campaign.At, dynamics.At = times(t, cell[3])
		rule := consent.Rule{Direction: consent.Direction(cell[0]), ToleranceSeconds: int(tolerance.Seconds())}
		d := rule.Judge("blackListEmail", campaign, dynamics)
		holds := map[bool]string{true: "out", false: "in"}[d.Value]
		if holds != cell[4] || string(d.Ground) != cell[5] || string(d.Winner) != cell[6] {
			t.Errorf("%s %s, %s, %s: %s by %s of %s", cell[1], cell[2], cell[0], cell[3], holds, d.Ground, d.Winner)
		}
		if !d.Holds() {
			t.Errorf("%s: decided again it is another decision", line)
		}
	}
	if want := 2 * 2 * 2 * 7; len(cells) != want {
		t.Errorf("%d cells, want %d", len(cells), want)
	}
}
