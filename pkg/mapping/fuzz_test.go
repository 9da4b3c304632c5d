package mapping

import (
	"encoding/json"
	"math/big"
	"testing"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/record"
)

func FuzzApply(f *testing.F) {
	for _, row := range []string{`{}`, `[]`, `{"string":"Zoë😀😀x","picklist":2,"boolean":true,"datetime":"2024-01-31T08:00:00Z","decimal":1.50}`,
		`{"picklist":1,"picklist` + FormattedValue + `":"male","state":null,"lookup":"9999-12-31T23:59:59-01:00"}`, `{"string":{"a":[]},"integer":1e400}`, `{"decimal":"1e9"}`} {
		f.Add([]byte(row), true, "male", "")
		f.Add([]byte(row), false, "", "1")
	}
	f.Fuzz(func(t *testing.T, row []byte, technical bool, from, to string) {
		replacements := []config.Replacement{{Column: "picklist", From: from, To: to}, {Column: "string", From: from, To: to}}
		if !json.Valid([]byte(`"` + to + `"`)) {
			return // A replacement comes out of a JSON document.
		}
		plan := everyType(t, config.Filters{Operator: "and", Rules: []config.Rule{{Column: "lookup", Comparison: "not-contains", Value: from}}}, replacements, technical, config.Truncate)
		r := record.Record{Source: "contact", Key: "k", Op: record.Upsert, Data: row}
		w, err := plan.Apply(r)
		checkAnswer(t, plan, w, err)
	})
}

func FuzzParseTime(f *testing.F) {
	for _, text := range []string{"2024-01-31", "2024-01-31T08:00:00Z", "9999-12-31T23:59:59.999999999-12:00", "0000-01-01", "2024-02-30", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, isDay, err := parseTime(text)
		if err != nil {
			return
		}
		if isDay && at.Format(dateForm) != text {
			t.Errorf("the day %q is read as %s", text, at)
		}
		for form, kind := range map[string]string{dateForm: "date", datetimeForm: "datetime"} {
			if problem := misfit(at.Format(form), Field{Type: kind}); problem != "" {
				t.Errorf("%q as %s %s", text, kind, problem)
			}
		}
	})
}

func FuzzParseNumber(f *testing.F) {
	for _, text := range []string{"1", "-0.50", "1e400", "1e401", "1/3", "0b1", "0x1p-2", "1_000", "+5", ".5", "", "1e", "١"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		number, ok := parseNumber(text)
		if !ok {
			return
		}
		if bits := number.Num().BitLen() + number.Denom().BitLen(); bits > 4000 {
			t.Errorf("%q takes %d bits", text, bits)
		}
		if again, ok := new(big.Rat).SetString(text); !ok || again.Cmp(number) != 0 {
			t.Errorf("%q is read as %s", text, number)
		}
	})
}

// Whatever an admin types into a filter and whatever a row holds: a rule is refused, or answers.
func FuzzFilter(f *testing.F) {
	f.Add("2024-01-31", uint8(0), uint8(0), `"2024-01-31T08:00:00Z"`, "")
	f.Add("10", uint8(4), uint8(6), `10.0`, "ten")
	f.Add("Do Not Allow", uint8(2), uint8(0), `true`, "Do Not Allow")
	f.Add("1e400", uint8(4), uint8(8), `1e400`, "")
	f.Fuzz(func(t *testing.T, value string, column, comparison uint8, row, label string) {
		types, comparisons := columnTypes(), config.Comparisons()
		r := record.Record{Op: record.Upsert, Data: json.RawMessage(`{"c":` + row + `}`)}
		values, err := r.Values()
		if err != nil {
			return
		}
		rule := config.Rule{Column: "c", Comparison: comparisons[int(comparison)%len(comparisons)], Value: value}
		plan, err := compileFilter(rule, Column{Name: "c", Type: types[int(column)%len(types)]})
		if err != nil {
			return
		}
		if got := plan.holds(values["c"], label); got != plan.holds(values["c"], label) {
			t.Error("two answers")
		}
	})
}
