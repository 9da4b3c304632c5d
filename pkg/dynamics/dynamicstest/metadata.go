package dynamicstest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

func (s *Server) whoAmI(w http.ResponseWriter, r *http.Request, _, _ string) *odataError {
	remotetest.WriteJSON(odata(w), http.StatusOK, map[string]string{
		"@odata.context": root(r) + "$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse", "BusinessUnitId": businessUnitID, "UserId": userID,
		"OrganizationId": organizationID,
	})
	return nil
}

// totalCount answers RetrieveTotalRecordCount(EntityNames=['contact']), or with the names in a parameter alias.
func (s *Server) totalCount(w http.ResponseWriter, r *http.Request, arguments, _ string) *odataError {
	value, ok := strings.CutPrefix(arguments, "EntityNames=")
	if alias := value; ok && strings.HasPrefix(alias, "@") {
		value = r.URL.Query().Get(alias)
	}
	var names []string
	if json.Unmarshal([]byte(strings.ReplaceAll(value, "'", `"`)), &names) != nil {
		return fail(http.StatusBadRequest, codeSyntax, "The parameter EntityNames is not valid.")
	}
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	counts := []int{}
	for _, name := range names {
		t := s.store.byLogical(name)
		if t == nil {
			return errNoTable(name)
		}
		counts = append(counts, len(t.rows))
	}
	remotetest.WriteJSON(odata(w), http.StatusOK, map[string]any{
		"@odata.context":              root(r) + "$metadata#Microsoft.Dynamics.CRM.RetrieveTotalRecordCountResponse",
		"EntityRecordCountCollection": map[string]any{"Count": len(names), "IsReadOnly": false, "Keys": names, "Values": counts},
	})
	return nil
}

func errNoTable(name string) *odataError {
	return fail(http.StatusNotFound, codeNotFound, "The entity with a name = '%s' with namemapping = 'Logical' was not found in the MetadataCache.", name)
}

// definitions answers EntityDefinitions, EntityDefinitions(LogicalName='x') and its Attributes. Metadata has no paging.
func (s *Server) definitions(w http.ResponseWriter, r *http.Request, key, rest string) *odataError {
	fields := strings.Split(r.URL.Query().Get("$select"), ",")
	if key == "" {
		var all []any
		for _, set := range slices.Sorted(keys(s.store.tables)) {
			all = append(all, project(s.store.tables[set].definition(), fields))
		}
		return writeMetadata(w, map[string]any{"@odata.context": root(r) + "$metadata#EntityDefinitions", "value": all})
	}
	name, ok := strings.CutPrefix(key, "LogicalName=")
	t := s.store.byLogical(strings.Trim(name, "'"))
	if !ok || t == nil {
		return errNoTable(strings.Trim(name, "'"))
	}
	if rest == "" {
		def := project(t.definition(), fields)
		def["@odata.context"] = root(r) + "$metadata#EntityDefinitions/$entity"
		return writeMetadata(w, def)
	}
	if rest == "ManyToOneRelationships" {
		return t.relationships(w, r, fields)
	}
	cast, ok := strings.CutPrefix(rest, "Attributes")
	if !ok {
		return errSegment(rest)
	}
	return t.attributes(w, r, strings.TrimPrefix(cast, "/"), fields)
}

func keys(m map[string]*table) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func writeMetadata(w http.ResponseWriter, body any) *odataError {
	remotetest.WriteJSON(odata(w), http.StatusOK, body)
	return nil
}

// project keeps the selected members; MetadataId always stays.
func project(all map[string]any, fields []string) map[string]any {
	if len(fields) == 1 && fields[0] == "" {
		return all
	}
	kept := map[string]any{"MetadataId": all["MetadataId"]}
	for _, f := range fields {
		if v, ok := all[f]; ok {
			kept[f] = v
		}
	}
	return kept
}

func (t *table) definition() map[string]any {
	return map[string]any{
		"MetadataId": metadataID(t.LogicalName), "LogicalName": t.LogicalName, "SchemaName": schemaName(t.LogicalName),
		"EntitySetName": t.EntitySetName, "LogicalCollectionName": t.EntitySetName, "DisplayName": label(t.DisplayName),
		"PrimaryIdAttribute": t.PrimaryID, "PrimaryNameAttribute": t.PrimaryName, "ChangeTrackingEnabled": !t.Untracked,
		"IsCustomEntity": t.Custom, "IsActivity": t.Activity, "IsOptimisticConcurrencyEnabled": true, "Privileges": t.privileges(),
	}
}

