package mapping

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/config"
)

// A filter compares in the way of its column:
//
//	column                     equals, not-equals        greater, less, ...   contains, starts-with, ...
//	text, memo                 without regard to case    likewise             likewise
//	numbers                    as numbers                as numbers           their digits, or the formatted value
//	dates, times               as times, or as days      likewise             the text that Dataverse sends, or the label
//	yes/no                     yes or no                 refused              true or false, or the label
//	choices (one)              number or label           as numbers           number or label
//	choices (many), lookups,   text or label             refused              text or label
//	keys
//
// A rule whose value is a day compares a time with it by its day in UTC: "greater 2024-01-31" is a later day. A missing value
// equals nothing, is less and greater than nothing and contains nothing; so it passes not-equals and not-contains. is-null
// holds for a missing value and for the empty text.

// family is a group of column types that are compared in the same way.
type family int

const (
	texts family = iota
	numbers
	times
	yesNo
	choices
	codes // several choices, lookups, keys: texts that have no order
)

func familyOf(columnType string) family {
	switch columnType {
	case "Integer", "BigInt", "Decimal", "Double", "Money":
		return numbers
	case "DateTime", "Date":
		return times
	case "Boolean":
		return yesNo
	case "Picklist", "State", "Status":
		return choices
	case "MultiSelect", "Lookup", "Uniqueidentifier":
		return codes
	}
	return texts
}

// filterPlan is one rule with its value read once, as far as its column's family needs it.
type filterPlan struct {
	config.Rule
	family family
	lower  string   // the value for comparisons without regard to case
	number *big.Rat // nil where the value is not a number
	at     time.Time
	isDay  bool // the value is a day, not a time
	yes    bool
}

func isOrder(comparison string) bool {
	switch comparison {
	case "greater", "greater-or-equal", "less", "less-or-equal":
		return true
	}
	return false
}

func isEquality(comparison string) bool { return comparison == "equals" || comparison == "not-equals" }

// compileFilter reads a rule's value, and says what cannot work.
func compileFilter(r config.Rule, column Column) (filterPlan, error) {
	f := filterPlan{Rule: r, family: familyOf(column.Type), lower: strings.ToLower(r.Value)}
	switch r.Comparison {
	case "is-null", "is-not-null", "contains", "not-contains", "starts-with", "ends-with":
		return f, nil
	}
	if !isOrder(r.Comparison) && !isEquality(r.Comparison) {
		return f, fmt.Errorf("there is no comparison %q", r.Comparison)
	}
	return f, f.read()
}

// read reads the value for equality and order.
func (f *filterPlan) read() error {
	order := isOrder(f.Comparison)
	f.number, _ = parseNumber(f.Value)
	switch f.family {
	case numbers:
		if f.number == nil {
			return fmt.Errorf("column %s holds numbers, and the filter's value is not one", f.Column)
		}
	case times:
		var err error
		if f.at, f.isDay, err = parseTime(f.Value); err != nil {
			return fmt.Errorf("column %s holds dates, and the filter's value is not one (2024-01-31 or 2024-01-31T08:00:00Z)", f.Column)
		}
	case yesNo:
		yes, err := toBoolean(f.Value)
		if order || err != nil || yes == nil {
			return fmt.Errorf("column %s holds yes or no, and can only be compared with one of them", f.Column)
		}
		f.yes = yes == true
	case choices:
		if order && f.number == nil {
			return fmt.Errorf("column %s holds choices, which are ordered by their numbers, and the filter's value is not a number", f.Column)
		}
	case codes:
		if order {
			return errors.New("the values of column " + f.Column + " have no order")
		}
	case texts:
	}
	return nil
}

// passes reports whether a row is to be written.
func (p *Plan) passes(row map[string]any) bool {
	if len(p.filters) == 0 {
		return true
	}
	and := p.mapping.Filters.Operator != "or"
	for _, f := range p.filters {
		if f.holds(row[f.Column], row[f.Column+FormattedValue]) != and {
			return !and
		}
	}
	return and
}

// holds reports whether one rule is true of a value.
func (f filterPlan) holds(value, label any) bool {
	switch f.Comparison {
	case "is-null":
		return value == nil || value == ""
	case "is-not-null":
		return value != nil && value != ""
	case "equals":
		return f.equal(value, label)
	case "not-equals":
		return !f.equal(value, label)
	case "contains":
		return f.text(value, label, strings.Contains)
	case "not-contains":
		return !f.text(value, label, strings.Contains)
	case "starts-with":
		return f.text(value, label, strings.HasPrefix)
	case "ends-with":
		return f.text(value, label, strings.HasSuffix)
	}
	order, comparable := f.compare(value)
	if !comparable {
		return false
	}
	switch f.Comparison {
	case "greater":
		return order > 0
	case "greater-or-equal":
		return order >= 0
	case "less":
		return order < 0
	default:
		return order <= 0
	}
}

func (f filterPlan) equal(value, label any) bool {
	switch f.family {
	case numbers, times:
		order, comparable := f.compare(value)
		return comparable && order == 0
	case yesNo:
		yes, err := toBoolean(value)
		return err == nil && yes == f.yes
	case choices:
		if order, comparable := f.compare(value); comparable && order == 0 {
			return true
		}
	case texts, codes:
	}
	return f.text(value, label, func(s, of string) bool { return s == of })
}

// compare orders a value against the rule's. A value that is not of the column's kind cannot be compared.
func (f filterPlan) compare(value any) (order int, comparable bool) {
	text, err := keyText(value)
	if err != nil || value == nil || value == "" {
		return 0, false
	}
	switch f.family {
	case numbers, choices:
		_, isBool := value.(bool)
		number, ok := parseNumber(text)
		if isBool || !ok || f.number == nil {
			return 0, false
		}
		return number.Cmp(f.number), true
	case times:
		at, _, err := parseTime(text)
		if err != nil {
			return 0, false
		}
		if f.isDay {
			at = at.Truncate(24 * time.Hour)
		}
		return at.Compare(f.at), true
	default:
		return strings.Compare(strings.ToLower(text), f.lower), true
	}
}

// text tests the value as text, or its label, without regard to case.
func (f filterPlan) text(value, label any, test func(s, of string) bool) bool {
	text, err := keyText(value)
	if err != nil || value == nil {
		return false
	}
	if test(strings.ToLower(text), f.lower) {
		return true
	}
	labelled, isText := label.(string)
	return isText && test(strings.ToLower(labelled), f.lower)
}
