package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/config"
)

// paths of faults, in order.
func paths(faults config.Faults) []string {
	var list []string
	for _, f := range faults {
		list = append(list, f.Path)
	}
	return list
}

// table is a mapping that is valid by itself.
func table(n int) config.Mapping {
	name := fmt.Sprintf("cus_table%d", n)
	return config.Mapping{Table: name, Resource: "cus" + name, Key: config.Key{Column: name + "id", Field: "externalId"},
		Fields: []config.FieldMapping{{Column: "name", Field: "label"}}, Filters: config.Filters{Operator: "and"}}
}

// TestIngressRules breaks one rule at a time in the document that ships.
func TestIngressRules(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(*config.IngressDoc)
		paths []string
		says  string
	}{
		{"nothing wrong", func(*config.IngressDoc) {}, nil, ""},
		{"nothing mapped is allowed", func(d *config.IngressDoc) { d.Mappings = nil }, nil, ""},
		{"no names", func(d *config.IngressDoc) {
			m := &d.Mappings[0]
			m.Table, m.Resource, m.Key = "", "", config.Key{}
		}, []string{"mappings[0].table", "mappings[0].resource", "mappings[0].key.column", "mappings[0].key.field"}, "missing"},
		{"a table with capitals", func(d *config.IngressDoc) { d.Mappings[0].Table = "Contact" }, []string{"mappings[0].table"}, "logical name"},
		{"a path as resource", func(d *config.IngressDoc) { d.Mappings[0].Resource = "../profile" }, []string{"mappings[0].resource"}, "cannot be a name"},
		{"a table twice", func(d *config.IngressDoc) {
			m := table(1)
			m.Table = "contact"
			d.Mappings = append(d.Mappings, m)
		}, []string{"mappings[1].table"}, "already in mappings[0]"},
		{"a resource twice", func(d *config.IngressDoc) {
			m := table(1)
			m.Resource = "profile"
			d.Mappings = append(d.Mappings, m)
		}, []string{"mappings[1].resource"}, "already in mappings[0]"},
		{"no fields", func(d *config.IngressDoc) { d.Mappings[0].Fields = nil }, []string{"mappings[0].fields"}, "no field is mapped"},
		{"a field twice", func(d *config.IngressDoc) { d.Mappings[0].Fields[2].Field = "firstName" }, []string{"mappings[0].fields[2].field"}, "already in mappings[0].fields[1]"},
		{"a column twice is allowed", func(d *config.IngressDoc) { d.Mappings[0].Fields[2].Column = "firstname" }, nil, ""},
		{"the key as a field", func(d *config.IngressDoc) { d.Mappings[0].Fields[2].Field = "externalId" }, []string{"mappings[0].fields[2].field"}, "is the key"},
		{"an unknown choice", func(d *config.IngressDoc) { d.Mappings[0].Fields[0].TooLong = "wrap" }, []string{"mappings[0].fields[0].tooLong"}, "reject or truncate"},
		{"no choice is the default", func(d *config.IngressDoc) { d.Mappings[0].Fields[0].TooLong = "" }, nil, ""},
		{"a replacement without a column", func(d *config.IngressDoc) { d.Mappings[0].Replacements[0].Column = "" }, []string{"mappings[0].replacements[0].column"}, "missing"},
		{"a value replaced twice", func(d *config.IngressDoc) { d.Mappings[0].Replacements[1].From = "1" }, []string{"mappings[0].replacements[1].from"}, "already in mappings[0].replacements[0]"},
		{"an unknown operator", func(d *config.IngressDoc) { d.Mappings[0].Filters.Operator = "xor" }, []string{"mappings[0].filters.operator"}, `"and" or "or"`},
		{"an unknown comparison", func(d *config.IngressDoc) {
			d.Mappings[0].Filters.Rules = []config.Rule{{Column: "statecode", Comparison: "equals", Value: "0"}, {Column: "", Comparison: "like"}}
		}, []string{"mappings[0].filters.rules[1].column", "mappings[0].filters.rules[1].comparison"}, "starts-with"},
		{"a link to a field that a column fills", func(d *config.IngressDoc) {
			d.Mappings[0].Links = []config.Link{{Column: "parentcustomerid", Field: "email", Resource: "cusAccount"}}
			mapAccounts(d)
		}, []string{"mappings[0].links[0].field"}, "already in mappings[0].fields[4]"},
		{"two links to a field", func(d *config.IngressDoc) {
			link := config.Link{Column: "parentcustomerid", Field: "cusAccount", Resource: "cusAccount"}
			mapAccounts(d)
			d.Mappings[0].Links = []config.Link{link, link}
		}, []string{"mappings[0].links[1].field"}, "already in mappings[0].links[0]"},
		{"a link without names", func(d *config.IngressDoc) { d.Mappings[0].Links = []config.Link{{}} },
			[]string{"mappings[0].links[0].column", "mappings[0].links[0].field", "mappings[0].links[0].resource"}, "missing"},
		{"six links", func(d *config.IngressDoc) {
			for i := range 6 {
				d.Mappings[0].Links = append(d.Mappings[0].Links, config.Link{Column: "c", Field: fmt.Sprintf("link%d", i), Resource: "cusAccount"})
			}
			mapAccounts(d)
		}, []string{"mappings[0].links"}, "at most 5"},
		{"twenty custom tables", func(d *config.IngressDoc) {
			for i := range 20 {
				d.Mappings = append(d.Mappings, table(i))
			}
		}, nil, ""},
		{"twenty-one custom tables", func(d *config.IngressDoc) {
			for i := range 21 {
				d.Mappings = append(d.Mappings, table(i))
			}
		}, []string{"mappings"}, "at most 20"},
		{"fifty-one columns of a custom table", func(d *config.IngressDoc) {
			m := table(1)
			for i := range 50 {
				m.Fields = append(m.Fields, config.FieldMapping{Column: "c", Field: fmt.Sprintf("f%d", i)})
			}
			d.Mappings = append(d.Mappings, m)
		}, []string{"mappings[1].fields"}, "at most 50"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			doc := config.DefaultIngress()
			tc.spoil(doc)
			faults := doc.Validate()
			if diff := cmp.Diff(tc.paths, paths(faults)); diff != "" {
				t.Errorf("%s\n%v", diff, faults)
			}
			if !strings.Contains(faults.Error(), tc.says) {
				t.Errorf("%q does not say %q", faults.Error(), tc.says)
			}
		})
	}
}

