package record_test

import (
	"encoding/json"
	"testing"

	"github.com/causeway-sync/causeway/pkg/record"
)

func TestValidate(t *testing.T) {
	good := record.Record{Source: "contact", Key: "k", Op: record.Upsert, Data: json.RawMessage(`{"a":1}`)}
	if err := good.Validate(); err != nil {
		t.Fatalf("a good record is refused: %v", err)
	}
	for name, spoil := range map[string]func(*record.Record){
		"no source":  func(r *record.Record) { r.Source = "" },
		"no key":     func(r *record.Record) { r.Key = "" },
		"unknown op": func(r *record.Record) { r.Op = "merge" },
		"not JSON":   func(r *record.Record) { r.Data = json.RawMessage(`{"a":`) },
	} {
		t.Run(name, func(t *testing.T) {
			bad := good
			spoil(&bad)
			if bad.Validate() == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestValuesKeepEveryDigit(t *testing.T) {
	r := record.Record{Data: json.RawMessage(`{"big":9007199254740993,"money":12.3400}`)}
	values, err := r.Values()
	if err != nil {
		t.Fatal(err)
	}
	if got := values["big"]; got != json.Number("9007199254740993") {
		t.Errorf("big = %v", got)
	}
	if got := values["money"]; got != json.Number("12.3400") {
		t.Errorf("money = %v", got)
	}
	for _, bad := range []string{`[1]`, `{"a":1} x`, `"s"`} {
		if _, err := (record.Record{Data: json.RawMessage(bad)}).Values(); err == nil {
			t.Errorf("%s is taken for an object", bad)
		}
	}
}
