package mapping

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// Apply maps one record. Its error is of kind fault.Rejected.
func (p *Plan) Apply(r record.Record) (Write, error) {
	w := Write{Resource: p.mapping.Resource, KeyField: p.mapping.Key.Field, Key: r.Key, LikelyNew: r.Snapshot}
	if r.Op == record.Delete {
		if p.mapping.ApplyDeletes {
			w.Action = Remove
		}
		return w, nil
	}
	row, err := r.Values()
	if err != nil {
		return w, fault.Wrap(fault.Rejected, err, fmt.Sprintf("%s %s: the row is not a JSON object", r.Source, r.Key))
	}
	if !p.passes(row) {
		if p.mapping.Filters.DeleteFiltered {
			w.Action = Remove
		}
		return w, nil
	}
	w.Action = Put
	if w.Links, err = p.links(r, row); err != nil {
		return w, err
	}
	return w, p.fill(&w, r, row)
}

// fill converts every mapped column. It reports the first value that cannot be converted. A column that the row does not
// hold at all says nothing about its field: only a null clears one.
func (p *Plan) fill(w *Write, r record.Record, row map[string]any) error {
	w.Fields = make(map[string]any, len(p.fields))
	for _, f := range p.fields {
		raw, present := row[f.Column]
		if !present {
			continue
		}
		value, err := p.value(f, raw, row[f.Column+FormattedValue])
		if err != nil {
			return fault.New(fault.Rejected, fmt.Sprintf("%s %s: column %s does not fit field %s: %s", r.Source, r.Key, f.Column, f.Field, err))
		}
		if f.ApplyUpdates || r.Snapshot {
			w.Fields[f.Field] = value
			continue
		}
		if w.OnCreate == nil {
			w.OnCreate = map[string]any{}
		}
		w.OnCreate[f.Field] = value
	}
	return nil
}

// value is what one field is to hold: the replacement of the column's value, or its label, or the value itself. Where a
// label is wanted and the row has none (a choice that was deleted, a lookup to a row without a name), the value stands.
func (p *Plan) value(f fieldPlan, raw, label any) (any, error) {
	if to, replaced := p.replacement(f.Column, raw, label); replaced {
		raw = to
	} else if f.labelled && raw != nil && label != nil {
		raw = label
	}
	value, err := convert(raw, f.field)
	if err != nil {
		return nil, err
	}
	text, isText := value.(string)
	if !isText || f.field.Length == 0 || !takesText(f.field.Type) {
		return value, nil
	}
	return f.fit(text, raw)
}

// replacement is the first that applies to a value.
func (p *Plan) replacement(column string, raw, label any) (to string, replaced bool) {
	for _, r := range p.replaced[column] {
		if matches(r.From, raw, label) {
			return r.To, true
		}
	}
	return "", false
}

// fit makes a text fit into its field, or says that it does not. Only what was a text may be cut: a number that lost its
// last digits would be another number.
func (f fieldPlan) fit(text string, raw any) (any, error) {
	n := utf8.RuneCountInString(text)
	if n <= f.field.Length {
		return text, nil
	}
	if _, wasText := raw.(string); !wasText || f.TooLong != config.Truncate {
		return nil, fmt.Errorf("the %s has %d characters, the field takes %d", kindOf(raw), n, f.field.Length)
	}
	return string([]rune(text)[:f.field.Length]), nil
}

// matches reports whether a replacement applies: its From is the value as text, or the label without regard to case; empty
// stands for no value.
func matches(from string, raw, label any) bool {
	if raw == nil || raw == "" {
		return from == ""
	}
	if text, err := keyText(raw); err == nil && text == from {
		return true
	}
	text, isText := label.(string)
	return isText && strings.EqualFold(text, from)
}
