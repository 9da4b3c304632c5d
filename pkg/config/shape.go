package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// parse reads one JSON value and nothing behind it.
func parse(data []byte) (any, Faults) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return nil, Faults{syntaxFault(data, err)}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, Faults{{Problem: "there is text after the document", Fix: "send one JSON object"}}
	}
	if faults := twice(data); len(faults) > 0 {
		return nil, faults
	}
	return value, nil
}

// twice finds the settings that stand in a document more than once: which of them was meant, nobody knows.
func twice(data []byte) Faults {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var faults Faults
	var members func(path string)
	members = func(path string) {
		token, err := dec.Token()
		if err != nil { // Cannot happen: the document was read already.
			return
		}
		switch token {
		case json.Delim('['):
			for i := 0; dec.More(); i++ {
				members(fmt.Sprintf("%s[%d]", path, i))
			}
		case json.Delim('{'):
			seen := map[string]bool{}
			for dec.More() {
				key, err := dec.Token()
				name, ok := key.(string)
				if err != nil || !ok {
					return
				}
				place := joinPath(path, label(name))
				if seen[name] {
					faults.add(place, "this setting stands here twice", "remove one of them")
				}
				seen[name] = true
				members(place)
			}
		default:
			return
		}
		_, _ = dec.Token() // The closing bracket.
	}
	members("")
	return faults
}

func syntaxFault(data []byte, err error) Fault {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && syntax.Offset <= int64(len(data)) {
		before := data[:max(syntax.Offset-1, 0)]
		line := bytes.Count(before, []byte("\n")) + 1
		column := len(before) - (bytes.LastIndexByte(before, '\n') + 1) + 1
		return Fault{Problem: fmt.Sprintf("the document is not JSON at line %d, column %d", line, column), Fix: "check commas, quotes and brackets there"}
	}
	return Fault{Problem: "the document ends too early", Fix: "send one whole JSON object"}
}

// checkShape compares a JSON value with the Go type that it is to fill: every setting that does not exist and every
// value of the wrong kind is a fault with its place. Documents consist of objects, named values, lists, texts, whole numbers and yes-or-no
// values.
func checkShape(faults *Faults, path string, value any, t reflect.Type) {
	switch t.Kind() {
	case reflect.Struct:
		object, ok := value.(map[string]any)
		if !ok {
			wrongKind(faults, path, value, "an object")
			return
		}
		fields := fieldsOf(t)
		for _, name := range slices.Sorted(maps.Keys(object)) {
			field, known := fields[name]
			if !known {
				faults.add(joinPath(path, label(name)), "there is no such setting", "remove it or correct its name")
				continue
			}
			checkShape(faults, joinPath(path, name), object[name], field)
		}
	case reflect.Slice:
		list, ok := value.([]any)
		if !ok && value != nil {
			wrongKind(faults, path, value, "a list")
		}
		for i, member := range list {
			checkShape(faults, fmt.Sprintf("%s[%d]", path, i), member, t.Elem())
		}
	case reflect.Map:
		object, ok := value.(map[string]any)
		if !ok && value != nil {
			wrongKind(faults, path, value, "an object")
		}
		for _, name := range slices.Sorted(maps.Keys(object)) {
			checkShape(faults, joinPath(path, label(name)), object[name], t.Elem())
		}
	case reflect.Bool:
		if _, ok := value.(bool); !ok {
			wrongKind(faults, path, value, "true or false")
		}
	case reflect.Int:
		number, ok := value.(json.Number)
		if _, err := strconv.ParseInt(string(number), 10, 32); !ok || err != nil {
			wrongKind(faults, path, value, "a whole number")
		}
	default:
		if _, ok := value.(string); !ok {
			wrongKind(faults, path, value, "a text")
		}
	}
}

// label is a name as it can stand in a path: whole when it looks like one, quoted and cut when it does not.
func label(name string) string {
	if fieldName.MatchString(name) {
		return name
	}
	return fmt.Sprintf("%.60q", name)
}

func wrongKind(faults *Faults, path string, value any, want string) {
	faults.add(path, kindOf(value)+" stands where "+want+" belongs", "give "+want)
}

func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "true or false"
	case string:
		return "a text"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	default:
		return "a number"
	}
}

// fieldsOf maps the JSON names of a struct's fields to their types.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := make(map[string]reflect.Type, t.NumField())
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		fields[name] = field.Type
	}
	return fields
}

// requireList adds a fault where a document does not say which list it means: a text that lacks its mappings is more
// likely a mistake than the wish to remove them all.
func requireList(faults *Faults, value any, name string) {
	if object, ok := value.(map[string]any); ok {
		if _, given := object[name]; !given {
			faults.add(name, "missing", "give the list; [] for an empty one")
		}
	}
}