// TestALongNameIsCutInFaults: whoever sends a megabyte does not get it back.
func TestALongNameIsCutInFaults(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	doc := config.DefaultIngress()
	m := &doc.Mappings[0]
	m.Table, m.Filters.Operator, m.Fields[0].TooLong, m.Fields[0].Field, m.Fields[1].Field = long, long, config.TooLong(long), long, long
	m.Filters.Rules = []config.Rule{{Column: long, Comparison: long}}
	m.Replacements = append(m.Replacements, config.Replacement{Column: long}, config.Replacement{Column: long})
	if n := len(doc.Validate().Error()); n > 4000 {
		t.Errorf("%d bytes of faults", n)
	}
}

func TestImmutable(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*config.IngressDoc)
		paths  []string
	}{
		{"nothing", func(*config.IngressDoc) {}, nil},
		{"a field", func(d *config.IngressDoc) { d.Mappings[0].Fields = d.Mappings[0].Fields[1:] }, nil},
		{"the resource", func(d *config.IngressDoc) { d.Mappings[0].Resource = "cusPerson" }, []string{"mappings[0].resource"}},
		{"the key", func(d *config.IngressDoc) { d.Mappings[0].Key.Column = "emailaddress1" }, []string{"mappings[0].key"}},
		{"removed", func(d *config.IngressDoc) { d.Mappings = nil }, nil},
		{"the table: another mapping", func(d *config.IngressDoc) { d.Mappings[0].Table = "account" }, nil},
		{"moved and changed", func(d *config.IngressDoc) {
			moved := d.Mappings[0]
			moved.Resource, moved.Key.Field = "cusPerson", "email"
			d.Mappings = []config.Mapping{table(1), moved}
		}, []string{"mappings[1].resource", "mappings[1].key"}},
	} {
		next := config.DefaultIngress()
		tc.change(next)
		if diff := cmp.Diff(tc.paths, paths(config.DefaultIngress().CheckImmutable(next))); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
	}
}

// mapAccounts maps a table that links can lead to.
func mapAccounts(d *config.IngressDoc) {
	d.Mappings = append(d.Mappings, config.Mapping{Table: "account", Resource: "cusAccount", Key: config.Key{Column: "accountid", Field: "accountId"},
		Fields: []config.FieldMapping{{Column: "name", Field: "name"}}, Filters: config.Filters{Operator: "and"}})
}

// Links lead to what is mapped, and for two levels at most.
func TestLinkDepth(t *testing.T) {
	doc := func(chain ...string) *config.IngressDoc {
		d := &config.IngressDoc{}
		for i, resource := range chain {
			m := config.Mapping{Table: fmt.Sprintf("t%d", i), Resource: resource, Key: config.Key{Column: "id", Field: "id"},
				Fields: []config.FieldMapping{{Column: "name", Field: "name"}}, Filters: config.Filters{Operator: "and"}}
			if i+1 < len(chain) {
				m.Links = []config.Link{{Column: "_next_value", Field: "next", Resource: chain[i+1]}}
			}
			d.Mappings = append(d.Mappings, m)
		}
		return d
	}
	if faults := doc("a", "b", "c").Validate(); len(faults) > 0 {
		t.Errorf("two levels: %v", faults)
	}
	if faults := doc("a", "b", "c", "d").Validate(); len(faults) != 1 || !strings.Contains(faults[0].Problem, "2 levels") {
		t.Errorf("three levels: %v", faults)
	}
	circle := doc("a", "b")
	circle.Mappings[1].Links = []config.Link{{Column: "_next_value", Field: "next", Resource: "a"}}
	if faults := circle.Validate(); len(faults) == 0 {
		t.Error("a circle is accepted")
	}
	lost := doc("a")
	lost.Mappings[0].Links = []config.Link{{Column: "_next_value", Field: "next", Resource: "nowhere"}}
	if faults := lost.Validate(); len(faults) != 1 || !strings.Contains(faults[0].Problem, "nowhere") {
		t.Errorf("a link to what is not mapped: %v", faults)
	}
}
