package dynamics

import (
	"context"
	"fmt"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// Row reads one row by its primary key, with the given columns; none means all. fault.NotFound where there is none.
func (c *Client) Row(ctx context.Context, table Table, id string, columns []string) (record.Record, error) {
	key, err := parseGUID(id)
	if err != nil {
		return record.Record{}, fault.Wrap(fault.Invalid, err, "the key of a row of "+table.LogicalName+" is not a GUID")
	}
	for _, column := range columns {
		if err := checkName("column", column); err != nil {
			return record.Record{}, err
		}
	}
	s := c.Source(SourceConfig{Table: table.LogicalName, Columns: columns})
	s.table = &table
	var r row
	if _, err := c.get(ctx, "read", fmt.Sprintf("%s(%s)%s", table.EntitySetName, key, s.selectOption("?")), nil, &r); err != nil {
		return record.Record{}, err
	}
	return s.record(r, false)
}
