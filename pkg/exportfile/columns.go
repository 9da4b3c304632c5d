package exportfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// SourceName is the Source of every record.
const SourceName = "export"

// maxKey bounds a record's key, in bytes. Campaign's externalId has 100 characters.
const maxKey = 400

// Data is the Data of a record: what a line states. Either Broken or Values is there.
type Data struct {
	// Origin is "file:line".
	Origin string `json:"origin"`
	File   string `json:"file"`
	// Values by Campaign field; a field that the line says nothing of is absent.
	Values map[string]bool `json:"values,omitempty"`
	// Times are when the values were changed, in RFC 3339, for the fields of which the line says it.
	Times map[string]time.Time `json:"times,omitempty"`
	// Broken says why the line cannot be used: "column X: what was expected". It holds no value.
	Broken string `json:"broken,omitempty"`
}

// column is a cell that is read: what of which field stands where.
type column struct {
	field, name string
	at          int
}

// columns are the cells that are read from every line.
type columns struct {
	format format
	width  int
	key    int
	values []column
	times  []column
}

// newColumns finds the configured columns in a header. The error names those that are missing, and never what stands
// there instead: in a file without a header that would be somebody's data (invariant 9).
func (f format) newColumns(header []string) (columns, error) {
	c := columns{format: f, width: len(header)}
	var missing, twice []string
	find := func(name string) int {
		at := -1
		for i, cell := range header {
			if strings.TrimSpace(cell) != name {
				continue
			}
			if at >= 0 {
				twice = append(twice, name)
			}
			at = i
		}
		if at < 0 {
			missing = append(missing, name)
		}
		return at
	}
	c.key = find(f.Key)
	for _, field := range f.fields {
		c.values = append(c.values, column{field, f.Values[field], find(f.Values[field])})
	}
	for _, field := range f.fields {
		if name := f.Times[field]; name != "" {
			c.times = append(c.times, column{field, name, find(name)})
		}
	}
	switch {
	case len(missing) > 0:
		return c, fmt.Errorf("its first line lacks the columns %s; correct the export or the column names and the delimiter in the settings", strings.Join(missing, ", "))
	case len(twice) > 0:
		return c, fmt.Errorf("its first line has the columns %s twice; correct the export", strings.Join(twice, ", "))
	}
	return c, nil
}

// keyIsLast reports whether a line that is cut off may have lost a part of its key without looking like it.
func (c columns) keyIsLast() bool { return c.key == c.width-1 }

// record makes a record of a row. One that cannot be used has the place in the file for a key.
func (c columns) record(file string, r row, now time.Time) (record.Record, error) {
	origin := fmt.Sprintf("%s:%d", file, r.line)
	data := Data{Origin: origin, File: file}
	key, err := c.read(r, &data)
	if err != nil {
		key, data = origin, Data{Origin: origin, File: file, Broken: err.Error()}
	}
	text, err := json.Marshal(data)
	if err != nil {
		return record.Record{}, fault.Wrap(fault.Fatal, err, origin+" cannot be written as JSON")
	}
	return record.Record{Source: SourceName, Key: key, Op: record.Upsert, ReadAt: now, Data: text}, nil
}

// read puts the cells of a row into data. Its errors say what was expected and not what stands there.
func (c columns) read(r row, data *Data) (key string, err error) {
	switch {
	case r.fault != nil:
		return "", errors.New("the line " + r.fault.Error())
	case len(r.cells) != c.width && r.cut:
		return "", fmt.Errorf("the line is cut off: it has %d columns of %d, and the file ends there", len(r.cells), c.width)
	case len(r.cells) != c.width:
		return "", fmt.Errorf("the line has %d columns, the first line of the file has %d", len(r.cells), c.width)
	case r.cut && c.keyIsLast():
		return "", fmt.Errorf("the line is cut off: column %s may lack its end, and the file ends there", c.format.Key)
	}
	key = strings.TrimSpace(r.cells[c.key])
	if key == "" || len(key) > maxKey || strings.ContainsFunc(key, unicode.IsControl) {
		return "", fmt.Errorf("column %s: a key of 1 to %d bytes on one line is expected", c.format.Key, maxKey)
	}
	if data.Values, err = c.readValues(r.cells); err != nil {
		return "", err
	}
	data.Times, err = c.readTimes(r.cells)
	return key, err
}

func (c columns) readValues(cells []string) (map[string]bool, error) {
	values := make(map[string]bool, len(c.values))
	for _, col := range c.values {
		word := folded(cells[col.at])
		value, known := c.format.words[word]
		switch {
		case known:
			values[col.field] = value
		case word != "":
			return nil, fmt.Errorf("column %s: one of %s is expected", col.name, c.format.spellings())
		}
	}
	return values, nil
}

func (c columns) readTimes(cells []string) (map[string]time.Time, error) {
	times := make(map[string]time.Time, len(c.times))
	for _, col := range c.times {
		text := strings.TrimSpace(cells[col.at])
		if text == "" {
			continue
		}
		at, err := c.format.moment.parse(text)
		if err != nil {
			return nil, fmt.Errorf("column %s: a time like %s is expected", col.name, c.format.moment.like)
		}
		times[col.field] = at
	}
	return times, nil
}

// spellings are the words for true and false.
func (f format) spellings() string {
	return strings.Join(slices.Concat(f.True, f.False), ", ")
}
