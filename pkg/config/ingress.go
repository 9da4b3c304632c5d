package config

import (
	"fmt"
	"regexp"
	"strings"
)

// The guardrails of an ingress configuration (Adobe's documentation of the integration). They are checked
// when a document is stored.
const (
	MaxCustomTables = 20
	MaxColumns      = 50
	MaxLinks        = 5
	MaxLinkDepth    = 2
)

// IngressDoc maps Dataverse tables to Campaign resources.
type IngressDoc struct {
	Mappings []Mapping `json:"mappings"`
}

// Mapping moves one table to one resource. Table, Resource and Key cannot be changed once saved.
type Mapping struct {
	// Table is the logical name of the Dataverse table, Resource the API name of the Campaign resource.
	Table    string `json:"table"`
	Resource string `json:"resource"`
	Key      Key    `json:"key"`
	// Fields says which column fills which field. A field takes one column; a column may fill several fields.
	Fields       []FieldMapping `json:"fields"`
	Replacements []Replacement  `json:"replacements"`
	Filters      Filters        `json:"filters"`
	Links        []Link         `json:"links"`
	// ApplyDeletes removes from Campaign what was deleted in Dynamics.
	ApplyDeletes bool `json:"applyDeletes"`
	// TechnicalPicklistValues writes the number of a choice instead of its label.
	TechnicalPicklistValues bool `json:"technicalPicklistValues"`
	// ReplayRequested reads the whole table again at the next start.
	ReplayRequested bool `json:"replayRequested"`
}

// Key identifies a row on both sides. The column is the table's primary key: a deletion
// carries nothing else.
type Key struct {
	Column string `json:"column"`
	Field  string `json:"field"`
	// Filter and Parameter name the published filter by which Campaign finds a row of a custom resource by its key; by
	// default by<Field> and <field>_parameter. Profiles are found as the connection says.
	Filter    string `json:"filter,omitempty"`
	Parameter string `json:"parameter,omitempty"`
	// Unique says that the field is an identification key of the custom resource: Campaign refuses a second row, so that a
	// row that is likely to be new can be created without looking for it first, with one call instead of two.
	Unique bool `json:"unique,omitempty"`
}

// Lookup is the filter and its parameter, with their defaults.
func (k Key) Lookup() (filter, parameter string) {
	filter, parameter = k.Filter, k.Parameter
	if filter == "" && k.Field != "" {
		filter = "by" + strings.ToUpper(k.Field[:1]) + k.Field[1:]
	}
	if parameter == "" {
		parameter = k.Field + "_parameter"
	}
	return filter, parameter
}

// FieldMapping fills one field from one column.
type FieldMapping struct {
	Column string `json:"column"`
	Field  string `json:"field"`
	// ApplyUpdates is off for a field that is written when the row is created, and by full reads, and then left alone.
	ApplyUpdates bool `json:"applyUpdates"`
	// TooLong says what to do with a text that is longer than the field: "reject" (the default) or "truncate".
	TooLong TooLong `json:"tooLong,omitempty"`
}

// TooLong is what happens to a text that does not fit.
type TooLong string

// The choices. Empty means Reject.
const (
	Reject   TooLong = "reject"
	Truncate TooLong = "truncate"
)

// Replacement writes To where the column holds From.
type Replacement struct {
	Column string `json:"column"`
	From   string `json:"from"`
	To     string `json:"to"`
}

// Filters choose the rows that are written.
type Filters struct {
	// Operator joins the rules: "and" or "or".
	Operator string `json:"operator"`
	Rules    []Rule `json:"rules"`
	// DeleteFiltered removes from Campaign a row that no longer passes.
	DeleteFiltered bool `json:"deleteFiltered"`
}

// Rule compares one column.
type Rule struct {
	Column     string `json:"column"`
	Comparison string `json:"comparison"`
	Value      string `json:"value"`
}

// Link fills a link field with the row of another resource that a lookup column points to.
type Link struct {
	Column   string `json:"column"`
	Field    string `json:"field"`
	Resource string `json:"resource"`
}

// DefaultIngress is the contact mapping that ships. Its lengths are Campaign's (names 30 and 50, phones 32), so long
// values are cut: a contact that arrives with a shortened phone is worth more than one that does not arrive.
func DefaultIngress() *IngressDoc {
	field := func(column, name string) FieldMapping {
		return FieldMapping{Column: column, Field: name, ApplyUpdates: true, TooLong: Truncate}
	}
	exact := func(column, name string) FieldMapping {
		return FieldMapping{Column: column, Field: name, ApplyUpdates: true, TooLong: Reject}
	}
	return &IngressDoc{Mappings: []Mapping{{
		Table: "contact", Resource: "profile",
		Key: Key{Column: "contactid", Field: "externalId"},
		Fields: []FieldMapping{
			field("salutation", "salutation"), field("firstname", "firstName"), field("middlename", "middleName"),
			field("lastname", "lastName"), exact("emailaddress1", "email"), field("telephone1", "phone"),
			field("mobilephone", "mobilePhone"), exact("birthdate", "birthDate"), exact("gendercode", "gender"),
		},
		// Campaign's enumeration is unknown 0, male 1, female 2; Dynamics' choice is 1 male, 2 female.
		Replacements: []Replacement{
			{Column: "gendercode", From: "1", To: "male"}, {Column: "gendercode", From: "2", To: "female"},
			{Column: "gendercode", From: "", To: "unknown"},
		},
		Filters:                 Filters{Operator: "and", Rules: []Rule{}},
		Links:                   []Link{},
		ApplyDeletes:            true,
		TechnicalPicklistValues: true,
	}}}
}

