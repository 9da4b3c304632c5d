package mapping

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// fixture is a file of testdata: a mapping, both sides of it, and what becomes of some records.
type fixture struct {
	Why     string            `json:"why"`
	Columns map[string]string `json:"columns"`
	Fields  []fixtureField    `json:"fields"`
	Mapping config.Mapping    `json:"mapping"`
	Records []struct {
		Op       record.Op       `json:"op"`
		Snapshot bool            `json:"snapshot"`
		Data     json.RawMessage `json:"data"`
		Want     *fixtureWrite   `json:"want"`
		Rejected string          `json:"rejected"`
	} `json:"records"`
}

type fixtureField struct {
	Name   string   `json:"name"`
	Type   string   `json:"type"`
	Length int      `json:"length"`
	Values []string `json:"values"`
}

// fixtureWrite is a Write for people. A text that begins with # stands for a number with these digits.
type fixtureWrite struct {
	Action    string         `json:"action"`
	Fields    map[string]any `json:"fields"`
	OnCreate  map[string]any `json:"onCreate"`
	LikelyNew bool           `json:"likelyNew"`
}

// load reads a file strictly: a misspelt name would test nothing.
func load(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(pattern)
	if err != nil || len(list) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	return list
}

func (f fixture) compile(t *testing.T) *Plan {
	t.Helper()
	table := Table{Name: "contact", PrimaryKey: "contactid", Columns: []Column{{Name: "contactid", Type: "Uniqueidentifier"}}}
	for name, kind := range f.Columns {
		table.Columns = append(table.Columns, Column{Name: name, Type: kind})
	}
	fields := []Field{{Name: "externalId", Type: "string", Length: 50, Writable: true}}
	for _, field := range f.Fields {
		fields = append(fields, Field{Name: field.Name, Type: field.Type, Length: field.Length, Values: field.Values, Writable: true})
	}
	f.Mapping.Table, f.Mapping.Resource, f.Mapping.Key = "contact", "profile", config.Key{Column: "contactid", Field: "externalId"}
	plan, faults := Compile(f.Mapping, table, fields)
	if len(faults) > 0 {
		t.Fatalf("does not compile: %v", faults)
	}
	return plan
}

func TestFixtures(t *testing.T) {
	for _, path := range files(t, "testdata/*.json") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			var f fixture
			load(t, path, &f)
			f.check(t)
		})
	}
}

// The mapping that ships, with contacts that are awkward and with profiles as Campaign has them.
func TestDefaultMapping(t *testing.T) {
	for _, path := range files(t, "testdata/default/*.json") {
		var f fixture
		load(t, path, &f)
		f.Mapping = config.DefaultIngress().Mappings[0]
		f.check(t)
	}
}

// check applies the mapping to every record.
func (f fixture) check(t *testing.T) {
	t.Helper()
	plan := f.compile(t)
	for i, r := range f.Records {
		got, err := plan.Apply(record.Record{Source: "contact", Key: "k", Op: r.Op, Version: 1, Snapshot: r.Snapshot, Data: r.Data})
		switch {
		case r.Rejected != "":
			if !fault.Is(err, fault.Rejected) || err.Error() != r.Rejected {
				t.Errorf("record %d: error %v, want the rejection %q", i, err, r.Rejected)
			}
		case err != nil:
			t.Errorf("record %d: %v", i, err)
		default:
			if diff := cmp.Diff(r.Want.write(), got); diff != "" {
				t.Errorf("record %d (-want +got):\n%s", i, diff)
			}
		}
	}
}

func (w *fixtureWrite) write() Write {
	for name, value := range w.Fields {
		if text, isText := value.(string); isText && strings.HasPrefix(text, "#") {
			w.Fields[name] = json.Number(text[1:])
		}
	}
	return Write{Action: map[string]Action{"skip": Skip, "put": Put, "remove": Remove}[w.Action], Resource: "profile", KeyField: "externalId", Key: "k",
		Fields: w.Fields, OnCreate: w.OnCreate, LikelyNew: w.LikelyNew}
}

// filterFixture is a file of testdata/filters: column types that are compared in one way, a rule's value, some rows, and
// for each comparison 1 or 0 a row, or why it is refused.
type filterFixture struct {
	Columns []string `json:"columns"`
	Value   string   `json:"value"`
	Rows    []struct {
		Value any `json:"value"`
		Label any `json:"label"`
	} `json:"rows"`
	Holds map[string]string `json:"holds"`
}