// metadataID is a stable GUID of a name.
func metadataID(name string) string {
	var g guid
	for i := range len(name) {
		g[i%len(g)] = g[i%len(g)]*31 + name[i]
	}
	return g.String()
}

func label(s string) map[string]any {
	one := map[string]any{"Label": s, "LanguageCode": 1033}
	return map[string]any{"LocalizedLabels": []any{one}, "UserLocalizedLabel": one}
}

// attributes answers a table's columns, or those of one type with what only they have.
func (t *table) attributes(w http.ResponseWriter, r *http.Request, cast string, fields []string) *odataError {
	kind := ""
	if cast != "" {
		name, ok := strings.CutPrefix(cast, "Microsoft.Dynamics.CRM.")
		if kind, _ = strings.CutSuffix(name, "AttributeMetadata"); !ok || !strings.HasSuffix(name, "AttributeMetadata") {
			return errSegment(cast)
		}
	}
	expanded := r.URL.Query().Get("$expand") != ""
	list := []any{}
	for _, c := range t.Columns {
		if kind != "" && kind != c.metadataType() {
			continue
		}
		def := c.definition(t)
		one := project(def, fields)
		one["@odata.type"] = "#Microsoft.Dynamics.CRM." + c.metadataType() + "AttributeMetadata"
		if set, ok := def["OptionSet"]; ok && expanded && kind != "" {
			one["OptionSet"], one["GlobalOptionSet"] = set, nil
		} else {
			delete(one, "OptionSet")
		}
		list = append(list, one)
	}
	return writeMetadata(w, map[string]any{
		"@odata.context": root(r) + "$metadata#EntityDefinitions('" + t.LogicalName + "')/Attributes", "value": list,
	})
}

// metadataType is the name of the column's metadata class.
func (c Column) metadataType() string {
	switch c.Type {
	case Date:
		return "DateTime"
	case Customer, Owner:
		return "Lookup"
	case MultiSelect:
		return "MultiSelectPicklist"
	case Uniqueidentifier:
		return "UniqueIdentifier"
	}
	return c.attributeType()
}

// attributeType is the AttributeTypeCode.
func (c Column) attributeType() string {
	names := map[Type]string{
		String: "String", Memo: "Memo", Integer: "Integer", BigInt: "BigInt", Decimal: "Decimal", Double: "Double", Money: "Money",
		Boolean: "Boolean", DateTime: "DateTime", Date: "DateTime", Picklist: "Picklist", MultiSelect: "Virtual", State: "State",
		Status: "Status", Lookup: "Lookup", Customer: "Customer", Owner: "Owner", Uniqueidentifier: "Uniqueidentifier",
	}
	return names[c.Type]
}

func (c Column) definition(t *table) map[string]any {
	typeName := c.attributeType() + "Type"
	if c.Type == MultiSelect {
		typeName = "MultiSelectPicklistType"
	}
	required := "None"
	if c.Required {
		required = "ApplicationRequired"
	}
	def := map[string]any{
		"MetadataId": metadataID(t.LogicalName + "." + c.Name), "LogicalName": c.Name, "SchemaName": schemaName(c.Name),
		"AttributeType": c.attributeType(), "AttributeTypeName": map[string]string{"Value": typeName}, "DisplayName": label(c.Name),
		"IsValidForRead": !c.Secured, "IsValidForCreate": !c.ReadOnly, "IsValidForUpdate": !c.ReadOnly, "AttributeOf": nil,
		"RequiredLevel": map[string]string{"Value": required}, "IsPrimaryId": c.Name == t.PrimaryID, "IsPrimaryName": c.Name == t.PrimaryName,
	}
	switch {
	case c.Type == String || c.Type == Memo:
		def["MaxLength"] = c.MaxLength
	case c.isLookup():
		def["Targets"] = c.Targets
	case c.Type == Date:
		def["Format"] = "DateOnly"
	case c.Type == DateTime:
		def["Format"] = "DateAndTime"
	case c.hasOptions():
		def["OptionSet"] = c.optionSet()
	}
	return def
}

func (c Column) optionSet() map[string]any {
	var options []any
	for _, o := range c.Options {
		options = append(options, map[string]any{"Value": o.Value, "Label": label(o.Label)})
	}
	if c.Type == Boolean {
		return map[string]any{"MetadataId": metadataID(c.Name), "FalseOption": options[0], "TrueOption": options[1]}
	}
	return map[string]any{"MetadataId": metadataID(c.Name), "Options": options}
}
