package mapping

import (
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// reporter is a test, of package testing or of rapid.
type reporter interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// everyType is a mapping with a column of each type into a field of each type.
func everyType(t testing.TB, filters config.Filters, replacements []config.Replacement, technical bool, tooLong config.TooLong) *Plan {
	t.Helper()
	table := Table{Name: "contact", PrimaryKey: "contactid"}
	fields := []Field{{Name: "externalId", Type: "string", Writable: true}}
	m := config.Mapping{Table: "contact", Resource: "profile", Key: config.Key{Column: "contactid", Field: "externalId"},
		Filters: filters, Replacements: replacements, TechnicalPicklistValues: technical}
	for _, column := range columnTypes() {
		table.Columns = append(table.Columns, Column{Name: strings.ToLower(column), Type: column})
	}
	for i, kind := range fieldTypes() {
		field := Field{Name: "f" + kind, Type: kind, Length: 5, Writable: true}
		if kind == "enumeration" {
			field.Values = []string{"unknown", "male", "1"}
		}
		fields = append(fields, field)
		m.Fields = append(m.Fields, config.FieldMapping{Column: table.Columns[i%len(table.Columns)].Name, Field: field.Name, ApplyUpdates: i%2 == 0, TooLong: tooLong})
	}
	plan, faults := Compile(m, table, fields)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return plan
}

func columnTypes() []string {
	return []string{"String", "Picklist", "Boolean", "DateTime", "Decimal", "Lookup", "MultiSelect", "Integer", "State"}
}

func fieldTypes() []string {
	return []string{"string", "enumeration", "boolean", "datetime", "number", "memo", "date", "integer", "whatever"}
}

// Values that a column may hold, or that somebody may one day put there.
func values() *rapid.Generator[any] {
	return rapid.OneOf(
		rapid.Just[any](nil), rapid.Map(rapid.Bool(), func(b bool) any { return b }), rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Map(rapid.SampledFrom([]string{"", "1", "0", "male", "2024-01-31", "2024-01-31T08:00:00Z", "12.50", "Zoë😀😀", "1,3"}), func(s string) any { return s }),
		rapid.Map(rapid.Int64(), func(n int64) any { return n }), rapid.Map(rapid.Float64Range(-1e300, 1e300), func(f float64) any { return f }),
		rapid.Just[any](map[string]any{"a": 1}), rapid.Just[any]([]any{}))
}

func rows() *rapid.Generator[json.RawMessage] {
	return rapid.Custom(func(t *rapid.T) json.RawMessage {
		row := map[string]any{}
		for _, column := range columnTypes() {
			name := strings.ToLower(column)
			if rapid.IntRange(0, 9).Draw(t, "absent") == 0 {
				continue
			}
			row[name] = values().Draw(t, name)
			if rapid.Bool().Draw(t, "labelled") {
				row[name+FormattedValue] = rapid.String().Draw(t, "label")
			}
		}
		data, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		return data
	})
}

func plans(tt testing.TB) *rapid.Generator[*Plan] {
	return rapid.Custom(func(t *rapid.T) *Plan {
		rules := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) config.Rule {
			comparison := rapid.SampledFrom([]string{"contains", "not-contains", "starts-with", "ends-with", "is-null", "is-not-null"}).Draw(t, "comparison")
			return config.Rule{Column: strings.ToLower(rapid.SampledFrom(columnTypes()).Draw(t, "column")), Comparison: comparison, Value: rapid.String().Draw(t, "value")}
		}), 0, 2).Draw(t, "rules")
		replacements := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) config.Replacement {
			return config.Replacement{Column: strings.ToLower(rapid.SampledFrom(columnTypes()).Draw(t, "column")),
				From: rapid.SampledFrom([]string{"", "1", "male", "true"}).Draw(t, "from"), To: rapid.SampledFrom([]string{"", "1", "male", "2024-01-31"}).Draw(t, "to")}
		}), 0, 2).Draw(t, "replacements")
		return everyType(tt, config.Filters{Operator: rapid.SampledFrom([]string{"and", "or"}).Draw(t, "operator"), Rules: rules}, replacements,
			rapid.Bool().Draw(t, "technical"), rapid.SampledFrom([]config.TooLong{config.Reject, config.Truncate}).Draw(t, "tooLong"))
	})
}

