package mapping

import (
	"fmt"
	"strings"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// link checks both ends of a link.
func (c *compiler) link(path string, m config.Mapping, l config.Link) {
	if column, known := c.column(path, m, l.Column); known && column.Type != "Lookup" {
		c.fault(path, fmt.Sprintf("column %s is a %s and points to no row", l.Column, column.Type), "choose a lookup column")
	}
	field, known := c.fields[l.Field]
	switch {
	case !known:
		c.fault(path, fmt.Sprintf("%s has no field %q", m.Resource, l.Field), "publish it in Campaign, or take the link out of the mapping")
	case field.Type != "link":
		c.fault(path, fmt.Sprintf("field %q is a %s and leads to no row", l.Field, field.Type), "choose a link field")
	case field.Target != "" && field.Target != l.Resource:
		c.fault(path, fmt.Sprintf("field %q leads to %s", l.Field, field.Target), "set the link's resource to "+field.Target)
	}
}

// links reads the keys of the rows that a row leads to.
func (p *Plan) links(r record.Record, row map[string]any) ([]Link, error) {
	var links []Link
	for _, l := range p.mapping.Links {
		key, err := keyText(row[l.Column])
		if err != nil {
			return nil, fault.New(fault.Rejected, fmt.Sprintf("%s %s: column %s holds no key of another row", r.Source, r.Key, l.Column))
		}
		links = append(links, Link{Field: l.Field, Resource: l.Resource, Key: strings.ToLower(key)})
	}
	return links, nil
}
