package dynamics

import (
	"context"
	"fmt"
	"slices"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// Check looks at everything that reading a table needs, as a preflight does: that the environment takes the
// application, that the table is there with its columns, that change tracking is on, and that the application may read
// the whole table. Every finding says what to mend. Trouble on the way ends the check with that alone.
func (c *Client) Check(ctx context.Context, table string, columns []string) []error {
	if err := c.WhoAmI(ctx); err != nil {
		return []error{err}
	}
	def, err := c.Table(ctx, table)
	if fault.Is(err, fault.NotFound) {
		return []error{fault.Wrap(fault.Fatal, err, err.Error()+"; check the mapping")}
	}
	if err != nil {
		return []error{err}
	}
	there, err := c.Columns(ctx, table)
	if err != nil {
		return []error{err}
	}
	findings := checkColumns(table, there, columns)
	if !def.ChangeTrackingEnabled {
		return append(findings, fault.New(fault.Fatal, fmt.Sprintf(
			"change tracking is off for table %s; turn it on in Power Apps under Tables > %s > Properties > Advanced options > Track changes", table, def.DisplayName)))
	}
	// Change tracking needs the privilege at organization level, which only a tracked read proves.
	var rows collection
	probe := def.EntitySetName + "?$select=" + def.PrimaryIDAttribute
	if _, err := c.get(ctx, "read", probe, []string{trackChanges, "odata.maxpagesize=1"}, &rows); err != nil {
		findings = append(findings, err)
	}
	return findings
}

func checkColumns(table string, there []Column, wanted []string) []error {
	var findings []error
	for _, column := range append(slices.Clone(wanted), "modifiedon") {
		i := slices.IndexFunc(there, func(c Column) bool { return c.Name == column })
		switch {
		case i < 0 && column == "modifiedon":
			findings = append(findings, fault.New(fault.Fatal, fmt.Sprintf("table %s has no column modifiedon and cannot be read for changes", table)))
		case i < 0:
			findings = append(findings, fault.New(fault.Fatal, fmt.Sprintf("table %s has no column %s; check the mapping", table, column)))
		case !there[i].Readable:
			findings = append(findings, fault.New(fault.Fatal, fmt.Sprintf("column %s of table %s cannot be read over the API; take it out of the mapping", column, table)))
		}
	}
	return findings
}
