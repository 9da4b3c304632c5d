package dynamicstest

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// guid is a primary key.
type guid [16]byte

func parseGUID(s string) (guid, error) {
	var g guid
	s = strings.TrimSuffix(strings.TrimPrefix(s, "{"), "}")
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return g, errors.New("not a GUID")
	}
	_, err := hex.Decode(g[:], []byte(strings.ReplaceAll(s, "-", "")))
	return g, err
}

func (g guid) String() string {
	h := hex.EncodeToString(g[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// cell is one typed value. n holds numbers, times in Unix seconds, dates in days, the bits of a double and the target
// of a lookup; b holds text, the digits of a decimal and the sixteen bytes of a GUID.
type cell struct {
	set bool
	n   int64
	b   []byte
}

type storage int

const (
	asText storage = iota
	asNumber
	asGUID
)

func (c Column) storage() storage {
	switch c.Type {
	case String, Memo, Decimal, Money, MultiSelect:
		return asText
	case Lookup, Customer, Owner, Uniqueidentifier:
		return asGUID
	}
	return asNumber
}

const day = 24 * 60 * 60

var errKind = errors.New("a value of another type is expected")

// isDecimal reports whether s is a number without an exponent: a decimal keeps its digits as they came.
func isDecimal(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil && !strings.ContainsAny(s, "eExXnN")
}

// parse makes a cell of a decoded JSON value or of a Go value. nil is an empty cell.
func (c Column) parse(v any) (cell, error) {
	switch x := v.(type) {
	case nil:
		return cell{}, nil
	case int, int32, int64, float64:
		v = json.Number(fmt.Sprint(x))
	case time.Time:
		v = x.UTC().Format(time.RFC3339)
		if c.Type == Date {
			v = x.UTC().Format(time.DateOnly)
		}
	}
	if number, ok := v.(json.Number); ok {
		return c.parseNumber(string(number))
	}
	if b, ok := v.(bool); ok && c.Type == Boolean {
		n := int64(0)
		if b {
			n = 1
		}
		return cell{set: true, n: n}, nil
	}
	if s, ok := v.(string); ok {
		return c.parseText(s)
	}
	return cell{}, errKind
}

func (c Column) parseNumber(s string) (cell, error) {
	switch c.Type {
	case Decimal, Money:
		if !isDecimal(s) {
			return cell{}, errKind
		}
		return cell{set: true, b: []byte(s)}, nil
	case Double:
		f, err := strconv.ParseFloat(s, 64)
		return cell{set: true, n: int64(math.Float64bits(f))}, err
	case Integer, Picklist, State, Status, BigInt:
		n, err := strconv.ParseInt(s, 10, 64)
		if err == nil && c.hasOptions() && c.label(n) == "" {
			return cell{}, fmt.Errorf("the value %d of '%s' is outside the valid range", n, c.Name)
		}
		return cell{set: true, n: n}, err
	}
	return cell{}, errKind
}

func (c Column) parseText(s string) (cell, error) {
	switch c.Type {
	case String, Memo:
		if utf8.RuneCountInString(s) > c.MaxLength {
			return cell{}, errTooLong
		}
		return cell{set: true, b: []byte(s)}, nil
	case MultiSelect:
		for _, part := range strings.Split(s, ",") {
			n, err := strconv.ParseInt(strings.TrimSpace(part), 10, 64)
			if err != nil || c.label(n) == "" {
				return cell{}, errKind
			}
		}
		return cell{set: true, b: []byte(s)}, nil
	case DateTime:
		at, err := time.Parse(time.RFC3339, s)
		return cell{set: true, n: at.Unix()}, err
	case Date:
		at, err := time.Parse(time.DateOnly, s)
		return cell{set: true, n: at.Unix() / day}, err
	}
	if c.storage() == asGUID {
		g, err := parseGUID(s)
		return cell{set: true, b: g[:]}, err
	}
	return cell{}, errKind
}

var errTooLong = errors.New("the text is longer than the column")

func (c Column) label(n int64) string {
	for _, o := range c.Options {
		if int64(o.Value) == n {
			return o.Label
		}
	}
	return ""
}

// pack makes the stored form of a row's cells: only what is set, one after the other.
func pack(columns []Column, cells []cell) []byte {
	var out []byte
	for i, c := range cells {
		if !c.set {
			continue
		}
		out = binary.AppendUvarint(out, uint64(i))
		if columns[i].storage() != asText {
			out = binary.AppendVarint(out, c.n)
		}
		if columns[i].storage() == asText {
			out = binary.AppendUvarint(out, uint64(len(c.b)))
		}
		out = append(out, c.b...)
	}
	return out
}

// unpack fills cells, which has one place a column, from the stored form. The cells share its memory.
func unpack(columns []Column, packed []byte, cells []cell) {
	clear(cells)
	for len(packed) > 0 {
		i, n := binary.Uvarint(packed)
		packed = packed[n:]
		c := cell{set: true}
		length := 0
		switch columns[i].storage() {
		case asText:
			size, n := binary.Uvarint(packed)
			packed, length = packed[n:], int(size)
		case asNumber:
			c.n, n = binary.Varint(packed)
			packed = packed[n:]
		case asGUID:
			c.n, n = binary.Varint(packed)
			packed, length = packed[n:], len(guid{})
		}
		c.b, packed = packed[:length:length], packed[length:]
		cells[i] = c
	}
}

// appendJSON writes a cell as the Web API does.
func (c Column) appendJSON(out []byte, v cell) []byte {
	if !v.set {
		return append(out, "null"...)
	}
	switch c.Type {
	case String, Memo, MultiSelect:
		return appendString(out, v.b)
	case Decimal, Money:
		return append(out, v.b...)
	case Double:
		return strconv.AppendFloat(out, math.Float64frombits(uint64(v.n)), 'g', -1, 64)
	case Boolean:
		return strconv.AppendBool(out, v.n != 0)
	case DateTime:
		return append(append(append(out, '"'), time.Unix(v.n, 0).UTC().Format(time.RFC3339)...), '"')
	case Date:
		return append(append(append(out, '"'), time.Unix(v.n*day, 0).UTC().Format(time.DateOnly)...), '"')
	case Lookup, Customer, Owner, Uniqueidentifier:
		return append(append(append(out, '"'), guid(v.b).String()...), '"')
	}
	return strconv.AppendInt(out, v.n, 10)
}

// appendString quotes text, the plain case without the detour over encoding/json.
func appendString(out, s []byte) []byte {
	for _, b := range s {
		if b < ' ' || b > '~' || b == '"' || b == '\\' {
			quoted, _ := json.Marshal(string(s)) // a string always marshals
			return append(out, quoted...)
		}
	}
	return append(append(append(out, '"'), s...), '"')
}

// formatted is what the annotation FormattedValue says, empty where there is none.
func (c Column) formatted(v cell) string {
	if !v.set {
		return ""
	}
	switch c.Type {
	case Picklist, State, Status, Boolean:
		return c.label(v.n)
	case MultiSelect:
		var labels []string
		for _, part := range strings.Split(string(v.b), ",") {
			n, _ := strconv.ParseInt(strings.TrimSpace(part), 10, 64)
			labels = append(labels, c.label(n))
		}
		return strings.Join(labels, "; ")
	case DateTime:
		return time.Unix(v.n, 0).UTC().Format("1/2/2006 3:04 PM")
	case Date:
		return time.Unix(v.n*day, 0).UTC().Format("1/2/2006")
	case Integer, BigInt:
		return grouped(strconv.FormatInt(v.n, 10))
	case Decimal:
		return grouped(string(v.b))
	case Money:
		return "$" + grouped(string(v.b))
	}
	return ""
}

// grouped puts commas between thousands.
func grouped(s string) string {
	whole, rest, dot := strings.Cut(s, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if dot {
		rest = "." + rest
	}
	return sign + whole + rest
}
