package timeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// Verdict is what is to be done with an event.
type Verdict int

// The verdicts.
const (
	// Malformed: the error says why.
	Malformed Verdict = iota
	// Known: the event is one of the four kinds and can become an activity.
	Known
	// UnknownType: nobody asked for events of this type. Only the type was looked at.
	UnknownType
	// SoftBounce: a bounce that is not a hard one. Only type and bounce kind were looked at.
	SoftBounce
)

// String names the verdict for logs.
func (v Verdict) String() string {
	return [...]string{"malformed", "known", "unknown type", "soft bounce"}[v]
}

// Decoder reads events as the settings say where they hold what. It is safe for concurrent use.
type Decoder struct {
	kind, id, at, contact, bounce path
	optional                      []place
	kinds                         map[string]string // type as in the journal to kind
	hard                          []string
}

// path is where something stands, from the outside inwards.
type path []string

func (p path) String() string { return strings.Join(p, ".") }

// place is where a text stands that an event may hold, and what it becomes.
type place struct {
	path path
	into func(*Event) *string
}

func parsePath(text string) path {
	if text == "" {
		return nil
	}
	return strings.Split(text, ".")
}

// NewDecoder makes a decoder. Settings that leave open what an event is are fault.Fatal; a stored configuration was
// checked for that already.
func NewDecoder(f config.EventFormat) (*Decoder, error) {
	d := &Decoder{
		kind: parsePath(f.Type), id: parsePath(f.ID), at: parsePath(f.Time), contact: parsePath(f.Contact), bounce: parsePath(f.BounceKind),
		kinds: map[string]string{}, hard: slices.Clone(f.HardBounce),
	}
	for _, needed := range []struct {
		name string
		path path
	}{{"type", d.kind}, {"id", d.id}, {"time", d.at}, {"contact", d.contact}} {
		if needed.path == nil {
			return nil, fault.New(fault.Fatal, "the format of events does not say where the "+needed.name+" stands; set eventFormat."+needed.name)
		}
	}
	for _, called := range []struct {
		kind   string
		values []string
	}{{Send, f.Types.Send}, {Open, f.Types.Open}, {Click, f.Types.Click}, {Bounce, f.Types.Bounce}} {
		for _, value := range called.values {
			if other, taken := d.kinds[value]; taken && other != called.kind {
				return nil, fault.New(fault.Fatal, fmt.Sprintf("the format of events calls %ss and %ss by the same type; list each in one of eventFormat.types", other, called.kind))
			}
			d.kinds[value] = called.kind
		}
	}
	for _, text := range []struct {
		path string
		into func(*Event) *string
	}{
		{f.Campaign, func(e *Event) *string { return &e.Campaign }},
		{f.Delivery, func(e *Event) *string { return &e.Delivery }},
		{f.MirrorPage, func(e *Event) *string { return &e.MirrorPage }},
		{f.ClickedURL, func(e *Event) *string { return &e.ClickedURL }},
	} {
		if text.path != "" {
			d.optional = append(d.optional, place{parsePath(text.path), text.into})
		}
	}
	return d, nil
}

// Decode reads an event. The error, fault.Rejected, comes with Malformed only. An event that is not Known holds its id,
// where it has one that can be read, and nothing else that may be relied on.
func (d *Decoder) Decode(body json.RawMessage) (Event, Verdict, error) {
	var e Event
	root, err := object(body)
	if err != nil {
		return e, Malformed, err
	}
	e.ID, _ = d.id.text(root) // fill says what is wrong with it
	said, err := d.kind.needed(root)
	if err != nil {
		return e, Malformed, err
	}
	kind, known := d.kinds[said]
	if !known {
		return e, UnknownType, nil
	}
	e.Kind = kind
	if kind == Bounce && d.bounce != nil {
		how, err := d.bounce.text(root)
		if err != nil {
			return e, Malformed, err
		}
		if !slices.Contains(d.hard, how) {
			return e, SoftBounce, nil
		}
	}
	if err := d.fill(&e, root); err != nil {
		return e, Malformed, err
	}
	return e, Known, nil
}

// fill reads everything but the kind.
func (d *Decoder) fill(e *Event, root map[string]any) (err error) {
	if e.ID, err = d.id.needed(root); err != nil {
		return err
	}
	contact, err := d.contact.needed(root)
	if err != nil {
		return err
	}
	var ok bool
	if e.Contact, ok = guid(contact); !ok {
		return malformed("%s is no GUID of a contact", d.contact)
	}
	at, err := d.at.needed(root)
	if err != nil {
		return err
	}
	if e.At, err = time.Parse(time.RFC3339, at); err != nil || e.At.UTC().Year() < firstYear || e.At.UTC().Year() > lastYear {
		return malformed("%s is no time in RFC 3339 that Dynamics takes", d.at)
	}
	e.At = e.At.UTC()
	for _, p := range d.optional {
		text, err := p.path.text(root)
		if err != nil {
			return err
		}
		*p.into(e) = text
	}
	if e.Kind != Click {
		e.ClickedURL = ""
	}
	return nil
}

// The years of Dataverse's dates.
const firstYear, lastYear = 1753, 9999

func malformed(format string, args ...any) error {
	return fault.New(fault.Rejected, "the event cannot be read: "+fmt.Sprintf(format, args...)+"; check eventFormat against the events of the journal")
}

// object decodes the event.
func object(body json.RawMessage) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var root any
	if err := dec.Decode(&root); err != nil {
		return nil, malformed("it is not JSON") // the cause quotes the event (invariant 9)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed("there is text behind it")
	}
	fields, ok := root.(map[string]any)
	if !ok {
		return nil, malformed("it is %s and no object", typeOf(root))
	}
	return fields, nil
}

// needed is the text at a place that every event has.
func (p path) needed(root map[string]any) (string, error) {
	text, err := p.text(root)
	if err == nil && text == "" {
		err = malformed("%s is missing", p)
	}
	return text, err
}

// text is the text at a place, empty where there is none. A number is the text of its digits.
func (p path) text(root map[string]any) (string, error) {
	var value any = root
	for i, name := range p {
		within, ok := value.(map[string]any)
		switch {
		case value == nil:
			return "", nil
		case !ok:
			return "", malformed("%s is %s and no object", p[:i], typeOf(value))
		}
		value = within[name]
	}
	switch value := value.(type) {
	case nil:
		return "", nil
	case string:
		return value, nil
	case json.Number:
		return value.String(), nil
	}
	return "", malformed("%s is %s and no text", p, typeOf(value))
}

func typeOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "a text"
	case json.Number:
		return "a number"
	case bool:
		return "a Boolean"
	case []any:
		return "a list"
	}
	return "an object"
}

// guid is the canonical form of a GUID that may have braces and capitals.
func guid(text string) (string, bool) {
	if inner, ok := strings.CutPrefix(text, "{"); ok {
		text = strings.TrimSuffix(inner, "}")
	}
	if len(text) != 36 {
		return "", false
	}
	for i := range len(text) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if c := text[i]; dash != (c == '-') || !dash && !isHex(c) {
			return "", false
		}
	}
	return strings.ToLower(text), true
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

func withoutDashes(text string) string { return strings.ReplaceAll(text, "-", "") }
