package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// TestGoldenDefaults pins the documents that ship: they are stored as they stand, and read again by later releases. The
// files are written anew by `go test -run Golden -update`.
func TestGoldenDefaults(t *testing.T) {
	for _, id := range workflow.All() {
		t.Run(string(id), func(t *testing.T) {
			got, err := config.Encode(config.Default(id))
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			path := filepath.Join("testdata", "default-"+string(id)+".json")
			if flag.Lookup("update").Value.String() == "true" {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Error(diff)
			}
			doc, err := config.Parse(id, want)
			if err != nil {
				t.Fatalf("the default is not valid: %v", err)
			}
			if diff := cmp.Diff(config.Default(id), doc); diff != "" {
				t.Errorf("read back: %s", diff)
			}
		})
	}
	if config.Default("nope") != nil {
		t.Error("a workflow that does not exist has a default")
	}
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the golden files anew")
	flag.Parse()
	os.Exit(m.Run())
}

// faultsOf runs a function that must fail with faults, and returns "path: problem; fix" of each.
func faultsOf(t *testing.T, err error) []string {
	t.Helper()
	var faults config.Faults
	if !errors.As(err, &faults) || len(faults) == 0 {
		t.Fatalf("%v is no list of faults", err)
	}
	lines := strings.Split(faults.Error(), "\n")
	if len(lines) != len(faults) {
		t.Errorf("%d faults in %d lines", len(faults), len(lines))
	}
	for _, f := range faults {
		if f.Problem == "" || f.Fix == "" {
			t.Errorf("%+v says too little", f)
		}
	}
	return lines
}

func TestDecodeRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		id   workflow.ID
		text string
		want []string
	}{
		{"an unknown workflow", "nope", `{}`, []string{`: there is no workflow "nope"; use ingress, egress or optinout`}},
		{"nothing", workflow.Ingress, ``, []string{`: the document ends too early; send one whole JSON object`}},
		{"half a document", workflow.Ingress, `{"mappings":[`, []string{`: the document ends too early; send one whole JSON object`}},
		{"two documents", workflow.Ingress, `{"mappings":[]} {}`, []string{`: there is text after the document; send one JSON object`}},
		{"a comma too many", workflow.Ingress, "{\n  \"mappings\": [],\n}", []string{`: the document is not JSON at line 3, column 1; check commas, quotes and brackets there`}},
		{"null", workflow.Ingress, `null`, []string{`: null stands where an object belongs; give an object`}},
		{"a list", workflow.OptInOut, `[]`, []string{`: a list stands where an object belongs; give an object`}},
		{"no mappings", workflow.Ingress, `{}`, []string{`mappings: missing; give the list; [] for an empty one`}},
		{"every misspelt setting, with its place", workflow.Ingress,
			`{"Mappings":[],"mappings":[{"table":"a","fields":[{"colum":"x"},{"column":"y","applyupdates":true}]}]}`, []string{
				`Mappings: there is no such setting; remove it or correct its name`,
				`mappings[0].fields[0].colum: there is no such setting; remove it or correct its name`,
				`mappings[0].fields[1].applyupdates: there is no such setting; remove it or correct its name`,
			}},
		{"names that are none", workflow.OptInOut, `{"mappings":[],"":1,"a\nb":2}`, []string{
			`"": there is no such setting; remove it or correct its name`,
			`"a\nb": there is no such setting; remove it or correct its name`,
		}},
		{"every value of the wrong kind, with its place", workflow.Ingress,
			`{"mappings":[{"table":1,"resource":null,"key":"contactid","fields":{},"applyDeletes":"yes","links":[[]],"filters":{"rules":[{"value":true}]}}]}`, []string{
				`mappings[0].applyDeletes: a text stands where true or false belongs; give true or false`,
				`mappings[0].fields: an object stands where a list belongs; give a list`,
				`mappings[0].filters.rules[0].value: true or false stands where a text belongs; give a text`,
				`mappings[0].key: a text stands where an object belongs; give an object`,
				`mappings[0].links[0]: a list stands where an object belongs; give an object`,
				`mappings[0].resource: null stands where a text belongs; give a text`,
				`mappings[0].table: a number stands where a text belongs; give a text`,
			}},
		{"egress", workflow.Egress, `{"events":{"send":1,"unsubscribe":true}}`, []string{
			`events.send: a number stands where true or false belongs; give true or false`,
			`events.unsubscribe: there is no such setting; remove it or correct its name`,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			doc, err := config.Decode(tc.id, []byte(tc.text))
			if doc != nil {
				t.Errorf("a document came back: %+v", doc)
			}
			if diff := cmp.Diff(tc.want, faultsOf(t, err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAbsentListsAreEmpty(t *testing.T) {
	short, err := config.Decode(workflow.Ingress, []byte(`{"mappings":[{"table":"contact","fields":null}]}`))
	if err != nil {
		t.Fatal(err)
	}
	long, err := config.Decode(workflow.Ingress, []byte(`{"mappings":[{"table":"contact","fields":[],"links":[],"replacements":[],"filters":{"rules":[]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(long, short); diff != "" {
		t.Error(diff)
	}
	text, err := config.Encode(&config.IngressDoc{})
	if err != nil || strings.Contains(string(text), "null") {
		t.Errorf("%s, %v", text, err)
	}
}

// TestOneNameTwiceIsAFault: which of two values was meant nobody knows, wherever they stand.
func TestOneNameTwiceIsAFault(t *testing.T) {
	_, err := config.Decode(workflow.Ingress, []byte(`{"mappings":[{"table":"a","table":"b","key":{"column":"x","column":"y"}}],"mappings":[]}`))
	var faults config.Faults
	if !errors.As(err, &faults) || len(faults) != 3 || faults[0].Path != "mappings[0].table" || faults[1].Path != "mappings[0].key.column" || faults[2].Path != "mappings" {
		t.Errorf("%v", err)
	}
	if _, err := config.DecodeConnection(config.ConnectionDynamics, []byte(`{"url":"https://a","url":"https://b"}`)); !errors.As(err, &faults) || faults[0].Path != "url" {
		t.Errorf("%v", err)
	}
}

func TestCannotStart(t *testing.T) {
	optout := func(d config.Direction, mappings ...config.OptOutMapping) *config.OptInOutDoc {
		doc := config.DefaultOptInOut()
		doc.Direction, doc.Mappings = d, mappings
		return doc
	}
	one := config.OptOutMapping{Column: "donotemail", Field: "blackListEmail"}
	for _, tc := range []struct {
		name string
		doc  config.Document
		says string
	}{
		{"ingress as it ships", config.DefaultIngress(), ""},
		{"ingress without mappings", &config.IngressDoc{}, "no table is mapped"},
		{"egress as it ships", config.DefaultEgress(), "no event type is chosen"},
		{"egress with one type", &config.EgressDoc{Events: config.Events{Bounce: true}}, ""},
		{"opt-in/out as it ships", config.DefaultOptInOut(), "disabled"},
		{"opt-in/out by the contact mapping", optout(config.DynamicsToCampaign, one), "done by the contact mapping"},
		{"opt-in/out without mappings", optout(config.Bidirectional), "no opt-out column is mapped"},
		{"opt-in/out both ways", optout(config.Bidirectional, one), ""},
		{"opt-in/out one way", optout(config.CampaignToDynamics, one), ""},
	} {
		if got := tc.doc.CannotStart(); (got == "") != (tc.says == "") || !strings.Contains(got, tc.says) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.says)
		}
	}
}

func TestColumnsAreEachReadOnce(t *testing.T) {
	m := config.Mapping{Key: config.Key{Column: "id"}, Fields: []config.FieldMapping{{Column: "a"}, {Column: "b"}, {Column: "a"}, {Column: ""}},
		Filters: config.Filters{Rules: []config.Rule{{Column: "statecode"}, {Column: "b"}}}, Links: []config.Link{{Column: "parentid"}, {Column: "id"}}}
	if got, want := m.Columns(), []string{"id", "a", "b", "statecode", "parentid"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
