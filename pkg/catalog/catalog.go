// Package catalog is the vocabulary of what a workflow's service can tell of its remote systems: the tables and resources
// that there are, and what a mapping would do. The admin service holds no credentials; it asks, and passes the answers on
// as they are.
//
// It imports only the standard library and pkg/config.
package catalog

import "github.com/causeway-sync/causeway/pkg/config"

// The questions, by name, with the shapes of request and answer.
const (
	AskTables    = "tables"    // {} → []Table
	AskTable     = "table"     // Name → Table with columns
	AskResources = "resources" // {} → []Resource
	AskResource  = "resource"  // Name → Resource with fields
	AskCount     = "count"     // Name of a table → Count
	AskPreview   = "preview"   // PreviewRequest → Preview
)

// Name asks about one table or resource.
type Name struct {
	Name string `json:"name"`
}

// Table is a table of Dynamics 365.
type Table struct {
	Name           string   `json:"name" example:"contact"`
	DisplayName    string   `json:"displayName" example:"Contact"`
	PrimaryKey     string   `json:"primaryKey" example:"contactid"`
	ChangeTracking bool     `json:"changeTracking" doc:"without it a table cannot be mapped"`
	Columns        []Column `json:"columns,omitempty"`
}

// Column is a column of a table, by the name that a mapping uses.
type Column struct {
	Name        string   `json:"name" example:"emailaddress1"`
	DisplayName string   `json:"displayName" example:"Email"`
	Type        string   `json:"type" example:"String"`
	MaxLength   int      `json:"maxLength,omitempty"`
	Required    bool     `json:"required,omitempty"`
	Options     []Option `json:"options,omitempty" doc:"the choices of a picklist"`
	Targets     []string `json:"targets,omitempty" doc:"the tables that a lookup points to"`
}

// Option is one choice of a picklist.
type Option struct {
	Value int    `json:"value"`
	Label string `json:"label"`
}

// Resource is a resource of Campaign.
type Resource struct {
	Name   string  `json:"name" example:"profile"`
	Label  string  `json:"label" example:"Profiles"`
	Fields []Field `json:"fields,omitempty"`
}

// Field is a field of a resource.
type Field struct {
	Name     string   `json:"name" example:"email"`
	Type     string   `json:"type" example:"string"`
	Length   int      `json:"length,omitempty"`
	Writable bool     `json:"writable"`
	Values   []string `json:"values,omitempty" doc:"the technical names of an enumeration"`
	Target   string   `json:"target,omitempty" doc:"the resource that a link leads to"`
}

// Count is how many rows a table has. Dataverse's figure may be a day old.
type Count struct {
	Rows int64 `json:"rows"`
}

// PreviewRequest asks what a mapping would write. Nothing is written.
type PreviewRequest struct {
	Mapping config.Mapping `json:"mapping"`
	// Limit is how many rows are looked at; 5 by default, at most 20.
	Limit int `json:"limit,omitempty"`
}

// Preview is what would be written, row by row. It holds personal data: it is shown to who asked and never logged.
type Preview struct {
	Rows []PreviewRow `json:"rows"`
}

// PreviewRow is what would become of one row.
type PreviewRow struct {
	Key    string         `json:"key"`
	Action string         `json:"action" enum:"create,update,unchanged,delete,skip,reject"`
	Reason string         `json:"reason,omitempty" doc:"why a row is skipped, deleted or rejected"`
	Fields []PreviewField `json:"fields,omitempty"`
}

// PreviewField is one field: what would be written beside what Campaign holds now.
type PreviewField struct {
	Field   string `json:"field"`
	Column  string `json:"column"`
	Would   any    `json:"would"`
	Now     any    `json:"now"`
	Changes bool   `json:"changes"`
}