// The same row always gives the same answer, and every answer is one: a write that fits, or a rejection.
func TestApplyIsAFunction(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		plan := plans(t).Draw(rt, "plan")
		r := record.Record{Source: "contact", Key: "k", Op: record.Upsert, Snapshot: rapid.Bool().Draw(rt, "snapshot"), Data: rows().Draw(rt, "row")}
		first, err := plan.Apply(r)
		again, errAgain := plan.Apply(r)
		if !reflect.DeepEqual(first, again) || fmt.Sprint(err) != fmt.Sprint(errAgain) {
			rt.Fatalf("two answers: %+v, %v and %+v, %v", first, err, again, errAgain)
		}
		checkAnswer(rt, plan, first, err)
	})
}

// checkAnswer checks what holds for every answer of everyType's plan.
func checkAnswer(t reporter, plan *Plan, w Write, err error) {
	t.Helper()
	if err != nil {
		if !fault.Is(err, fault.Rejected) {
			t.Fatalf("an error that is no rejection: %v", err)
		}
		return
	}
	for _, f := range plan.fields {
		value, filled := w.Fields[f.Field]
		onCreate, filledOnCreate := w.OnCreate[f.Field]
		if filled && filledOnCreate {
			t.Fatalf("%s is written in two ways", f.Field)
		}
		if filledOnCreate {
			value = onCreate
		}
		if problem := misfit(value, f.field); problem != "" {
			t.Fatalf("field %s of type %s %s", f.Field, f.field.Type, problem)
		}
	}
}

// misfit says why a value does not belong into a field, "" when it does.
func misfit(value any, field Field) string {
	if value == nil {
		return ""
	}
	text, isText := value.(string)
	number, isNumber := value.(json.Number)
	switch kindOfField(field.Type) {
	case numberKind:
		if !isNumber || !json.Valid([]byte(number)) {
			return "is not a number"
		}
	case integerKind:
		if _, ok := new(big.Int).SetString(number.String(), 10); !isNumber || !ok {
			return "is not a whole number"
		}
	case booleanKind:
		if _, isBool := value.(bool); !isBool {
			return "is not yes or no"
		}
	case dateKind:
		if _, err := time.Parse(dateForm, text); err != nil {
			return "is not a day"
		}
	case datetimeKind:
		if _, err := time.Parse(datetimeForm, text); err != nil || len(text) != len("2006-01-02 15:04:05.000Z") {
			return "is not a time"
		}
	case enumerationKind:
		if !isText || !strings.Contains("|unknown|male|1|", "|"+text+"|") {
			return "is not a member"
		}
	default:
		if !isText || !utf8.ValidString(text) || utf8.RuneCountInString(text) > field.Length {
			return "does not fit"
		}
	}
	return ""
}

// A text that is cut is the beginning of what it was, as long as the field, and valid.
func TestTruncation(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text, length := rapid.String().Draw(rt, "text"), rapid.IntRange(1, 12).Draw(rt, "length")
		f := fieldPlan{FieldMapping: config.FieldMapping{TooLong: config.Truncate}, field: Field{Type: "string", Length: length}}
		got, err := f.fit(text, text)
		if err != nil {
			rt.Fatal(err)
		}
		cut := got.(string)
		if !utf8.ValidString(cut) || !strings.HasPrefix(text, cut) || utf8.RuneCountInString(cut) != min(length, utf8.RuneCountInString(text)) {
			rt.Fatalf("%q cut to %d is %q", text, length, cut)
		}
	})
}

