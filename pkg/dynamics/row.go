package dynamics

import (
	"context"
	"fmt"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// Row reads one row by its primary key as it is now, with its version and the given columns; none means all. The table is
// a logical name. fault.NotFound where there is no such row.
func (c *Client) Row(ctx context.Context, table, id string, columns []string) (record.Record, error) {
	key, err := parseGUID(id)
	if err != nil {
		return record.Record{}, fault.Wrap(fault.Invalid, err, "the key of a row of "+table+" is not a GUID")
	}
	for _, column := range columns {
		if err := checkName("column", column); err != nil {
			return record.Record{}, err
		}
	}
	def, err := c.describe(ctx, table)
	if err != nil {
		return record.Record{}, err
	}
	s := c.Source(SourceConfig{Table: table, Columns: columns})
	s.table = &def
	var r row
	if _, err := c.get(ctx, "read", fmt.Sprintf("%s(%s)%s", def.EntitySetName, key, s.selectOption("?")), nil, &r); err != nil {
		return record.Record{}, err
	}
	return s.record(r, false)
}
