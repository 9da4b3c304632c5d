package exportfile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// moment reads times of one form.
type moment struct {
	unit   time.Duration // of a count since 1970; 0 for a layout
	layout string
	// like shows the form in messages.
	like string
}

// newMoment understands Format.TimeFormat. The error completes "the time format ...".
func newMoment(text string) (moment, error) {
	switch strings.ToLower(text) {
	case "campaign", "2006-01-02 15:04:05.000z":
		return moment{layout: "2006-01-02 15:04:05Z", like: "2019-09-25 23:20:35.000Z"}, nil
	case "rfc3339", "iso8601":
		return moment{layout: time.RFC3339, like: "2019-09-25T23:20:35Z"}, nil
	case "unix":
		return moment{unit: time.Second, like: "seconds since 1970"}, nil
	case "unix-ms":
		return moment{unit: time.Millisecond, like: "milliseconds since 1970"}, nil
	}
	layout := strings.NewReplacer("YYYY", "2006", "MM", "01", "DD", "02", "hh", "15", "HH", "15", "mm", "04", "ss.SSS", "05", "ss", "05", "Z", "Z07:00").Replace(text)
	m := moment{layout: layout, like: text}
	// A layout that does not bring a time back would read nonsense.
	sample := time.Date(2019, 9, 25, 23, 20, 35, 0, time.UTC)
	if back, err := time.Parse(layout, sample.Format(layout)); err != nil || !back.Equal(sample) {
		return m, fmt.Errorf("%.40q must be campaign, rfc3339, unix, unix-ms, or a pattern of YYYY, MM, DD, hh, mm, ss and Z", text)
	}
	return m, nil
}

var errMoment = errors.New("not a time of the form")

// parse reads a time. Fractions of a second may stand behind the seconds.
func (m moment) parse(text string) (time.Time, error) {
	if m.unit == 0 {
		t, err := time.ParseInLocation(m.layout, text, time.UTC)
		return t.UTC(), err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > int64(time.Duration(1<<62)/m.unit) {
		return time.Time{}, errMoment
	}
	return time.Unix(0, 0).UTC().Add(time.Duration(n) * m.unit), nil
}