// Every comparison with every type of column.
func TestFilters(t *testing.T) {
	covered := map[string]bool{}
	for _, path := range files(t, "testdata/filters/*.json") {
		var f filterFixture
		load(t, path, &f)
		for _, column := range f.Columns {
			covered[column] = true
			for _, comparison := range config.Comparisons() {
				t.Run(strings.TrimSuffix(filepath.Base(path), ".json")+"/"+column+"/"+comparison, func(t *testing.T) { f.check(t, column, comparison) })
			}
		}
	}
	for _, column := range strings.Fields("String Memo Integer BigInt Decimal Double Money Boolean DateTime Date Picklist MultiSelect State Status Lookup Uniqueidentifier Other") {
		if !covered[column] {
			t.Errorf("no filter on a column of type %s is tested", column)
		}
	}
}

func (f filterFixture) check(t *testing.T, column, comparison string) {
	want, given := f.Holds[comparison]
	if !given {
		t.Fatal("the fixture does not say what holds")
	}
	plan, err := compileFilter(config.Rule{Column: "c", Comparison: comparison, Value: f.Value}, Column{Name: "c", Type: column})
	if why, refused := strings.CutPrefix(want, "refused: "); refused {
		if err == nil || err.Error() != why {
			t.Errorf("error %v, want %q", err, why)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(want) != len(f.Rows) {
		t.Fatalf("%d rows and %d answers", len(f.Rows), len(want))
	}
	for i, row := range f.Rows {
		if got := plan.holds(row.Value, row.Label); got != (want[i] == '1') {
			t.Errorf("row %d, %v %s %s: %s", i, row.Value, comparison, f.Value, strconv.FormatBool(got))
		}
	}
}

// What can be known before a row is seen is said at once, all of it.
func TestCompileFindsEverything(t *testing.T) {
	m := config.Mapping{Table: "contact", Resource: "profile", Key: config.Key{Column: "emailaddress1", Field: "id"},
		Fields: []config.FieldMapping{{Column: "nowhere", Field: "first"}, {Column: "firstname", Field: "gone"}, {Column: "firstname", Field: "age"}, {Column: "firstname", Field: "location"}},
		Filters: config.Filters{Operator: "and", Rules: []config.Rule{{Column: "missing", Comparison: "equals", Value: "1"}, {Column: "numberofchildren", Comparison: "greater", Value: "many"},
			{Column: "firstname", Comparison: "resembles", Value: "x"}}}}
	table := Table{Name: "contact", PrimaryKey: "contactid", Columns: []Column{{"contactid", "Uniqueidentifier"}, {"firstname", "String"}, {"numberofchildren", "Integer"}}}
	fields := []Field{{Name: "first", Type: "string", Writable: true}, {Name: "age", Type: "integer"}, {Name: "location", Type: "link", Writable: true}}
	_, faults := Compile(m, table, fields)
	var paths []string
	for _, f := range faults {
		paths = append(paths, strings.TrimPrefix(f.Path, "mappings[contact]."))
		if f.Problem == "" || f.Fix == "" {
			t.Errorf("%s: says neither what is wrong nor what to do: %+v", f.Path, f)
		}
	}
	want := []string{"key.column", "key.field", "fields[first]", "fields[gone]", "fields[age]", "fields[location]", "filters[missing]", "filters[numberofchildren]", "filters[firstname]"}
	if !slices.Equal(paths, want) {
		t.Errorf("faults at %q, want %q", paths, want)
	}
}

func TestCompileChecksTheKeysField(t *testing.T) {
	m := config.Mapping{Table: "contact", Resource: "profile", Key: config.Key{Column: "contactid", Field: "id"}}
	table := Table{Name: "contact", PrimaryKey: "contactid"}
	for want, field := range map[string]Field{
		"":                   {Name: "id", Type: "string", Length: 36, Writable: true},
		"cannot be written":  {Name: "id", Type: "string"},
		"the key is a text":  {Name: "id", Type: "number", Writable: true},
		"and the key has 36": {Name: "id", Type: "string", Length: 35, Writable: true},
	} {
		_, faults := Compile(m, table, []Field{field})
		if want == "" && len(faults) > 0 || want != "" && (len(faults) != 1 || !strings.Contains(faults[0].Problem, want)) {
			t.Errorf("%+v: %v, want %q", field, faults, want)
		}
	}
}

// A source is asked for labels only where the plan reads them.
func TestReadsLabels(t *testing.T) {
	compile := func(m config.Mapping) bool {
		return fixture{Columns: map[string]string{"a": "Picklist"}, Mapping: m}.compile(t).ReadsLabels()
	}
	if compile(config.Mapping{TechnicalPicklistValues: true}) {
		t.Error("labels are asked for and not needed")
	}
	for name, m := range map[string]config.Mapping{
		"display values": {},
		"replacements":   {TechnicalPicklistValues: true, Replacements: []config.Replacement{{Column: "a", From: "x", To: "y"}}},
		"filters":        {TechnicalPicklistValues: true, Filters: config.Filters{Operator: "and", Rules: []config.Rule{{Column: "a", Comparison: "is-null"}}}},
	} {
		if !compile(m) {
			t.Errorf("%s need labels that are not asked for", name)
		}
	}
}