// A rejection is shown to viewers and logged: the value must not be in it (invariant 9).
func TestRejectionsKeepTheValue(t *testing.T) {
	const secret = "s3cr3t-zq"
	rapid.Check(t, func(rt *rapid.T) {
		plan := everyType(t, config.Filters{}, nil, rapid.Bool().Draw(rt, "technical"), config.Reject)
		wrap := rapid.SampledFrom([]func(string) any{
			func(s string) any { return s }, func(s string) any { return map[string]any{s: s} }, func(s string) any { return []any{s} },
			func(s string) any { return s + " 12" }, func(s string) any { return json.Number("81726354918273645") },
		}).Draw(rt, "wrap")
		row := map[string]any{}
		for _, column := range columnTypes() {
			if rapid.Bool().Draw(rt, column) {
				row[strings.ToLower(column)] = wrap(secret)
				row[strings.ToLower(column)+FormattedValue] = secret
			}
		}
		data, err := json.Marshal(row)
		if err != nil {
			rt.Fatal(err)
		}
		_, err = plan.Apply(record.Record{Source: "contact", Key: "k", Op: record.Upsert, Data: data})
		if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "8172635")) {
			rt.Fatalf("the value is in the message: %s", err)
		}
	})
}

// A number arrives with the digits that it was sent with, wherever it may go.
func TestNumbersKeepTheirDigits(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		digits := rapid.StringMatching(`-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,10})?`).Draw(rt, "digits")
		for _, in := range []any{json.Number(digits), digits} {
			number, err := convert(in, Field{Type: "number"})
			if err != nil || number != json.Number(digits) {
				rt.Fatalf("%v as a number: %v, %v", in, number, err)
			}
			text, err := convert(in, Field{Type: "string"})
			if err != nil || text != digits {
				rt.Fatalf("%v as a text: %v, %v", in, text, err)
			}
			exact, _ := new(big.Rat).SetString(digits)
			whole, err := convert(in, Field{Type: "integer"})
			if (err == nil) != exact.IsInt() {
				rt.Fatalf("%v as an integer: %v, %v", in, whole, err)
			}
			if err == nil && whole != json.Number(exact.Num().String()) {
				rt.Fatalf("%v as an integer: %v", in, whole)
			}
		}
	})
}

// The orders of a filter agree with each other, whatever is compared.
func TestComparisonsAgree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		column := Column{Name: "c", Type: rapid.SampledFrom([]string{"String", "Decimal", "DateTime", "Picklist"}).Draw(rt, "column")}
		value := map[string]*rapid.Generator[string]{
			"String": rapid.String(), "Decimal": rapid.StringMatching(`-?[0-9]{1,3}(\.[0-9]{1,2})?`), "Picklist": rapid.StringMatching(`[0-9]{1,3}`),
			"DateTime": rapid.SampledFrom([]string{"2024-01-31", "2024-01-31T08:00:00Z", "2024-02-01T00:00:00Z"})}[column.Type].Draw(rt, "value")
		var in any
		if err := json.Unmarshal(mustJSON(rt, values().Draw(rt, "in")), &in); err != nil {
			rt.Fatal(err)
		}
		if number, isNumber := in.(float64); isNumber {
			in = json.Number(string(mustJSON(rt, number)))
		}
		holds := func(comparison string) bool {
			f, err := compileFilter(config.Rule{Column: "c", Comparison: comparison, Value: value}, column)
			if err != nil {
				rt.Fatal(err)
			}
			return f.holds(in, nil)
		}
		if holds("equals") == holds("not-equals") || holds("contains") == holds("not-contains") || holds("is-null") == holds("is-not-null") {
			rt.Fatal("a comparison and its opposite agree")
		}
		if holds("greater") && (holds("less-or-equal") || holds("equals")) || holds("less") && (holds("greater-or-equal") || holds("equals")) {
			rt.Fatal("greater and less at once")
		}
		if holds("less-or-equal") && holds("greater-or-equal") && !holds("equals") {
			rt.Fatal("between, and not equal")
		}
	})
}

func mustJSON(t reporter, value any) []byte {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