func (d *IngressDoc) normalise() {
	present(&d.Mappings)
	for i := range d.Mappings {
		m := &d.Mappings[i]
		present(&m.Fields)
		present(&m.Replacements)
		present(&m.Links)
		present(&m.Filters.Rules)
	}
}

// present makes a nil list an empty one.
func present[T any](list *[]T) {
	if *list == nil {
		*list = []T{}
	}
}

// CannotStart says that nothing is mapped, where nothing is.
func (d *IngressDoc) CannotStart() string {
	if len(d.Mappings) == 0 {
		return "no table is mapped: add a mapping first"
	}
	return ""
}

var (
	columnName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,127}$`)
	fieldName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]{0,127}$`)
)

// Validate checks what can be known without asking either side.
func (d *IngressDoc) Validate() Faults {
	var faults Faults
	tables, resources, custom := map[string]int{}, map[string]int{}, 0
	for i, m := range d.Mappings {
		path := fmt.Sprintf("mappings[%d]", i)
		once(&faults, tables, m.Table, i, path+".table", "table", "mappings[%d]")
		once(&faults, resources, m.Resource, i, path+".resource", "resource", "mappings[%d]")
		if m.Resource != "profile" {
			custom++
		}
		m.validate(&faults, path)
	}
	d.validateLinks(&faults)
	if custom > MaxCustomTables {
		faults.add("mappings", fmt.Sprintf("%d custom tables are mapped", custom), fmt.Sprintf("map at most %d", MaxCustomTables))
	}
	return faults
}

// validateLinks checks where links lead: to a resource that this document fills or to profiles, and not too deep.
func (d *IngressDoc) validateLinks(faults *Faults) {
	leads := map[string][]string{}
	for _, m := range d.Mappings {
		for _, l := range m.Links {
			leads[m.Resource] = append(leads[m.Resource], l.Resource)
		}
	}
	mapped := map[string]bool{"profile": true}
	for _, m := range d.Mappings {
		mapped[m.Resource] = true
	}
	for i, m := range d.Mappings {
		for j, l := range m.Links {
			at := fmt.Sprintf("mappings[%d].links[%d].resource", i, j)
			switch {
			case l.Resource == "":
			case !mapped[l.Resource]:
				faults.add(at, fmt.Sprintf("no table is mapped to %.40q, so its rows never arrive", l.Resource), "map its table too, or take the link out")
			case 1+depth(leads, l.Resource, MaxLinkDepth) > MaxLinkDepth:
				faults.add(at, fmt.Sprintf("links lead on for more than %d levels, or in a circle", MaxLinkDepth), "take a link out")
			}
		}
	}
}

// depth is how many links lead on from a resource, counted up to one more than limit.
func depth(leads map[string][]string, resource string, limit int) int {
	if limit < 0 {
		return 1
	}
	deepest := 0
	for _, next := range leads[resource] {
		deepest = max(deepest, 1+depth(leads, next, limit-1))
	}
	return deepest
}

// once notes that name is used at place i and adds a fault when it was used before.
func once(faults *Faults, seen map[string]int, name string, i int, path, what, where string) {
	if first, used := seen[name]; used && name != "" {
		faults.add(path, fmt.Sprintf("the %s %.40q is mapped already in "+where, what, name, first), "map each "+what+" once")
		return
	}
	seen[name] = i
}

func (m *Mapping) validate(faults *Faults, path string) {
	checkName(faults, columnName, path+".table", m.Table, "logical name of a Dynamics table")
	checkName(faults, fieldName, path+".resource", m.Resource, "name of a Campaign resource")
	checkName(faults, columnName, path+".key.column", m.Key.Column, "logical name of a column")
	checkName(faults, fieldName, path+".key.field", m.Key.Field, "name of a Campaign field")
	fields := m.validateFields(faults, path)
	replaced := map[[2]string]int{}
	for i, r := range m.Replacements {
		at := fmt.Sprintf("%s.replacements[%d]", path, i)
		checkName(faults, columnName, at+".column", r.Column, "logical name of a column")
		if first, twice := replaced[[2]string{r.Column, r.From}]; twice {
			faults.add(at+".from", fmt.Sprintf("this value of %.40q is replaced already in %s.replacements[%d]", r.Column, path, first), "replace each value once")
		} else {
			replaced[[2]string{r.Column, r.From}] = i
		}
	}
	m.Filters.validate(faults, path+".filters")
	if len(m.Links) > MaxLinks {
		faults.add(path+".links", fmt.Sprintf("%d links", len(m.Links)), fmt.Sprintf("use at most %d", MaxLinks))
	}
	for i, l := range m.Links {
		at := fmt.Sprintf("%s.links[%d]", path, i)
		checkName(faults, columnName, at+".column", l.Column, "logical name of a lookup column")
		checkName(faults, fieldName, at+".field", l.Field, "name of a Campaign link field")
		checkName(faults, fieldName, at+".resource", l.Resource, "name of a Campaign resource")
		if first, used := fields[l.Field]; used && l.Field != "" {
			faults.add(at+".field", fmt.Sprintf("the field %.40q is mapped already in %s", l.Field, first), "map each field once")
		} else {
			fields[l.Field] = at
		}
	}
}

