package dynamics

import (
	"context"
	"fmt"
	"slices"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// need is a privilege for a table, by its PrivilegeType: "Create", "Write", "Append", "AppendTo".
type need struct{ table, kind string }

// checkPrivileges asks for each need whether a user has it for rows of the whole organization. The name of the privilege
// comes from the table's metadata: all custom activities share those of the table activity. An environment that does not
// let the application ask gives no finding: a role that cannot read roles may well write rows.
func (c *Client) checkPrivileges(ctx context.Context, user string, needs []need) []error {
	var findings []error
	for _, n := range needs {
		name, err := c.privilegeName(ctx, n)
		var depths []string
		if err == nil && name != "" {
			depths, err = c.depths(ctx, user, name)
		}
		switch {
		case fault.Is(err, fault.Transient) || fault.Is(err, fault.Throttled):
			return []error{err}
		case err != nil || name == "" || slices.Contains(depths, "Global"):
		case len(depths) == 0:
			findings = append(findings, fault.New(fault.Fatal, fmt.Sprintf(
				"the application user lacks the privilege %s; give it a security role that has it at organization level", name)))
		case n.kind != "Create" && n.kind != "Append": // what the application creates is its own
			findings = append(findings, fault.New(fault.Fatal, fmt.Sprintf(
				"the application user has the privilege %s for a part of the organization only; give it a security role that has it at organization level", name)))
		}
	}
	return findings
}

func (c *Client) privilegeName(ctx context.Context, n need) (string, error) {
	var def struct {
		Privileges []struct{ Name, PrivilegeType string }
	}
	if _, err := c.get(ctx, "metadata", "EntityDefinitions(LogicalName='"+n.table+"')?$select=LogicalName,Privileges", nil, &def); err != nil {
		return "", err
	}
	for _, p := range def.Privileges {
		if p.PrivilegeType == n.kind && checkName("privilege", p.Name) == nil {
			return p.Name, nil
		}
	}
	return "", nil
}

// depths are how far a user's roles give a privilege: "Basic", "Local", "Deep", "Global" (Dataverse docs,
// RetrieveUserPrivilegeByPrivilegeName).
func (c *Client) depths(ctx context.Context, user, privilege string) ([]string, error) {
	key, err := parseGUID(user)
	if err != nil {
		return nil, fault.Wrap(fault.Fatal, err, name+" does not say who the application is; check the URL of the environment")
	}
	var answer struct {
		RolePrivileges []struct{ Depth string }
	}
	_, err = c.get(ctx, "metadata", "systemusers("+key.String()+")/Microsoft.Dynamics.CRM.RetrieveUserPrivilegeByPrivilegeName(PrivilegeName='"+privilege+"')", nil, &answer)
	var depths []string
	for _, p := range answer.RolePrivileges {
		depths = append(depths, p.Depth)
	}
	return depths, err
}
