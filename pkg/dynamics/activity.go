package dynamics

import (
	"context"
	"fmt"
	"slices"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// Activity is how rows of a custom activity table are written.
type Activity struct {
	EntitySet string
	// Regarding is the navigation property that leads to the contact: Regarding + "@odata.bind": "/contacts(guid)".
	Regarding string
	// Bulk says that the table takes CreateMultiple.
	Bulk bool
	// Columns are those asked for, in their order, with their types and lengths.
	Columns []Column
}

// CheckActivity looks at everything that writing activities of contacts needs, as a preflight does: that the environment
// takes the application, that the table is there and holds activities, that its columns take values, that an activity can
// regard a contact, and that the application has the privileges. Every finding is fault.Fatal and says what to mend;
// trouble on the way ends the check with that alone.
func (c *Client) CheckActivity(ctx context.Context, table string, columns []string) (Activity, []error) {
	user, err := c.whoAmI(ctx)
	if err != nil {
		return Activity{}, []error{err}
	}
	def, err := c.describe(ctx, table)
	if err != nil {
		return Activity{}, []error{err}
	}
	if !def.IsActivity {
		return Activity{}, []error{fault.New(fault.Fatal, fmt.Sprintf("table %s holds no activities; choose an activity table", table))}
	}
	found := Activity{EntitySet: def.EntitySetName}
	there, err := c.Columns(ctx, table)
	if err != nil {
		return Activity{}, []error{err}
	}
	var findings []error
	found.Columns, findings = checkValues(table, there, columns, func(col Column) bool { return col.Creatable })
	if found.Regarding, err = c.regarding(ctx, table); err != nil && !fault.Is(err, fault.Fatal) {
		return Activity{}, []error{err}
	} else if err != nil {
		findings = append(findings, err)
	}
	if found.Bulk, err = c.TakesBulk(ctx, table); fault.Is(err, fault.Transient) || fault.Is(err, fault.Throttled) {
		return Activity{}, []error{err}
	}
	return found, append(findings, c.checkPrivileges(ctx, user, []need{{table, "Create"}, {table, "Append"}, {"contact", "AppendTo"}})...)
}

// CheckUpdate looks at everything that changing columns of a table needs, as CheckActivity does for activities. It
// returns the columns asked for, in their order.
func (c *Client) CheckUpdate(ctx context.Context, table string, columns []string) ([]Column, []error) {
	user, err := c.whoAmI(ctx)
	if err != nil {
		return nil, []error{err}
	}
	if _, err := c.describe(ctx, table); err != nil {
		return nil, []error{err}
	}
	there, err := c.Columns(ctx, table)
	if err != nil {
		return nil, []error{err}
	}
	found, findings := checkValues(table, there, columns, func(col Column) bool { return col.Updatable })
	return found, append(findings, c.checkPrivileges(ctx, user, []need{{table, "Write"}})...)
}

// checkValues finds the columns that are wanted, and what keeps them from taking a plain value.
func checkValues(table string, there []Column, wanted []string, writable func(Column) bool) (found []Column, findings []error) {
	for _, column := range wanted {
		i := slices.IndexFunc(there, func(c Column) bool { return c.LogicalName == column })
		switch {
		case i < 0:
			findings = append(findings, fault.New(fault.Fatal, fmt.Sprintf("table %s has no column %s; check the configuration", table, column)))
			continue
		case !writable(there[i]):
			findings = append(findings, fault.New(fault.Fatal, fmt.Sprintf("column %s of table %s cannot be written; choose another", column, table)))
		case !takesValue(there[i].Type):
			findings = append(findings, fault.New(fault.Fatal, fmt.Sprintf("column %s of table %s is of the type %s, which takes no text, time or yes/no; choose another", column, table, there[i].Type)))
		}
		found = append(found, there[i])
	}
	return found, findings
}

func takesValue(t ColumnType) bool {
	switch t {
	case String, Memo, DateTime, Date, Boolean:
		return true
	}
	return false
}

// regarding finds the navigation property from an activity to its contact. Its name follows a pattern that has
// exceptions, so metadata decides (Dataverse docs, Web API navigation properties).
func (c *Client) regarding(ctx context.Context, table string) (string, error) {
	var answer struct {
		Value []struct {
			ReferencingAttribute                    string
			ReferencedEntity                        string
			ReferencingEntityNavigationPropertyName string
		} `json:"value"`
	}
	_, err := c.get(ctx, "metadata", "EntityDefinitions(LogicalName='"+table+"')/ManyToOneRelationships"+
		"?$select=ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName", nil, &answer)
	if err != nil {
		return "", err
	}
	for _, r := range answer.Value {
		if r.ReferencingAttribute == "regardingobjectid" && r.ReferencedEntity == "contact" {
			return r.ReferencingEntityNavigationPropertyName, nil
		}
	}
	return "", fault.New(fault.Fatal, fmt.Sprintf("activities of table %s cannot regard a contact; choose another table", table))
}
