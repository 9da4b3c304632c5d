package campaign

import (
	"context"
	"fmt"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// modifiedField holds when a row was last written, by anybody (Campaign Standard documentation, "Data model, profile").
const modifiedField = "lastModified"

// Profile is what is known of one row.
type Profile struct {
	// Fields are those that were asked for and that the row has, by API name; numbers are json.Number.
	Fields map[string]any
	// LastModified is when the row was last written, in Campaign's own time; zero where it does not say.
	LastModified time.Time
}

// Profile reads one row by its key, with some of its fields: one engine call. fault.NotFound: no row has the key.
// fault.Rejected: several rows have it.
func (c *Client) Profile(ctx context.Context, resource, keyField, key string, fields []string) (Profile, error) {
	row, err := c.findOne(ctx, Write{Resource: resource, KeyField: keyField, Key: key})
	switch {
	case err != nil:
		return Profile{}, err
	case row == nil:
		return Profile{}, fault.New(fault.NotFound, fmt.Sprintf("%s has no %s %s", name, resource, key))
	}
	return row.profile(fields)
}

// profile keeps the wanted fields of a row.
func (r Row) profile(fields []string) (Profile, error) {
	p := Profile{Fields: make(map[string]any, len(fields))}
	for _, field := range fields {
		if value, ok := r[field]; ok {
			p.Fields[field] = value
		}
	}
	text := r.Text(modifiedField)
	if text == "" {
		return p, nil
	}
	var err error
	if p.LastModified, err = ParseDateTime(text); err != nil {
		return p, fault.Wrap(fault.Transient, err, fmt.Sprintf("%s answered with a %s that is no date and time", name, modifiedField))
	}
	return p, nil
}
