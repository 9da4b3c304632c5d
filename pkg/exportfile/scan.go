package exportfile

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

// MaxLine is the most bytes that one record of a file may have, line breaks inside quotes included.
const MaxLine = 64 << 10

// Faults of a line. They complete "line 7: ...".
var (
	errLong  = fmt.Errorf("is longer than %d bytes", MaxLine)
	errOpen  = errors.New("opens a quote that is not closed")
	errQuote = errors.New("has a quote in the wrong place; inside quotes it must be doubled")
)

// row is one record of a file, or one line that is none.
type row struct {
	cells []string
	// fault says why there are no cells.
	fault error
	// line is the number of its first line, from 1, and lines how many line breaks it spans.
	line, lines int
	// cut is true when the file ends in it without a line break: more of it may follow.
	cut bool

	size int  // in bytes, unless long
	long bool // not all of it was looked at
}

// blank reports whether there is nothing on the line.
func (r row) blank() bool { return r.fault == nil && len(r.cells) == 0 }

// scanner takes a file apart. It looks at one record ahead, within MaxLine bytes, so that a quote that somebody forgot
// costs the line it stands on and not the rest of the file.
type scanner struct {
	in        *bufio.Reader
	coding    coding
	delimiter rune

	offset int64 // of the next record
	line   int   // its number
	sum    hash.Hash
}

// readAhead is how much is asked of the server at once: a round trip brings many packets.
const readAhead = 16 * MaxLine

func newScanner(in io.Reader, f format) *scanner {
	return &scanner{in: bufio.NewReaderSize(in, readAhead), coding: f.coding, delimiter: f.delimiter, line: 1, sum: sha256.New()}
}

// digest is the hash of everything before the next record.
func (s *scanner) digest() string { return hex.EncodeToString(s.sum.Sum(nil)[:16]) }

// skip goes over bytes, and over the line breaks in them.
func (s *scanner) skip(n int64, lines int) error {
	for n > 0 {
		window, err := s.in.Peek(int(min(n, MaxLine)))
		if len(window) == 0 {
			return err
		}
		s.sum.Write(window)
		s.offset += int64(len(window))
		n -= int64(len(window))
		if _, err := s.in.Discard(len(window)); err != nil {
			return err
		}
	}
	s.line += lines
	return nil
}

// mark takes a byte order mark off the beginning, and names the encoding that one of another shows.
func (s *scanner) mark() (foreign string, err error) {
	begin, err := s.in.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if own := s.coding.mark; len(own) > 0 && bytes.HasPrefix(begin, own) {
		return "", s.skip(int64(len(own)), 0)
	}
	return s.coding.foreign(begin), nil
}

// peek looks at the next record without taking it; io.EOF behind the last. Looking again brings the same.
func (s *scanner) peek() (row, error) {
	window, err := s.in.Peek(MaxLine)
	if err != nil && !errors.Is(err, io.EOF) {
		return row{}, err
	}
	if len(window) == 0 {
		return row{}, io.EOF
	}
	r, reach := s.record(window)
	r.line = s.line
	r.cut = len(window) < MaxLine && reach == len(window) && !s.endsWhole(window)
	return r, nil
}

// record finds the lines that make a record: as many as it takes to close every quote. When they make none, the first is
// to blame, and the others are looked at for themselves. It also says how far it had to look.
func (s *scanner) record(window []byte) (r row, reach int) {
	first := s.coding.breakAt(window)
	if first == 0 && len(window) == MaxLine {
		return row{long: true, fault: errLong}, MaxLine
	}
	if first == 0 {
		return s.parse(window), len(window)
	}
	end, lines := first, 1
	for open := s.odd(window[:first]); open; {
		next, breaks := s.coding.breakAt(window[end:]), 1
		if next == 0 { // the rest, which breaks off
			next, breaks = len(window)-end, 0
		}
		if next == 0 || end+next == MaxLine && breaks == 0 {
			return row{size: first, lines: 1, fault: errOpen}, len(window)
		}
		if s.odd(window[end : end+next]) {
			open = false
		}
		end, lines = end+next, lines+breaks
	}
	r = s.parse(window[:end])
	r.lines = lines
	if r.fault != nil {
		r.size, r.lines = first, 1
	}
	return r, end
}

// endsWhole reports whether the last line has its line break.
func (s *scanner) endsWhole(window []byte) bool {
	if s.coding.wide {
		return bytes.HasSuffix(window, []byte("\n\x00"))
	}
	return bytes.HasSuffix(window, []byte("\n"))
}

// odd reports whether b opens or closes a quote.
func (s *scanner) odd(b []byte) bool {
	if !s.coding.wide {
		return bytes.Count(b, []byte{'"'})%2 != 0
	}
	n := 0
	for i := 0; i+1 < len(b); i += 2 {
		if b[i] == '"' && b[i+1] == 0 {
			n++
		}
	}
	return n%2 != 0
}

// parse makes cells of the bytes of one record.
func (s *scanner) parse(raw []byte) row {
	r := row{size: len(raw)}
	text, err := s.coding.decode(raw)
	if err != nil {
		r.fault = err
		return r
	}
	bare := strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	switch {
	case bare == "":
	case !strings.Contains(bare, `"`):
		r.cells = strings.Split(bare, string(s.delimiter))
	default:
		in := csv.NewReader(strings.NewReader(text))
		in.Comma, in.FieldsPerRecord = s.delimiter, -1
		if r.cells, err = in.Read(); err != nil || in.InputOffset() != int64(len(text)) {
			r.cells, r.fault = nil, errQuote
		}
	}
	return r
}

// take goes behind a row that peek showed.
func (s *scanner) take(r row) error {
	if !r.long {
		return s.skip(int64(r.size), r.lines)
	}
	for {
		window, err := s.in.Peek(MaxLine)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if end := s.coding.breakAt(window); end > 0 {
			return s.skip(int64(end), 1)
		}
		if len(window) < MaxLine {
			return s.skip(int64(len(window)), 0)
		}
		if err := s.skip(int64(len(window)), 0); err != nil {
			return err
		}
	}
}
