package admin

import "github.com/causeway-sync/causeway/pkg/access"

// RouteTable is the table of who may do what; the router serves nothing that is not in it.
func RouteTable() map[string]access.Role { return leastRoles() }
