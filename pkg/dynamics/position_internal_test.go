package dynamics

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// Golden: positions are stored for weeks and read by later programs.
func TestPositionFormat(t *testing.T) {
	full := position{
		Format: 1, Table: "contact", Columns: []string{"lastname"}, Formatted: true, Phase: phaseSweep, Link: "l", Delta: "d",
		Started: time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC), Read: 7, Expected: 9, Held: "h", Offset: 2,
	}
	const stored = `{"v":1,"table":"contact","columns":["lastname"],"formatted":true,"phase":"sweep","link":"l","delta":"d",` +
		`"started":"2024-01-02T03:04:05Z","read":7,"expected":9,"held":"h","offset":2}`
	text, err := full.encode()
	if err != nil || string(text) != stored {
		t.Errorf("encoded as %s, %v", text, err)
	}
	back, err := parsePosition("contact", []byte(stored))
	if diff := cmp.Diff(full, back); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func FuzzPosition(f *testing.F) {
	f.Add([]byte(`{"v":1,"table":"contact","phase":"changes","delta":"x","offset":3}`))
	f.Add([]byte(`{"v":2}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := parsePosition("contact", text)
		if err != nil {
			if !fault.Is(err, fault.Fatal) {
				t.Errorf("%v", err)
			}
			return
		}
		again, err := p.encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := parsePosition("contact", again)
		if err != nil || back.Link != p.Link || back.Delta != p.Delta || back.Phase != p.Phase {
			t.Errorf("%s reads back as %+v, %v", again, back, err)
		}
	})
}

func TestParseCode(t *testing.T) {
	for text, want := range map[string]uint32{
		"0x80044352": 0x80044352, "-2147204270": 0x80044352, "0x0": 0, "": 0, "null": 0, "2147942400": 0x80070000, "0x8004435": 0x8004435,
		"99999999999": 0, "x": 0,
	} {
		if got := parseCode(text); got != want {
			t.Errorf("parseCode(%q) = %#x, want %#x", text, got, want)
		}
	}
}
