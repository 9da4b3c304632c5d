package campaign

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// Check is the preflight of writing to a resource: the token is granted, URL and organisation are right, the resource
// and its fields exist and can be written, and rows can be found by their key. Everything that a person has to mend comes
// back at once, as one fault.Fatal; trouble that may pass comes back as itself. It makes three to six reading calls.
func (c *Client) Check(ctx context.Context, resource, keyField string, fields []string) error {
	described, err := c.Resource(ctx, resource)
	if fault.Is(err, fault.NotFound) {
		return fault.Wrap(fault.Fatal, err, fault.Message(err))
	}
	if err != nil {
		return err
	}
	findings := checkFields(described, keyField, fields)
	finding, err := c.checkLookup(ctx, described, keyField)
	switch {
	case err == nil:
		findings = append(findings, finding...)
	case fault.Is(err, fault.Fatal):
		findings = append(findings, fault.Message(err))
	default:
		return err
	}
	if len(findings) > 0 {
		return fault.New(fault.Fatal, strings.Join(findings, "; "))
	}
	return nil
}

func checkFields(r Resource, keyField string, fields []string) (findings []string) {
	if _, ok := r.Field(keyField); !ok {
		findings = append(findings, fmt.Sprintf("the resource %s has no field %s to hold the key; publish it with an identification key", r.Name, keyField))
	}
	for _, field := range fields {
		f, ok := r.Field(field)
		switch {
		case !ok:
			findings = append(findings, fmt.Sprintf("the resource %s has no field %s; publish it or take it out of the mapping", r.Name, field))
		case !f.Writable:
			findings = append(findings, fmt.Sprintf("the field %s of %s is read-only; take it out of the mapping", field, r.Name))
		}
	}
	return findings
}

// checkLookup looks up a key that cannot exist and some that do.
func (c *Client) checkLookup(ctx context.Context, r Resource, keyField string) (findings []string, err error) {
	l := c.lookup(r.Name)
	if l.Mode == ByKey && r.Name != "profile" {
		return []string{fmt.Sprintf("rows of %s cannot be addressed by their key; publish a filter on %s and set the lookup to it", r.Name, keyField)}, nil
	}
	rows, err := c.Find(ctx, r.Name, "causeway-preflight-"+rand.Text())
	switch {
	case fault.Is(err, fault.Rejected):
		return []string{c.advice(r.Name, keyField, "is not answered")}, nil
	case err != nil:
		return nil, err
	case len(rows) > 0:
		return []string{c.advice(r.Name, keyField, "finds rows that have another one")}, nil
	}
	return c.checkSamples(ctx, r.Name, keyField)
}

// samples is how many rows Check looks up. One that was deleted meanwhile must not stop a workflow, several are no chance.
const samples = 3

// checkSamples looks up the keys of rows that exist. Nothing can be said while there are none.
func (c *Client) checkSamples(ctx context.Context, resource, keyField string) (findings []string, err error) {
	collection, err := c.collection(ctx, resource)
	if err != nil {
		return nil, err
	}
	rows, _, err := c.get(ctx, call{method: http.MethodGet, kind: "read", path: collection + "?_lineCount=25", resource: resource})
	if err != nil {
		return nil, err
	}
	tried := 0
	for _, row := range rows {
		key := row.Text(keyField)
		if key == "" || tried == samples {
			continue
		}
		tried++
		found, err := c.Find(ctx, resource, key)
		if err != nil && !fault.Is(err, fault.Rejected) {
			return nil, err
		}
		for _, row := range found {
			if row.Text(keyField) == key {
				return nil, nil
			}
		}
	}
	if tried == 0 {
		return nil, nil
	}
	return []string{c.advice(resource, keyField, "does not find rows that exist")}, nil
}

func (c *Client) advice(resource, keyField, what string) string {
	l := c.lookup(resource)
	if l.Mode == ByFilter {
		return fmt.Sprintf("looking up a %s by %s with the filter %s?%s= %s; check the filter's name and parameter in Campaign", resource, keyField, l.Filter, l.Parameter, what)
	}
	return fmt.Sprintf("looking up a %s by %s in the URL %s; make %s the identification key of %s and publish it, or use a filter", resource, keyField, what, keyField, resource)
}
