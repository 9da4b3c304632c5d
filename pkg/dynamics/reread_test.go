package dynamics_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

func TestRowsAreReadAsTheyAreNow(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	var keys []string
	for range 40 {
		keys = append(keys, env.put("", "old"))
	}
	r := env.reader(dynamics.SourceConfig{})
	before := r.next(t).Records
	env.put(keys[7], "new")
	env.Delete("contact", keys[9])
	records, errs := r.source.Rows(t.Context(), append(keys, "no GUID"))
	if len(records) != 41 || !fault.Is(errs[40], fault.Invalid) {
		t.Fatalf("%d records, the bad key says %v", len(records), errs[40])
	}
	for i, key := range keys {
		rec, op, name := records[i], record.Upsert, `"lastname":"old"`
		switch i {
		case 7:
			name = `"lastname":"new"`
		case 9:
			op, name = record.Delete, ""
		}
		if errs[i] != nil || rec.Source != "contact" || rec.Key != key || rec.Op != op || !strings.Contains(string(rec.Data), name) || rec.Validate() != nil {
			t.Errorf("row %d: %+v, %v", i, rec, errs[i])
		}
	}
	for _, rec := range before {
		if rec.Key == keys[7] && records[7].Version <= rec.Version {
			t.Errorf("a newer row has version %d after %d", records[7].Version, rec.Version)
		}
	}
}

func TestRowsCarryLabelsWhereTheSourceDoes(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	id := env.Put("new_membership", map[string]any{"new_name": "n", "new_level": 100000002})
	source := env.client.Source(dynamics.SourceConfig{Table: "new_membership", Columns: []string{"new_level"}, FormattedValues: true})
	page, err := source.Read(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	records, errs := source.Rows(t.Context(), []string{id})
	if errs[0] != nil || string(records[0].Data) != string(page.Records[0].Data) {
		t.Errorf("got %s, %v\nwant %s", records[0].Data, errs[0], page.Records[0].Data)
	}
}

func TestTroubleOfARowIsItsOwn(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	good, bad := env.put("", "good"), env.put("", "bad")
	env.before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "("+bad+")") {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	}
	records, errs := env.client.Source(dynamics.SourceConfig{Table: "contact"}).Rows(t.Context(), []string{good, bad})
	if errs[0] != nil || records[0].Key != good || !fault.Is(errs[1], fault.Transient) {
		t.Errorf("%+v, %v", records, errs)
	}
	_, errs = env.client.Source(dynamics.SourceConfig{Table: "nothing"}).Rows(t.Context(), []string{good})
	if !fault.Is(errs[0], fault.Fatal) {
		t.Errorf("a table that is missing: %v", errs[0])
	}
}

// TestSlicesOfOneAnswerAreMarked: nothing may be queued between them (invariant 4).
func TestSlicesOfOneAnswerAreMarked(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	for range 25 {
		env.put("", "n")
	}
	env.unsized.Store(true)
	r := env.reader(dynamics.SourceConfig{PageSize: 10})
	var marks []bool
	for range 3 {
		marks = append(marks, r.next(t).Partial)
	}
	if !marks[0] || !marks[1] || marks[2] {
		t.Errorf("marks %v", marks)
	}
}
