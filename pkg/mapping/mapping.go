// Package mapping turns a row of Dynamics into what is to stand in Campaign. It is a pure function of the row and the
// admin's mapping: it knows no API, no queue and no clock.
//
// It promises that Compile finds everything that can be known to be wrong before a row is seen, that Apply has a defined
// answer for every value of every column (a write, a removal, nothing to do, or a rejection that names record, field and
// the value's type, never the value), and that the same row always gives the same answer.
package mapping

import (
	"fmt"

	"github.com/causeway-sync/causeway/pkg/config"
)

// Table is the Dynamics side of a mapping.
type Table struct {
	Name string
	// PrimaryKey is the column that holds the row's key.
	PrimaryKey string
	Columns    []Column
}

// Column describes a column of the table as far as a mapping must know it.
type Column struct {
	Name string
	// Type is Dataverse's attribute type: String, Picklist, DateTime, ...
	Type string
}

// Field describes a field of the resource as far as a mapping must know it.
type Field struct {
	Name string
	// Type is Campaign's: string, number, boolean, date, datetime, enumeration, ...
	Type string
	// Length is the most characters, 0 where it is not known.
	Length int
	// Writable is false for fields that Campaign computes.
	Writable bool
	// Values are the technical names of an enumeration.
	Values []string
	// Target is the resource that a link leads to, "" where it is not known.
	Target string
}

// Action is what is to be done at the destination.
type Action int

// The actions.
const (
	// Skip: the record changes nothing, by a rule of the mapping.
	Skip Action = iota
	// Put: the row is to have these fields.
	Put
	// Remove: the row is not to be there.
	Remove
)

// Write is what a record means for the destination.
type Write struct {
	Action   Action
	Resource string
	KeyField string
	Key      string
	// Fields are to be written in any case, OnCreate only when the row is made.
	Fields, OnCreate map[string]any
	// Links are the fields that lead to rows of other resources.
	Links []Link
	// LikelyNew is a guess that the row is not there yet.
	LikelyNew bool
}

// Link is a field that is to lead to the row of another resource.
type Link struct {
	Field    string
	Resource string
	// Key is that of the other row; empty where the field is to lead nowhere.
	Key string
}

// Plan is a compiled mapping.
type Plan struct {
	mapping  config.Mapping
	fields   []fieldPlan
	filters  []filterPlan
	replaced map[string][]config.Replacement
}

type fieldPlan struct {
	config.FieldMapping
	field Field
	// labelled says that the field takes the label of a choice, where the row has one.
	labelled bool
}

// FormattedValue is the annotation with which Dataverse sends the label of a choice beside its number.
const FormattedValue = "@OData.Community.Display.V1.FormattedValue"

// Compile checks a mapping against the two sides. Each fault names what is missing and where.
func Compile(m config.Mapping, table Table, fields []Field) (*Plan, config.Faults) {
	c := compiler{primaryKey: table.PrimaryKey, columns: map[string]Column{}, fields: map[string]Field{}}
	for _, column := range table.Columns {
		c.columns[column.Name] = column
	}
	for _, field := range fields {
		c.fields[field.Name] = field
	}
	return c.compile(m)
}

type compiler struct {
	primaryKey string
	columns    map[string]Column
	fields     map[string]Field
	faults     config.Faults
}

func (c *compiler) fault(path, problem, fix string) {
	c.faults = append(c.faults, config.Fault{Path: path, Problem: problem, Fix: fix})
}

func (c *compiler) compile(m config.Mapping) (*Plan, config.Faults) {
	p := &Plan{mapping: m, replaced: map[string][]config.Replacement{}}
	at := "mappings[" + m.Table + "]"
	if m.Key.Column != c.primaryKey {
		c.fault(at+".key.column", fmt.Sprintf("%q is not the primary key of %s, and a deletion carries nothing else", m.Key.Column, m.Table),
			"use "+c.primaryKey)
	}
	c.key(at+".key.field", m)
	for _, f := range m.Fields {
		p.fields = append(p.fields, c.fieldPlan(at+".fields["+f.Field+"]", m, f))
	}
	for _, r := range m.Replacements {
		p.replaced[r.Column] = append(p.replaced[r.Column], r)
	}
	for _, r := range m.Filters.Rules {
		path := at + ".filters[" + r.Column + "]"
		column, known := c.column(path, m, r.Column)
		if !known {
			continue
		}
		filter, err := compileFilter(r, column)
		if err != nil {
			c.fault(path, err.Error(), "choose a comparison and a value that fit the column")
		}
		p.filters = append(p.filters, filter)
	}
	for _, l := range m.Links {
		c.link(at+".links["+l.Field+"]", m, l)
	}
	return p, c.faults
}

// key checks the field that identifies a row.
func (c *compiler) key(path string, m config.Mapping) {
	switch field, known := c.fields[m.Key.Field]; {
	case !known:
		c.fault(path, fmt.Sprintf("%s has no field %q", m.Resource, m.Key.Field), "publish it in Campaign, or choose another")
	case !field.Writable:
		c.fault(path, fmt.Sprintf("field %q cannot be written: Campaign computes it", field.Name), "choose a field of your own as the key")
	case !takesText(field.Type):
		c.fault(path, fmt.Sprintf("field %q is a %s, and the key is a text", field.Name, field.Type), "choose a field that holds text")
	case field.Length > 0 && field.Length < keyLength:
		c.fault(path, fmt.Sprintf("field %q holds %d characters, and the key has %d", field.Name, field.Length, keyLength), "make the field longer in Campaign, or choose another")
	}
}

// keyLength is that of a GUID, which every primary key of Dataverse is.
const keyLength = 36

// fieldPlan checks one line of the mapping.
func (c *compiler) fieldPlan(path string, m config.Mapping, f config.FieldMapping) fieldPlan {
	column, _ := c.column(path, m, f.Column)
	field, known := c.fields[f.Field]
	switch {
	case !known:
		c.fault(path, fmt.Sprintf("%s has no field %q", m.Resource, f.Field), "publish it in Campaign, or take it out of the mapping")
	case !field.Writable:
		c.fault(path, fmt.Sprintf("field %q cannot be written: Campaign computes it", f.Field), "take it out of the mapping")
	case !convertible(field.Type):
		c.fault(path, fmt.Sprintf("field %q is a %s and cannot take a value", f.Field, field.Type), "map a link under links, or take it out of the mapping")
	}
	labels := !m.TechnicalPicklistValues && hasLabel(column.Type) && (takesText(field.Type) || isEnumeration(field.Type))
	return fieldPlan{FieldMapping: f, field: field, labelled: labels}
}

// hasLabel are the column types whose value is a code, and whose label is what people read. Money, numbers and dates have
// formatted values too, in the format of the reading user: those are never written.
func hasLabel(columnType string) bool {
	switch columnType {
	case "Picklist", "State", "Status", "Boolean", "MultiSelect", "Lookup":
		return true
	}
	return false
}

func (c *compiler) column(path string, m config.Mapping, name string) (Column, bool) {
	column, known := c.columns[name]
	if !known {
		c.fault(path, fmt.Sprintf("table %s has no column %q", m.Table, name), "choose a column that exists and can be read")
	}
	return column, known
}

// ReadsLabels reports whether the plan needs the labels of choices, which a source must ask for.
func (p *Plan) ReadsLabels() bool {
	return !p.mapping.TechnicalPicklistValues || len(p.mapping.Replacements) > 0 || len(p.filters) > 0
}
