package campaign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// Resource describes a resource.
type Resource struct {
	// Name is the technical name, Label the one for people.
	Name, Label string
	// API is the path that the resource stands under: "profileAndServicesExt" or "customResources".
	API string
	// Fields by name, in the order of their names.
	Fields []Field
}

// Field describes one field.
type Field struct {
	Name string
	// Type is Campaign's own word: "string", "number", "boolean", "date", "datetime", "enumeration", "link",
	// "collection" and others.
	Type string
	// Length is the most characters, 0 where it is not known.
	Length int
	// Writable is false for fields that Campaign computes, and for collections.
	Writable bool
	// Values are the technical names of an enumeration, sorted.
	Values []string
	// Target is the resource that a link or collection leads to.
	Target string
}

// Field returns the field of a name.
func (r Resource) Field(name string) (Field, bool) {
	i := slices.IndexFunc(r.Fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return r.Fields[i], true
}

// Resource describes a resource. fault.NotFound: it does not exist, or is not published for the API.
func (c *Client) Resource(ctx context.Context, resource string) (Resource, error) {
	missing := fault.New(fault.NotFound, fmt.Sprintf("%s has no resource %q; check the name, and that it is published with the API", name, resource))
	if !isName(resource) {
		return Resource{}, missing
	}
	for _, api := range []string{extended, custom} {
		k := call{method: http.MethodGet, kind: "describe", path: "/" + api + "/resourceType/" + resource, resource: resource}
		resp, v, err := c.do(ctx, k)
		switch {
		case v == taken:
			described, err := parseResource(resp.Body)
			if err != nil {
				return Resource{}, fault.Wrap(fault.Transient, err, fmt.Sprintf("%s could not %s: its answer was not understood", name, k.subject()))
			}
			described.Name, described.API = resource, api
			c.locate(resource, api)
			return described, nil
		case resp != nil && resp.Status == http.StatusNotFound:
		case err != nil:
			return Resource{}, err
		default:
			return Resource{}, fault.New(fault.Transient, fmt.Sprintf("%s could not %s (HTTP %d)", name, k.subject(), resp.Status))
		}
	}
	return Resource{}, missing
}

// Resources describes the resources of Config.Resources that exist.
func (c *Client) Resources(ctx context.Context) ([]Resource, error) {
	var all []Resource
	for _, resource := range c.cfg.Resources {
		described, err := c.Resource(ctx, resource)
		switch {
		case err == nil:
			all = append(all, described)
		case !fault.Is(err, fault.NotFound):
			return nil, err
		}
	}
	return all, nil
}

// parseResource reads metadata (Campaign Standard documentation, "Metadata mechanism").
func parseResource(body []byte) (Resource, error) {
	var wire struct {
		Name    string `json:"name"`
		Label   string `json:"label"`
		Content map[string]struct {
			Type      string          `json:"type"`
			ResTarget string          `json:"resTarget"`
			Values    json.RawMessage `json:"values"`
			Length    int             `json:"length"`
			ReadOnly  bool            `json:"readOnly"`
		} `json:"content"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return Resource{}, err
	}
	if len(wire.Content) == 0 {
		return Resource{}, errors.New("metadata without fields")
	}
	r := Resource{Label: wire.Label}
	for _, field := range slices.Sorted(maps.Keys(wire.Content)) {
		m := wire.Content[field]
		f := Field{Name: field, Type: m.Type, Length: m.Length, Target: m.ResTarget, Values: enumeration(m.Values)}
		if f.Length == 0 && wire.Name == "profile" {
			f.Length = profileLengths()[field]
		}
		f.Writable = !m.ReadOnly && m.Type != "collection" && !slices.Contains(computed(), field)
		r.Fields = append(r.Fields, f)
	}
	return r, nil
}

// enumeration reads the values of an enumeration: an object by technical name.
func enumeration(raw json.RawMessage) []string {
	var byName map[string]json.RawMessage
	if json.Unmarshal(raw, &byName) != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(byName))
}

// computed are the fields that Campaign sets itself in every resource (Campaign Standard documentation, "Data model").
func computed() []string {
	return []string{"PKey", "href", "cryptedId", "created", "lastModified", "createdBy", "modifiedBy", "age", "domain"}
}

// profileLengths are the lengths of the out-of-the-box fields, for instances whose metadata leaves them out (Campaign
// Standard documentation, "Data model, profile").
func profileLengths() map[string]int {
	return map[string]int{
		"externalId": 100, "email": 128, "firstName": 30, "lastName": 50, "middleName": 30, "salutation": 20, "title": 255,
		"thumbnail": 255, "phone": 32, "mobilePhone": 32, "fax": 32, "domain": 255, "timeZone": 64,
	}
}
