package config_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

func TestOptInOutRules(t *testing.T) {
	mapping := func(column, field string) config.OptOutMapping {
		return config.OptOutMapping{Column: column, Field: field}
	}
	for _, tc := range []struct {
		name  string
		edit  func(*config.OptInOutDoc)
		paths []string
	}{
		{"as it ships", func(*config.OptInOutDoc) {}, nil},
		{"all eight", func(d *config.OptInOutDoc) {
			d.Direction = config.Bidirectional
			for i, f := range config.OptOutFields() {
				d.Mappings = append(d.Mappings, mapping(fmt.Sprintf("column%d", i), f))
			}
		}, nil},
		{"no direction", func(d *config.OptInOutDoc) { d.Direction = "" }, []string{"direction"}},
		{"an unknown direction", func(d *config.OptInOutDoc) { d.Direction = "sideways" }, []string{"direction"}},
		{"a field of something else", func(d *config.OptInOutDoc) { d.Mappings = []config.OptOutMapping{mapping("a", "email")} }, []string{"mappings[0].field"}},
		{"no column", func(d *config.OptInOutDoc) { d.Mappings = []config.OptOutMapping{mapping("", "blackList")} }, []string{"mappings[0].column"}},
		{"twice", func(d *config.OptInOutDoc) {
			d.Mappings = []config.OptOutMapping{mapping("a", "blackList"), mapping("a", "blackList")}
		}, []string{"mappings[1].column", "mappings[1].field"}},
		{"no key", func(d *config.OptInOutDoc) { d.KeyField = "" }, []string{"keyField"}},
		{"an unknown source", func(d *config.OptInOutDoc) { d.Source = "post" }, []string{"source"}},
		{"the API without a filter", func(d *config.OptInOutDoc) { d.Source, d.API = config.Both, config.OptOutAPI{PollSeconds: 60} }, []string{"api.filter", "api.parameter"}},
		{"the API", func(d *config.OptInOutDoc) { d.Source = config.API }, nil},
		{"a filter that would change the URL", func(d *config.OptInOutDoc) {
			d.Source, d.API.Filter, d.API.Parameter = config.API, "by/../profile", "a&b"
		}, []string{"api.filter", "api.parameter"}},
		{"numbers out of range", func(d *config.OptInOutDoc) {
			d.API.PollSeconds, d.ClockToleranceMinutes, d.LedgerDays, d.Export.LateAfterHours, d.Export.SettleSeconds = 0, -1, 0, 0, 0
			d.UnknownProfile.WaitHours = -1
		}, []string{"export.lateAfterHours", "export.settleSeconds", "api.pollSeconds", "clockToleranceMinutes", "ledgerDays", "unknownProfile.waitHours"}},
		{"a file that cannot be read", func(d *config.OptInOutDoc) {
			d.Export = config.OptOutExport{Pattern: "../*.csv", Delimiter: ", ", Encoding: "ebcdic", LateAfterHours: 1, SettleSeconds: 1, TrueValues: []string{"Y"}, FalseValues: []string{"y"}}
		}, []string{"export.pattern", "export.delimiter", "export.encoding", "export.timeFormat", "export.keyColumn", "export.falseValues[0]"}},
		{"a column of two meanings", func(d *config.OptInOutDoc) {
			d.Export.Columns = map[string]string{"blackListFax": "blackListEmail", "ccpaOptOut": "externalId"}
		}, []string{"export.columns.blackListFax", "export.columns.ccpaOptOut"}},
		{"one time for all", func(d *config.OptInOutDoc) {
			d.Export.TimeColumns = map[string]string{"blackListFax": "lastModified", "ccpaOptOut": "lastModified", "blackList": ""}
		}, nil},
		{"columns of no field", func(d *config.OptInOutDoc) {
			d.Export.Columns, d.Export.TimeColumns = map[string]string{"email": "mail"}, map[string]string{"email": "mailChanged"}
		}, []string{"export.columns.email", "export.timeColumns.email"}},
		{"no spelling of true", func(d *config.OptInOutDoc) { d.Export.TrueValues = nil }, []string{"export.trueValues"}},
	} {
		doc := config.DefaultOptInOut()
		tc.edit(doc)
		if diff := cmp.Diff(tc.paths, paths(doc.Validate())); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
	}
}

// What an older release stored is read with the defaults of what it did not know.
func TestOlderOptInOut(t *testing.T) {
	stored := `{"direction":"bidirectional","mappings":[{"column":"donotbulkemail","field":"blackListEmail"}]}`
	doc, err := config.Parse(workflow.OptInOut, []byte(stored))
	if err != nil {
		t.Fatal(err)
	}
	want := config.DefaultOptInOut()
	want.Direction = config.Bidirectional
	want.Mappings = []config.OptOutMapping{{Column: "donotbulkemail", Field: "blackListEmail"}}
	if diff := cmp.Diff(config.Document(want), doc); diff != "" {
		t.Error(diff)
	}
	if _, err := config.Parse(workflow.OptInOut, []byte(`{"mappings":[]}`)); err == nil {
		t.Error("a document without a direction is taken")
	}
}

// A setting that is given replaces its default; named columns are added to none.
func TestOptInOutOverDefaults(t *testing.T) {
	stored := `{"direction":"disabled","mappings":[],"export":{"delimiter":";","columns":{"blackListFax":"FAX"},"timeColumns":null,"trueValues":["J"]}}`
	doc, err := config.Parse(workflow.OptInOut, []byte(stored))
	if err != nil {
		t.Fatal(err)
	}
	export := doc.(*config.OptInOutDoc).Export
	for _, tc := range []struct{ what, got, want string }{
		{"delimiter", export.Delimiter, ";"}, {"encoding", export.Encoding, "utf-8"},
		{"named column", export.Column("blackListFax"), "FAX"}, {"its time", export.TimeColumn("blackListFax"), "blackListFaxChanged"},
		{"other column", export.Column("blackList"), "blackList"}, {"true", fmt.Sprint(export.TrueValues), "[J]"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s is %q, want %q", tc.what, tc.got, tc.want)
		}
	}
	if _, err := config.Decode(workflow.OptInOut, []byte(`{"mappings":[],"export":{"columns":{"a":1},"timeColumns":[],"settleSeconds":"x"}}`)); err == nil {
		t.Error("wrong kinds are taken")
	} else if diff := cmp.Diff([]string{
		`export.columns.a: a number stands where a text belongs; give a text`,
		`export.settleSeconds: a text stands where a whole number belongs; give a whole number`,
		`export.timeColumns: a list stands where an object belongs; give an object`,
	}, faultsOf(t, err)); diff != "" {
		t.Error(diff)
	}
}

func TestOptOutLabels(t *testing.T) {
	got := map[string]string{}
	for _, field := range config.OptOutFields() {
		got[field] = config.OptOutLabel(field)
	}
	want := map[string]string{"blackList": "denyList", "blackListEmail": "denyListEmail", "blackListFax": "denyListFax", "blackListMobile": "denyListMobile",
		"blackListPhone": "denyListPhone", "blackListPostalMail": "denyListPostalMail", "blackListPushnotification": "denyListPushnotification", "ccpaOptOut": "ccpaOptOut"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if data, err := json.Marshal(config.DefaultOptInOut()); err != nil || len(data) == 0 {
		t.Error(err)
	}
}
