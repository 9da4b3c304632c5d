package mapping

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind is a family of Campaign's field types that take values in the same way.
type kind int

const (
	textKind    kind = iota // string, memo, ... and what Campaign calls by a name that we do not know
	numberKind              // number, float, double
	integerKind             // integer, int, int64, long, short, byte
	booleanKind
	dateKind
	datetimeKind
	enumerationKind
	structureKind // link, collection, item: takes no plain value
)

func kindOfField(fieldType string) kind {
	switch fieldType {
	case "number", "float", "double":
		return numberKind
	case "integer", "int", "int64", "long", "short", "byte":
		return integerKind
	case "boolean":
		return booleanKind
	case "date":
		return dateKind
	case "datetime":
		return datetimeKind
	case "enumeration", "enum":
		return enumerationKind
	case "link", "collection", "item":
		return structureKind
	}
	return textKind
}

func convertible(fieldType string) bool   { return kindOfField(fieldType) != structureKind }
func takesText(fieldType string) bool     { return kindOfField(fieldType) == textKind }
func isEnumeration(fieldType string) bool { return kindOfField(fieldType) == enumerationKind }

// The forms in which Campaign takes days and times (Campaign Standard documentation, samples of profiles).
const (
	dateForm     = time.DateOnly
	datetimeForm = "2006-01-02 15:04:05.000Z"
)

// convert turns a value of Dataverse (string, json.Number, bool, nil) into one for a field of Campaign. The error speaks
// of types, never of the value.
//
//	from \ to     text        number             integer            boolean             date           datetime         enumeration
//	missing       cleared     cleared            cleared            cleared             cleared        cleared          cleared
//	empty text    empty       cleared            cleared            cleared             cleared        cleared          cleared
//	text          itself      when it is one     when it is whole   true/yes/1, ...     when it is     when it is       when a member
//	number        its digits  itself             when it is whole   1 and 0             no             no               its digits, when a member
//	yes/no        true/false  1 and 0            1 and 0            itself              no             no               true/false, when a member
//	nested        no          no                 no                 no                  no             no               no
//
// Dates and times come as texts: a day ("2024-01-31") or a time with its zone ("2024-01-31T08:00:00Z"). A time that goes
// into a date is the day in UTC, a day that goes into a datetime is its first moment in UTC. Choices come as numbers, their
// labels, several choices ("1,3"), lookups and keys as texts.
func convert(value any, field Field) (any, error) {
	if value == nil {
		return nil, nil
	}
	switch kindOfField(field.Type) {
	case numberKind:
		return toNumber(value)
	case integerKind:
		return toInteger(value)
	case booleanKind:
		return toBoolean(value)
	case dateKind:
		return toTime(value, dateForm)
	case datetimeKind:
		return toTime(value, datetimeForm)
	case enumerationKind:
		return toMember(value, field.Values)
	case structureKind:
		return nil, fmt.Errorf("a %s takes no value", field.Type)
	default:
		return asText(value)
	}
}

// kindOf names a value's type for a person.
func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "missing value"
	case string:
		return "text"
	case json.Number:
		return "number"
	case bool:
		return "yes/no value"
	}
	return "nested value"
}

func asText(value any) (any, error) {
	text, err := keyText(value)
	if err != nil {
		return nil, err
	}
	return text, nil
}

// keyText is a plain value as text; a missing one is empty.
func keyText(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", errors.New("a nested value cannot be written")
}

var errNotNumber = errors.New("the text is not a number")

// toNumber keeps every digit: a number goes on as it came.
func toNumber(value any) (any, error) {
	switch v := value.(type) {
	case json.Number:
		return v, nil
	case bool:
		if v {
			return json.Number("1"), nil
		}
		return json.Number("0"), nil
	case string:
		text := strings.TrimSpace(v)
		if text == "" {
			return nil, nil
		}
		if _, err := strconv.ParseFloat(text, 64); err != nil || !json.Valid([]byte(text)) {
			return nil, errNotNumber
		}
		return json.Number(text), nil
	}
	return nil, fmt.Errorf("a %s is not a number", kindOf(value))
}

// toInteger takes numbers without a fraction, and writes them without a decimal point.
func toInteger(value any) (any, error) {
	number, err := toNumber(value)
	if err != nil || number == nil {
		return nil, err
	}
	exact, ok := parseNumber(number.(json.Number).String())
	if !ok || !exact.IsInt() {
		return nil, fmt.Errorf("the %s is not a whole number", kindOf(value))
	}
	return json.Number(exact.Num().String()), nil
}

func toBoolean(value any) (any, error) {
	switch v := value.(type) {
	case bool:
		return v, nil
	case json.Number:
		switch v {
		case "0":
			return false, nil
		case "1":
			return true, nil
		}
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "":
			return nil, nil
		case "true", "1", "yes":
			return true, nil
		case "false", "0", "no":
			return false, nil
		}
	}
	return nil, fmt.Errorf("the %s is neither yes nor no", kindOf(value))
}

func toTime(value any, form string) (any, error) {
	text, isText := value.(string)
	if !isText {
		return nil, fmt.Errorf("a %s is not a date", kindOf(value))
	}
	if text = strings.TrimSpace(text); text == "" {
		return nil, nil
	}
	t, _, err := parseTime(text)
	if err != nil {
		return nil, err
	}
	return t.Format(form), nil
}

// toMember takes the technical names of an enumeration. One whose names are not known takes everything: Campaign decides.
func toMember(value any, names []string) (any, error) {
	text, err := keyText(value)
	switch {
	case err != nil:
		return nil, err
	case len(names) == 0 && text != "", slices.Contains(names, text):
		return text, nil
	case text == "":
		return nil, nil
	}
	return nil, fmt.Errorf("the %s is none of %s", kindOf(value), some(names))
}

// some lists names, not too many.
func some(names []string) string {
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// parseTime reads Dataverse's two forms: a day, and a time with its zone. A time without one is refused: nobody knows what
// it means. What is outside of the years 1 to 9999 in UTC cannot be written down.
func parseTime(text string) (at time.Time, isDay bool, err error) {
	at, err = time.Parse(time.DateOnly, text)
	if isDay = err == nil; !isDay {
		at, err = time.Parse(time.RFC3339Nano, text)
	}
	if at = at.UTC(); err != nil || at.Year() < 1 || at.Year() > 9999 {
		return time.Time{}, false, errors.New("the text is not a date")
	}
	return at, isDay, nil
}

// parseNumber reads a decimal number exactly.
func parseNumber(text string) (*big.Rat, bool) {
	if len(text) > 64 || strings.Trim(text, "0123456789+-.eE") != "" {
		return nil, false
	}
	if e := strings.IndexAny(text, "eE"); e >= 0 {
		if exponent, err := strconv.Atoi(text[e+1:]); err != nil || exponent > 400 || exponent < -400 {
			return nil, false // A big.Rat would hold every one of its digits.
		}
	}
	return new(big.Rat).SetString(text)
}