// validateFields checks the columns that fill fields, and returns where each field is filled.
func (m *Mapping) validateFields(faults *Faults, path string) map[string]string {
	if len(m.Fields) == 0 {
		faults.add(path+".fields", "no field is mapped", "map at least one column to a field")
	}
	if m.Resource != "profile" && len(m.Fields) > MaxColumns {
		faults.add(path+".fields", fmt.Sprintf("%d columns are mapped", len(m.Fields)), fmt.Sprintf("map at most %d", MaxColumns))
	}
	fields, places := map[string]int{}, map[string]string{}
	for i, f := range m.Fields {
		at := fmt.Sprintf("%s.fields[%d]", path, i)
		checkName(faults, columnName, at+".column", f.Column, "logical name of a column")
		checkName(faults, fieldName, at+".field", f.Field, "name of a Campaign field")
		if f.Field == m.Key.Field && f.Field != "" {
			faults.add(at+".field", fmt.Sprintf("%.40q is the key", f.Field), "the key is written by itself; remove this line")
		}
		once(faults, fields, f.Field, i, at+".field", "field", path+".fields[%d]")
		places[f.Field] = at
		if f.TooLong != "" && f.TooLong != Reject && f.TooLong != Truncate {
			faults.add(at+".tooLong", fmt.Sprintf("%.40q is not a choice", f.TooLong), "use reject or truncate")
		}
	}
	return places
}

// Comparisons lists what a filter rule can do, in the order in which the page offers it.
func Comparisons() []string {
	return []string{"equals", "not-equals", "contains", "not-contains", "starts-with", "ends-with", "greater", "greater-or-equal",
		"less", "less-or-equal", "is-null", "is-not-null"}
}

func (f *Filters) validate(faults *Faults, path string) {
	if f.Operator != "and" && f.Operator != "or" {
		faults.add(path+".operator", fmt.Sprintf("%.40q is not an operator", f.Operator), `use "and" or "or"`)
	}
	known := map[string]bool{}
	for _, c := range Comparisons() {
		known[c] = true
	}
	for i, r := range f.Rules {
		at := fmt.Sprintf("%s.rules[%d]", path, i)
		checkName(faults, columnName, at+".column", r.Column, "logical name of a column")
		if !known[r.Comparison] {
			faults.add(at+".comparison", fmt.Sprintf("%.40q is not a comparison", r.Comparison), "use one of "+strings.Join(Comparisons(), ", "))
		}
	}
}

func checkName(faults *Faults, pattern *regexp.Regexp, path, name, what string) {
	switch {
	case name == "":
		faults.add(path, "missing", "give the "+what)
	case !pattern.MatchString(name):
		faults.add(path, fmt.Sprintf("%.40q cannot be a name", name), "give the "+what)
	}
}

// Columns is every column that the mapping reads, each once: the key first, then fields, filters and links in order.
func (m *Mapping) Columns() []string {
	seen := map[string]bool{}
	var columns []string
	add := func(column string) {
		if column != "" && !seen[column] {
			seen[column] = true
			columns = append(columns, column)
		}
	}
	add(m.Key.Column)
	for _, f := range m.Fields {
		add(f.Column)
	}
	for _, r := range m.Filters.Rules {
		add(r.Column)
	}
	for _, l := range m.Links {
		add(l.Column)
	}
	return columns
}

// CheckImmutable adds a fault for each stored mapping whose table, resource or key next would change. A mapping may be
// removed, and added again later.
func (d *IngressDoc) CheckImmutable(next *IngressDoc) Faults {
	var faults Faults
	for _, old := range d.Mappings {
		for i, m := range next.Mappings {
			if m.Table != old.Table {
				continue
			}
			path := fmt.Sprintf("mappings[%d]", i)
			if m.Resource != old.Resource {
				faults.add(path+".resource", "the resource of a saved mapping cannot change", "delete the mapping and add a new one, or keep "+old.Resource)
			}
			if m.Key.Column != old.Key.Column || m.Key.Field != old.Key.Field {
				faults.add(path+".key", "the key of a saved mapping cannot change", "delete the mapping and add a new one, or keep "+old.Key.Column+" and "+old.Key.Field)
			}
		}
	}
	return faults
}
