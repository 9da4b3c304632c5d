package exportfile

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// Format describes the files. The zero value is completed with defaults; which values to read has none.
type Format struct {
	// Pattern is which files of the folder are read: a name with * and ?, "optout_*.csv" by default. Names that begin with
	// a dot are never read.
	Pattern string
	// Delimiter is one character between the columns, "," by default; "tab" is a tabulator.
	Delimiter string
	// Encoding is utf-8 (the default), utf-16le, iso-8859-1 or windows-1252.
	Encoding string
	// Key is the column of the records' key, "externalId" by default.
	Key string
	// Values are the columns by the Campaign field whose value they hold. An empty cell states nothing, unless True or
	// False names it.
	Values map[string]string
	// Times are the columns by the Campaign field whose change time they hold; fields may be absent. An empty cell states
	// nothing.
	Times map[string]string
	// TimeFormat is "campaign" (the default: 2006-01-02 15:04:05.000Z), "rfc3339", "unix", "unix-ms", or a pattern of
	// YYYY, MM, DD, hh, mm, ss and Z, such as "DD.MM.YYYY hh:mm:ss". A time without a zone is in UTC.
	TimeFormat string
	// True and False are the spellings of the values, whatever their case: "true", "1", "yes" and "false", "0", "no" by
	// default.
	True, False []string
}

func (f Format) withDefaults() Format {
	f.Pattern = cmp.Or(f.Pattern, "optout_*.csv")
	f.Delimiter = cmp.Or(f.Delimiter, ",")
	f.Encoding = cmp.Or(strings.ToLower(f.Encoding), "utf-8")
	f.Key = cmp.Or(f.Key, "externalId")
	f.TimeFormat = cmp.Or(f.TimeFormat, "campaign")
	if len(f.True) == 0 {
		f.True = []string{"true", "1", "yes"}
	}
	if len(f.False) == 0 {
		f.False = []string{"false", "0", "no"}
	}
	f.Values, f.Times = maps.Clone(f.Values), maps.Clone(f.Times)
	return f
}

// format is a Format that can be read with.
type format struct {
	Format
	delimiter rune
	coding    coding
	moment    moment
	words     map[string]bool
	fields    []string // of Values, sorted
}

// compile completes a Format, and reports everything that is wrong with it.
func (f Format) compile() (format, []error) {
	f = f.withDefaults()
	c := format{Format: f, fields: slices.Sorted(maps.Keys(f.Values)), words: map[string]bool{}}
	var findings []error
	bad := func(text string, about ...any) {
		findings = append(findings, fault.New(fault.Fatal, "the format of the export files: "+fmt.Sprintf(text, about...)))
	}
	if _, err := path.Match(f.Pattern, ""); err != nil || strings.Contains(f.Pattern, "/") {
		bad("the pattern %.40q must be the name of files, with * and ?, without a folder", f.Pattern)
	}
	var ok bool
	if c.delimiter, ok = delimiter(f.Delimiter); !ok {
		bad("the delimiter %.10q must be one character other than a quote or a line break, or \"tab\"", f.Delimiter)
	}
	if c.coding, ok = codings()[f.Encoding]; !ok {
		bad("the encoding %.20q must be utf-8, utf-16le, iso-8859-1 or windows-1252", f.Encoding)
	}
	var err error
	if c.moment, err = newMoment(f.TimeFormat); err != nil {
		bad("the time format %v", err)
	}
	if len(f.Values) == 0 {
		bad("no column with a value is named")
	}
	for field, column := range f.Times {
		if f.Values[field] == "" {
			bad("the column %.40q holds the time of %s, and no column its value", column, field)
		}
	}
	for field, column := range f.Values {
		if column == "" || column == f.Key {
			bad("%s needs a column of its own", field)
		}
	}
	for value, words := range map[bool][]string{true: f.True, false: f.False} {
		for _, word := range words {
			word = folded(word)
			if before, twice := c.words[word]; twice && before != value {
				bad("%.20q stands for both true and false", word)
			}
			c.words[word] = value
		}
	}
	slices.SortFunc(findings, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return c, findings
}

// timed reports whether every value has a time of its own: then the content of a file says the same whenever it comes.
func (f format) timed() bool {
	for field := range f.Values {
		if f.Times[field] == "" {
			return false
		}
	}
	return true
}

// delimiter is the character of a setting.
func delimiter(text string) (rune, bool) {
	if text == "tab" || text == `\t` {
		return '\t', true
	}
	runes := []rune(text)
	if len(runes) != 1 || strings.ContainsRune("\"\r\n\x00\ufeff\ufffd", runes[0]) {
		return 0, false
	}
	return runes[0], true
}

func folded(word string) string { return strings.ToLower(strings.TrimSpace(word)) }
