package timeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// fixture is a file of testdata: an event, and the activity that it becomes or why it does not.
type fixture struct {
	Why string `json:"why"`
	// Settings change the default configuration.
	Settings json.RawMessage  `json:"settings"`
	Tables   map[string]Table `json:"tables"`
	Event    json.RawMessage  `json:"event"`
	Verdict  string           `json:"verdict"`
	Activity *fixtureActivity `json:"activity"`
	Rejected string           `json:"rejected"`
}

type fixtureActivity struct {
	ID     string         `json:"id"`
	Table  string         `json:"table"`
	Values map[string]any `json:"values"`
}

// strictly decodes JSON: a misspelt name would test nothing.
func strictly(t *testing.T, data []byte, into any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		t.Fatal(err)
	}
}

func TestFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var f fixture
			strictly(t, data, &f)
			doc := config.DefaultEgress()
			if len(f.Settings) > 0 {
				strictly(t, f.Settings, doc)
			}
			f.check(t, doc)
		})
	}
}

func (f fixture) check(t *testing.T, doc *config.EgressDoc) {
	decoder, err := NewDecoder(doc.EventFormat)
	if err != nil {
		t.Fatal(err)
	}
	event, verdict, err := decoder.Decode(f.Event)
	if verdict.String() != f.Verdict || (err != nil) != (verdict == Malformed) {
		t.Fatalf("the verdict is %s, %v; want %s", verdict, err, f.Verdict)
	}
	if err != nil {
		f.checkRejection(t, err)
	}
	if verdict != Known {
		return
	}
	var got fixtureActivity
	got.ID, got.Table, got.Values = NewPlan(doc.Activities, f.Tables).Row(event)
	if diff := cmp.Diff(f.Activity, &got); diff != "" {
		t.Errorf("the activity differs:\n%s", diff)
	}
}

func (f fixture) checkRejection(t *testing.T, err error) {
	if !fault.Is(err, fault.Rejected) || !strings.Contains(fault.Message(err), f.Rejected) || f.Rejected == "" {
		t.Errorf("%v %q, want it rejected for %q", fault.KindOf(err), fault.Message(err), f.Rejected)
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if strings.Contains(e.Error(), "secret") {
			t.Errorf("the message holds a value: %s", e)
		}
	}
}
