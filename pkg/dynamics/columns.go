package dynamics

import (
	"context"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// ColumnType is the kind of a column's values.
type ColumnType string

// The types that rows carry. Other holds what cannot be mapped: images, files, party lists, calendar rules.
const (
	String           ColumnType = "String"
	Memo             ColumnType = "Memo"
	Integer          ColumnType = "Integer"
	BigInt           ColumnType = "BigInt"
	Decimal          ColumnType = "Decimal"
	Double           ColumnType = "Double"
	Money            ColumnType = "Money"
	Boolean          ColumnType = "Boolean"
	DateTime         ColumnType = "DateTime"
	Date             ColumnType = "Date"
	Picklist         ColumnType = "Picklist"
	MultiSelect      ColumnType = "MultiSelect"
	State            ColumnType = "State"
	Status           ColumnType = "Status"
	Lookup           ColumnType = "Lookup"
	Uniqueidentifier ColumnType = "Uniqueidentifier"
	Other            ColumnType = "Other"
)

// Column is what a column's definition says.
type Column struct {
	// Name is the column's name in a row and in SourceConfig.Columns: the logical name, for a lookup
	// "_parentcustomerid_value".
	Name        string
	LogicalName string
	DisplayName string
	Type        ColumnType
	// MaxLength in characters, of String and Memo.
	MaxLength int
	// Options of Picklist, MultiSelect, State, Status and, with the values 0 and 1, Boolean.
	Options []Option
	// Targets are the tables that a Lookup points to.
	Targets []string
	// Readable is false for a column that the API does not give out.
	Readable bool
	// Creatable and Updatable columns take a value when a row is created and later.
	Creatable bool
	Updatable bool
	// Required columns always have a value.
	Required bool
}

// Option is one choice.
type Option struct {
	Value int
	Label string
}

// attribute is a column on the wire, of any metadata class.
type attribute struct {
	LogicalName       string
	AttributeType     string
	AttributeTypeName struct{ Value string }
	DisplayName       text
	AttributeOf       *string
	IsValidForRead    *bool
	IsValidForCreate  *bool
	IsValidForUpdate  *bool
	RequiredLevel     struct{ Value string }
	MaxLength         int
	Format            string
	Targets           []string
	OptionSet         *optionSet
	GlobalOptionSet   *optionSet
}

type optionSet struct {
	Options     []option
	TrueOption  *option
	FalseOption *option
}

type option struct {
	Value int
	Label text
}

func (s *optionSet) list() []Option {
	if s == nil {
		return nil
	}
	wire := s.Options
	if s.FalseOption != nil && s.TrueOption != nil {
		wire = []option{*s.FalseOption, *s.TrueOption}
	}
	var options []Option
	for _, o := range wire {
		options = append(options, Option{Value: o.Value, Label: o.Label.or("")})
	}
	return options
}

// Columns lists a table's columns in the order of their names, with the options and limits that only the metadata class
// of each type tells (Dataverse docs, Query table definitions): one request for all, one more for each such class.
func (c *Client) Columns(ctx context.Context, table string) ([]Column, error) {
	if err := checkName("table", table); err != nil {
		return nil, err
	}
	base := "EntityDefinitions(LogicalName='" + table + "')/Attributes"
	all, err := c.attributes(ctx, base+"?$select=LogicalName,AttributeType,AttributeTypeName,DisplayName,AttributeOf,IsValidForRead,IsValidForCreate,IsValidForUpdate,RequiredLevel")
	if err != nil {
		return nil, err
	}
	columns := map[string]*Column{}
	classes := map[string]string{}
	for _, a := range all {
		if a.AttributeOf != nil {
			continue // a shadow of another column, such as the name of a lookup's row
		}
		col := a.column()
		columns[a.LogicalName] = &col
		if class, fields := detail(col.Type); class != "" {
			classes[class] = fields
		}
	}
	if err := c.complete(ctx, base, classes, columns); err != nil {
		return nil, err
	}
	list := make([]Column, 0, len(columns))
	for _, col := range columns {
		list = append(list, *col)
	}
	slices.SortFunc(list, func(a, b Column) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// complete asks for the details of all classes side by side, and adds them.
func (c *Client) complete(ctx context.Context, base string, classes map[string]string, columns map[string]*Column) error {
	group, ctx := errgroup.WithContext(ctx)
	var mu sync.Mutex
	for class, fields := range classes {
		group.Go(func() error {
			details, err := c.attributes(ctx, base+"/Microsoft.Dynamics.CRM."+class+"AttributeMetadata?$select=LogicalName"+fields)
			mu.Lock()
			defer mu.Unlock()
			for _, a := range details {
				if col := columns[a.LogicalName]; col != nil {
					a.complete(col)
				}
			}
			return err
		})
	}
	return group.Wait()
}

func (c *Client) attributes(ctx context.Context, address string) ([]attribute, error) {
	var answer struct{ Value []attribute }
	_, err := c.get(ctx, "metadata", address, nil, &answer)
	return answer.Value, err
}

// detail is the metadata class that tells more about columns of a type, and what to ask it for.
func detail(t ColumnType) (class, fields string) {
	const options = "&$expand=OptionSet($select=Options),GlobalOptionSet($select=Options)"
	switch t {
	case String, Memo:
		return string(t), ",MaxLength"
	case DateTime:
		return "DateTime", ",Format"
	case Lookup:
		return "Lookup", ",Targets"
	case Picklist:
		return "Picklist", options
	case MultiSelect:
		return "MultiSelectPicklist", options
	case State, Status:
		return string(t), "&$expand=OptionSet($select=Options)"
	case Boolean:
		return "Boolean", "&$expand=OptionSet($select=TrueOption,FalseOption)"
	}
	return "", ""
}

func (a attribute) column() Column {
	col := Column{
		Name: a.LogicalName, LogicalName: a.LogicalName, DisplayName: a.DisplayName.or(a.LogicalName), Type: Other,
		Readable: isTrue(a.IsValidForRead), Creatable: isTrue(a.IsValidForCreate), Updatable: isTrue(a.IsValidForUpdate),
		Required: a.RequiredLevel.Value == "ApplicationRequired" || a.RequiredLevel.Value == "SystemRequired",
	}
	switch ColumnType(a.AttributeType) {
	case String, Memo, Integer, BigInt, Decimal, Double, Money, Boolean, DateTime, Picklist, State, Status, Uniqueidentifier:
		col.Type = ColumnType(a.AttributeType)
	case "Lookup", "Customer", "Owner":
		col.Type, col.Name = Lookup, "_"+a.LogicalName+"_value"
	case "Virtual":
		if a.AttributeTypeName.Value == "MultiSelectPicklistType" {
			col.Type = MultiSelect
		}
	}
	return col
}

// isTrue takes what the server does not say for true.
func isTrue(b *bool) bool { return b == nil || *b }

// complete adds what the metadata class told.
func (a attribute) complete(col *Column) {
	col.MaxLength, col.Targets = a.MaxLength, a.Targets
	if a.Format == "DateOnly" && col.Type == DateTime {
		col.Type = Date
	}
	if col.Options = a.OptionSet.list(); col.Options == nil {
		col.Options = a.GlobalOptionSet.list()
	}
}
