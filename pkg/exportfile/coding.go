package exportfile

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// coding is how text stands in a file. All codings here keep no state between lines, so that a line can be decoded alone
// and its place in the file is known to the byte.
type coding struct {
	name string
	// text decodes a line; nil for UTF-8, which is checked only.
	text encoding.Encoding
	// wide has two bytes a unit, the low one first.
	wide bool
	// mark is the byte order mark that may stand before the first line.
	mark []byte
}

func codings() map[string]coding {
	return map[string]coding{
		"utf-8":        {name: "utf-8", mark: []byte("\xef\xbb\xbf")},
		"utf-16le":     {name: "utf-16le", text: unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), wide: true, mark: []byte("\xff\xfe")},
		"iso-8859-1":   {name: "iso-8859-1", text: charmap.ISO8859_1},
		"windows-1252": {name: "windows-1252", text: charmap.Windows1252},
	}
}

// Faults of the text itself. They complete "line 7: ...".
var (
	errText = errors.New("is not text of the configured encoding")
	errNUL  = errors.New("holds a NUL character; check the encoding")
)

// decode is a line as UTF-8.
func (c coding) decode(raw []byte) (string, error) {
	text := string(raw)
	switch {
	case c.wide && len(raw)%2 != 0:
		return "", errText
	case c.text != nil:
		decoded, err := c.text.NewDecoder().Bytes(raw)
		if err != nil {
			return "", errText
		}
		text = string(decoded)
	case !utf8.Valid(raw):
		return "", errText
	}
	if strings.ContainsRune(text, 0) {
		return "", errNUL
	}
	if c.text != nil && strings.ContainsRune(text, utf8.RuneError) {
		return "", errText
	}
	return text, nil
}

// foreign names the encoding that the first bytes of a file show, where it is another one.
func (c coding) foreign(begin []byte) string {
	for name, other := range codings() {
		if len(other.mark) > 0 && name != c.name && bytes.HasPrefix(begin, other.mark) {
			return name
		}
	}
	if bytes.HasPrefix(begin, []byte("\xfe\xff")) {
		return "utf-16 with the high byte first, which is not read"
	}
	return ""
}

// breakAt is where the first line break of b ends, counted from the begin of a unit; 0: there is none.
func (c coding) breakAt(b []byte) int {
	if !c.wide {
		return bytes.IndexByte(b, '\n') + 1
	}
	for i := 0; i+1 < len(b); i += 2 {
		if b[i] == '\n' && b[i+1] == 0 {
			return i + 2
		}
	}
	return 0
}
