package campaigntest

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// The forms of dates in bodies (ACS documentation, samples of profiles).
const (
	dateForm     = "2006-01-02"
	dateTimeForm = "2006-01-02 15:04:05.000Z"
)

// admit examines the fields of a POST or PATCH body and returns what is to be stored: set fields, and null for cleared
// ones.
func (s *Server) admit(d Resource, api string, body values) (values, *refusal) {
	kept := make(values, len(body))
	for name, raw := range body {
		if name == "PKey" || name == "href" {
			continue
		}
		f, known := d.field(name)
		if !known || f.Extended && api == Standard {
			return nil, s.unknownField(d, name)
		}
		if f.ReadOnly {
			return nil, s.readOnly(d, name)
		}
		stored, refused := s.admitValue(d, f, raw)
		if refused != nil {
			return nil, refused
		}
		kept[name] = stored
	}
	return kept, nil
}

func (s *Server) admitValue(d Resource, f Field, raw json.RawMessage) (json.RawMessage, *refusal) {
	if string(raw) == "null" {
		return raw, nil
	}
	switch f.Type {
	case Item:
		return s.admitItem(d, f, raw)
	case Link:
		return s.admitLink(f, raw)
	case Enum:
		if value := text(raw); raw[0] != '"' || !slices.Contains(f.Values, value) {
			return nil, s.badEnum(d, f.Name, unquoted(raw))
		}
	case String:
		if raw[0] != '"' {
			return nil, s.badValue(f.Name, f.Type, string(raw))
		}
		if f.Length > 0 && len(raw) > f.Length+2 && utf8.RuneCountInString(text(raw)) > f.Length {
			return nil, s.tooLong(f.Length)
		}
	default:
		if !fits(f.Type, raw) {
			return nil, s.badValue(f.Name, f.Type, unquoted(raw))
		}
	}
	return raw, nil
}

// fits tells whether raw is a plain value of the type.
func fits(kind FieldType, raw json.RawMessage) bool {
	var err error
	switch kind {
	case Integer:
		_, err = strconv.ParseInt(string(raw), 10, 64)
	case Float:
		_, err = strconv.ParseFloat(string(raw), 64)
	case Boolean:
		return string(raw) == "true" || string(raw) == "false"
	case Date:
		_, err = time.Parse(dateForm, text(raw))
	case DateTime:
		_, err = time.Parse(dateTimeForm, text(raw))
	}
	return err == nil
}

// admitItem takes an object of strings. Campaign v8 does not take one in a PATCH; it names a part.
func (s *Server) admitItem(d Resource, f Field, raw json.RawMessage) (json.RawMessage, *refusal) {
	var parts map[string]string
	if err := json.Unmarshal(raw, &parts); err != nil {
		return nil, s.badValue(f.Name, f.Type, string(raw))
	}
	for part := range parts {
		if s.opt.V8 || !slices.Contains(f.Parts, part) {
			return nil, s.unknownField(d, part)
		}
	}
	return raw, nil
}

// admitLink takes {"PKey":"..."} and stores the target's id. Anything else is ignored: the link stays empty (Campaign
// Standard), or refused (v8).
func (s *Server) admitLink(f Field, raw json.RawMessage) (json.RawMessage, *refusal) {
	target := s.tables()[f.Target]
	link := values{}
	if json.Unmarshal(raw, &link) != nil || link["PKey"] == nil || target == nil {
		if s.opt.V8 {
			return nil, engineFault(generic)
		}
		return json.RawMessage("null"), nil
	}
	id, ok := s.sealer.open(f.Target, text(link["PKey"]))
	if !ok {
		return nil, s.badPKey(target.def, "@"+text(link["PKey"]))
	}
	return strconv.AppendInt(nil, id, 10), nil
}

func unquoted(raw json.RawMessage) string {
	if raw[0] == '"' {
		return text(raw)
	}
	return string(raw)
}
