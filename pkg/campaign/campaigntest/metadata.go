package campaigntest

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// fieldMetadata is one member of content (ACS documentation, "Metadata mechanism"). The length and read-only marks are
// among what the documentation calls "descriptive or internal".
type fieldMetadata struct {
	APIName    string         `json:"apiName"`
	Type       FieldType      `json:"type"`
	DataPolicy string         `json:"dataPolicy,omitempty"`
	Category   string         `json:"category"`
	ResType    string         `json:"resType"`
	ResTarget  string         `json:"resTarget,omitempty"`
	Values     map[string]any `json:"values,omitempty"`
	Length     int            `json:"length,omitempty"`
	ReadOnly   bool           `json:"readOnly,omitempty"`
}

func (s *Server) metadata(w http.ResponseWriter, r *request) {
	d := r.table.def
	if len(r.rest) > 0 {
		s.filterMetadata(w, r)
		return
	}
	content := map[string]fieldMetadata{}
	for _, f := range d.Fields {
		if !f.Extended || r.api != Standard {
			content[f.Name] = describe(f)
		}
	}
	remotetest.WriteJSON(w, http.StatusOK, map[string]any{
		"PKey": s.sealer.seal("metadata", 1), "content": content, "data": "/" + r.api + "/" + d.Name + "/",
		"filters": map[string]string{"href": r.root + "/" + r.api + "/resourceType/" + d.Name + "/filters"},
		"href":    r.collectionURL() + "/metadata", "label": d.Name, "name": d.Name, "schema": d.Schema,
		"mandatory": false, "readOnly": false, "pkgStatus": "never", "type": "item",
	})
}

func describe(f Field) fieldMetadata {
	m := fieldMetadata{
		APIName: f.Name, Type: f.Type, Category: "fields", ResType: string(f.Type),
		ResTarget: f.Target, Length: f.Length, ReadOnly: f.ReadOnly,
	}
	if f.Name == "email" {
		m.DataPolicy = "email"
	}
	if f.Type == Enum {
		m.Values = map[string]any{}
		for i, name := range f.Values {
			m.Values[name] = map[string]string{"name": name, "label": name, "value": strconv.Itoa(i)}
		}
	}
	return m
}

func (s *Server) filterMetadata(w http.ResponseWriter, r *request) {
	if len(r.rest) != 1 || r.rest[0] != "filters" {
		s.write(w, s.unsupported(strings.Join(r.rest, "/")))
		return
	}
	list := []map[string]any{}
	for _, f := range s.filters(r.table.def) {
		list = append(list, map[string]any{
			"PKey": s.sealer.seal("filter", 1), "category": "filters", "label": f.Name, "formType": "none",
			"data": "/" + r.api + "/" + r.table.def.Name + "/" + f.Name + "?" + f.Parameter + "=$value",
		})
	}
	remotetest.WriteJSON(w, http.StatusOK, map[string]any{"content": list, "serverSidePagination": true})
}
