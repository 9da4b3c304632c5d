package crash

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/causeway-sync/causeway/pkg/config"
)

// The rules of a mapping, written down a second time as plainly as possible: what the product does is compared with this,
// and shares no code with it.

// settings are what a story changes about the contact mapping.
type settings struct {
	// updates says for each field whether increments write it.
	updates        map[string]bool
	replacements   []config.Replacement // of gendercode
	rules          []config.Rule
	operator       string
	deleteFiltered bool
}

// fieldsOf lists the mapped fields with their columns and lengths.
func fieldsOf() []struct {
	column, field string
	length        int
} {
	return []struct {
		column, field string
		length        int
	}{{"firstname", "firstName", 30}, {"lastname", "lastName", 50}, {"emailaddress1", "email", 128}, {"gendercode", "gender", 0},
		{"preferredcontactmethodcode", "salutation", 20}, {"donotbulkemail", "blackListEmail", 0}, {"birthdate", "birthDate", 0}}
}

// document is the configuration that an admin would store.
func (s settings) document() *config.IngressDoc {
	m := config.DefaultIngress().Mappings[0]
	m.Fields = nil
	for _, f := range fieldsOf() {
		m.Fields = append(m.Fields, config.FieldMapping{Column: f.column, Field: f.field, ApplyUpdates: s.updates[f.field], TooLong: config.Truncate})
	}
	m.Replacements = s.replacements
	m.Filters = config.Filters{Operator: s.operator, Rules: s.rules, DeleteFiltered: s.deleteFiltered}
	m.ApplyDeletes, m.TechnicalPicklistValues = true, true
	return &config.IngressDoc{Mappings: []config.Mapping{m}}
}

// profile is what the settings make of a contact; false where a filter leaves it out.
func (s settings) profile(row map[string]any) (map[string]string, bool) {
	if !s.passes(row) {
		return nil, false
	}
	fields := map[string]string{}
	for _, f := range fieldsOf() {
		text := plain(row[f.column])
		if f.column == "gendercode" {
			text = s.replaced(text)
		}
		if runes := []rune(text); f.length > 0 && len(runes) > f.length {
			text = string(runes[:f.length])
		}
		fields[f.field] = text
	}
	return fields, true
}

func (s settings) replaced(text string) string {
	for _, r := range s.replacements {
		if r.From == text {
			return r.To
		}
	}
	return text
}

func (s settings) passes(row map[string]any) bool {
	if len(s.rules) == 0 {
		return true
	}
	for _, rule := range s.rules {
		if holds(rule, plain(row[rule.Column])) != (s.operator == "and") {
			return s.operator != "and"
		}
	}
	return s.operator == "and"
}

// holds knows the comparisons that stories use: of texts without regard to case, of days, and of numbers with one digit,
// which all order as texts do.
func holds(rule config.Rule, value string) bool {
	value, with := strings.ToLower(value), strings.ToLower(rule.Value)
	switch rule.Comparison {
	case "is-null":
		return value == ""
	case "is-not-null":
		return value != ""
	case "equals":
		return value != "" && value == with
	case "not-equals":
		return value == "" || value != with
	case "starts-with":
		return strings.HasPrefix(value, with)
	case "not-contains":
		return !strings.Contains(value, with)
	case "greater":
		return value != "" && value > with
	case "less-or-equal":
		return value != "" && value <= with
	}
	panic("the plain model has no comparison " + rule.Comparison)
}

// plain is a value as a text: nothing and the empty text are the same, a yes/no is true or false.
func plain(value any) string {
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

// settingsOf draws settings.
func settingsOf() *rapid.Generator[settings] {
	rules := []config.Rule{
		{Column: "lastname", Comparison: "starts-with", Value: "a"}, {Column: "lastname", Comparison: "not-contains", Value: "B"},
		{Column: "emailaddress1", Comparison: "is-null"}, {Column: "emailaddress1", Comparison: "is-not-null"},
		{Column: "gendercode", Comparison: "equals", Value: "1"}, {Column: "gendercode", Comparison: "not-equals", Value: "2"},
		{Column: "birthdate", Comparison: "greater", Value: "1980-01-01"}, {Column: "birthdate", Comparison: "less-or-equal", Value: "1990-06-30"},
		{Column: "numberofchildren", Comparison: "greater", Value: "2"}, {Column: "donotbulkemail", Comparison: "equals", Value: "true"},
	}
	return rapid.Custom(func(t *rapid.T) settings {
		s := settings{updates: map[string]bool{}, operator: rapid.SampledFrom([]string{"and", "or"}).Draw(t, "operator"),
			deleteFiltered: rapid.Bool().Draw(t, "delete filtered"), rules: rapid.SliceOfNDistinct(rapid.SampledFrom(rules), 0, 3, rapid.ID).Draw(t, "rules")}
		for _, f := range fieldsOf() {
			s.updates[f.field] = rapid.Bool().Draw(t, "update "+f.field)
		}
		s.replacements = []config.Replacement{{Column: "gendercode", From: "1", To: "male"}, {Column: "gendercode", From: "2", To: "female"},
			{Column: "gendercode", From: "", To: rapid.SampledFrom([]string{"unknown", "male"}).Draw(t, "nothing is")}}
		return s
	})
}

// contactOf draws the columns of a contact that the mapping looks at.
func contactOf() *rapid.Generator[map[string]any] {
	text := rapid.SampledFrom([]any{nil, "", "Anna", "anton", "Bob", "Zoë", strings.Repeat("long ", 8)})
	return rapid.Custom(func(t *rapid.T) map[string]any {
		return map[string]any{
			"firstname": text.Draw(t, "first"), "lastname": rapid.SampledFrom([]any{"Abel", "aBBa", "Baum", "Cohn", "Ñandú"}).Draw(t, "last"),
			"emailaddress1":              rapid.SampledFrom([]any{nil, "a@example.org", "b@example.org"}).Draw(t, "email"),
			"gendercode":                 rapid.SampledFrom([]any{nil, 1, 2}).Draw(t, "gender"),
			"preferredcontactmethodcode": rapid.SampledFrom([]any{1, 2, 5}).Draw(t, "method"),
			"donotbulkemail":             rapid.Bool().Draw(t, "opt-out"),
			"birthdate":                  rapid.SampledFrom([]any{nil, "1970-03-01", "1980-01-01", "1985-05-05", "1990-06-30", "2001-02-03"}).Draw(t, "birth"),
			"numberofchildren":           rapid.SampledFrom([]any{nil, 0, 2, 3, 9}).Draw(t, "children"),
		}
	})
}
