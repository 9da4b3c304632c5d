package dynamics

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// Table is what a table's definition says.
type Table struct {
	LogicalName           string `json:"LogicalName"`
	EntitySetName         string `json:"EntitySetName"`
	PrimaryIDAttribute    string `json:"PrimaryIdAttribute"`
	PrimaryNameAttribute  string `json:"PrimaryNameAttribute"`
	ChangeTrackingEnabled bool   `json:"ChangeTrackingEnabled"`
	IsCustomEntity        bool   `json:"IsCustomEntity"`
	IsActivity            bool   `json:"IsActivity"`
	// DisplayName is the label in the environment's language, the logical name where there is none.
	DisplayName string `json:"-"`
}

// definition is a Table on the wire.
type definition struct {
	Table
	DisplayName text `json:"DisplayName"`
}

func (d definition) table() Table {
	d.Table.DisplayName = d.DisplayName.or(d.LogicalName)
	return d.Table
}

const tableFields = "LogicalName,EntitySetName,PrimaryIdAttribute,PrimaryNameAttribute,ChangeTrackingEnabled,IsCustomEntity,IsActivity,DisplayName"

// text is a label.
type text struct {
	User *struct {
		Label string `json:"Label"`
	} `json:"UserLocalizedLabel"`
}

func (t text) or(other string) string {
	if t.User == nil || t.User.Label == "" {
		return other
	}
	return t.User.Label
}

// Table describes one table by its logical name ("contact"). fault.NotFound where the environment has none.
func (c *Client) Table(ctx context.Context, logical string) (Table, error) {
	if err := checkName("table", logical); err != nil {
		return Table{}, err
	}
	var d definition
	_, err := c.get(ctx, "metadata", "EntityDefinitions(LogicalName='"+logical+"')?$select="+tableFields, nil, &d)
	if fault.Is(err, fault.NotFound) {
		return Table{}, fault.Wrap(fault.NotFound, err, fmt.Sprintf("%s has no table %s", name, logical))
	}
	return d.table(), err
}

// Tables lists every table that has rows to read, in the order of their logical names.
func (c *Client) Tables(ctx context.Context) ([]Table, error) {
	var answer struct {
		Value []definition `json:"value"`
	}
	if _, err := c.get(ctx, "metadata", "EntityDefinitions?$select="+tableFields, nil, &answer); err != nil {
		return nil, err
	}
	var tables []Table
	for _, d := range answer.Value {
		if d.EntitySetName != "" && d.PrimaryIDAttribute != "" {
			tables = append(tables, d.table())
		}
	}
	slices.SortFunc(tables, func(a, b Table) int { return strings.Compare(a.LogicalName, b.LogicalName) })
	return tables, nil
}

// checkName keeps what is put into an address to a logical name's letters.
func checkName(what, logical string) error {
	if logical == "" || strings.ContainsFunc(logical, notInName) {
		return fault.New(fault.Fatal, fmt.Sprintf("%q is not the logical name of a %s", logical, what))
	}
	return nil
}

// Count is the number of rows of a table. It is a snapshot of the server's that may be 24 hours old (Dataverse docs,
// RetrieveTotalRecordCount), good for showing progress and for nothing else.
func (c *Client) Count(ctx context.Context, table string) (int64, error) {
	if err := checkName("table", table); err != nil {
		return 0, err
	}
	var answer struct {
		Counts struct {
			Values []int64 `json:"Values"`
		} `json:"EntityRecordCountCollection"`
	}
	_, err := c.get(ctx, "metadata", "RetrieveTotalRecordCount(EntityNames=@p)?@p="+encode(`["`+table+`"]`), nil, &answer)
	if err != nil || len(answer.Counts.Values) == 0 {
		return 0, err
	}
	return answer.Counts.Values[0], nil
}
