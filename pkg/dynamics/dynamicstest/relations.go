package dynamicstest

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// relationships answers the ManyToOneRelationships of a table: where its lookups lead, and what @odata.bind calls them.
func (t *table) relationships(w http.ResponseWriter, r *http.Request, fields []string) *odataError {
	list := []any{}
	for _, c := range t.Columns {
		for _, target := range c.Targets {
			schema := target + "_" + t.LogicalName + "_" + c.Name
			list = append(list, project(map[string]any{
				"MetadataId": metadataID(schema), "SchemaName": schema, "ReferencingEntity": t.LogicalName, "ReferencingAttribute": c.Name,
				"ReferencedEntity": target, "ReferencedAttribute": target + "id", "ReferencingEntityNavigationPropertyName": t.navigation(c, target),
			}, fields))
		}
	}
	return writeMetadata(w, map[string]any{
		"@odata.context": root(r) + "$metadata#EntityDefinitions('" + t.LogicalName + "')/ManyToOneRelationships", "value": list,
	})
}

// privilege is the name of a privilege for the table. All custom activities share those of the table activity.
func (t *table) privilege(kind string) string {
	if t.Activity {
		return "prv" + kind + "Activity"
	}
	return "prv" + kind + schemaName(t.LogicalName)
}

func (t *table) privileges() []any {
	var list []any
	for _, kind := range []string{"Create", "Read", "Write", "Delete", "Assign", "Share", "Append", "AppendTo"} {
		list = append(list, map[string]any{"PrivilegeType": kind, "Name": t.privilege(kind), "PrivilegeId": metadataID(t.privilege(kind)),
			"CanBeBasic": true, "CanBeDeep": true, "CanBeGlobal": true, "CanBeLocal": true})
	}
	return list
}

// lacks is the refusal of what the application has no privilege for.
func (s *Server) lacks(t *table, kind string) *odataError {
	if name := t.privilege(kind); slices.Contains(s.opt.Lacks, name) {
		return errPrivilege(name)
	}
	return nil
}

// users answers systemusers(id)/Microsoft.Dynamics.CRM.RetrieveUserPrivilegeByPrivilegeName(PrivilegeName='prvX').
func (s *Server) users(w http.ResponseWriter, r *http.Request, key, rest string) *odataError {
	name, ok := strings.CutPrefix(rest, "Microsoft.Dynamics.CRM.RetrieveUserPrivilegeByPrivilegeName(PrivilegeName='")
	if !ok || key != userID {
		return errSegment(rest)
	}
	name = strings.TrimSuffix(name, "')")
	held := []any{}
	if !slices.Contains(s.opt.Lacks, name) {
		held = append(held, map[string]any{"PrivilegeName": name, "PrivilegeId": metadataID(name), "BusinessUnitId": businessUnitID, "Depth": "Global"})
	}
	return writeMetadata(w, map[string]any{
		"@odata.context": root(r) + "$metadata#Microsoft.Dynamics.CRM.RetrieveUserPrivilegeByPrivilegeNameResponse", "RolePrivileges": held,
	})
}

// messageFilter is what the documentation asks sdkmessagefilters for (Dataverse docs, Use bulk operation messages).
var messageFilter = regexp.MustCompile(`^sdkmessageid/name eq '(\w+)' and primaryobjecttypecode eq '(\w+)'$`)

// messageFilters tells whether a table takes a message.
func (s *Server) messageFilters(w http.ResponseWriter, r *http.Request, _, _ string) *odataError {
	query := r.URL.Query()
	filter := query.Get("$filter")
	for alias, values := range query {
		if strings.HasPrefix(alias, "@") {
			filter = strings.ReplaceAll(filter, alias, values[0])
		}
	}
	asked := messageFilter.FindStringSubmatch(filter)
	if asked == nil {
		return fail(http.StatusBadRequest, codeSyntax, "The filter of sdkmessagefilters is not supported.")
	}
	found := []any{}
	if t := s.store.byLogical(asked[2]); t != nil && (asked[1] != "CreateMultiple" || s.isBulk(t)) {
		found = append(found, map[string]any{"@odata.etag": `W/"1"`, "sdkmessagefilterid": metadataID(asked[1] + asked[2])})
	}
	remotetest.WriteJSON(odata(w), http.StatusOK, map[string]any{"@odata.context": root(r) + "$metadata#sdkmessagefilters(sdkmessagefilterid)", "value": found})
	return nil
}
