package exportfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/causeway-sync/causeway/pkg/record"
)

// reading is a file that is open, between two pages.
type reading struct {
	file    io.ReadCloser
	scanner *scanner
	columns columns
	// mark is how far it was read.
	mark mark
}

// stands reports whether a position is where the reading stands.
func (r *reading) stands(at position) bool {
	m, found := at.find(r.mark.Name)
	same := m.Modified.Equal(r.mark.Modified)
	m.Modified = r.mark.Modified
	return found && same && m == r.mark
}

// resume goes to where a file was read to, and reports whether what stands before it is what was read (a file of the same
// name may hold something else).
func (r *reading) resume(from mark, e entry) (same bool, err error) {
	switch ahead := from.Offset - r.scanner.offset; {
	case from.Offset == 0:
		return true, nil
	case ahead < 0 || from.Offset > e.size:
		return false, nil
	case ahead > 0:
		err := r.scanner.skip(ahead, from.Lines+1-r.scanner.line)
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return r.scanner.digest() == from.Sum, nil
}

// leave closes the file that is open.
func (s *Source) leave() {
	if s.open != nil {
		_ = s.open.file.Close() // it was only read
		s.open = nil
	}
}

// linesPerRecord bounds the lines that a page looks at, for files of blank lines.
const linesPerRecord = 100

// ending is why a page ends.
type ending int

const (
	full     ending = iota // there is more behind it
	whole                  // the file was read to its end
	breaksUp               // the file breaks off, and the rest may still come
	shrank                 // the file is shorter than it was
)

// turn reads the next page of the file that is open.
func (s *Source) turn(ctx context.Context, at position, now time.Time) (record.Page, error) {
	r := s.open
	var page record.Page
	var end ending
	var fatal error
	patient := s.watch.rested(r.mark.Name, now) < s.cfg.Patience
	rows := r.mark.Rows
	err := s.folder.reading(ctx, r.mark.Name, func() (err error) {
		for n := 0; n < s.cfg.Limit*linesPerRecord && len(page.Records) < s.cfg.Limit; n++ {
			row, err := r.scanner.peek()
			if errors.Is(err, io.EOF) {
				end = whole
				return nil
			}
			if err != nil {
				return err
			}
			if row.cut && patient {
				end = breaksUp
				return nil
			}
			if err := r.scanner.take(row); err != nil {
				return err
			}
			if row.blank() {
				continue
			}
			made, err := r.columns.record(r.mark.Name, row, now)
			if err != nil {
				fatal = err
				return nil
			}
			page.Records = append(page.Records, made)
			if row.cut {
				s.notice(fmt.Sprintf("%s ends without a line break; its last line, %d, was taken as it stands", r.mark.Name, row.line))
			}
		}
		return nil
	})
	if fatal != nil {
		return record.Page{}, fatal
	}
	if err != nil {
		return s.brokenOff(at, r.mark, err, now)
	}
	r.mark.Offset, r.mark.Lines, r.mark.Sum = r.scanner.offset, r.scanner.line-1, r.scanner.digest()
	r.mark.Rows = rows + len(page.Records)
	return s.close(at, page, end, now)
}

// brokenOff is the end of a page that could not be read. Its lines are read again.
func (s *Source) brokenOff(at position, m mark, err error, now time.Time) (record.Page, error) {
	_, v, err := s.unreadable(entry{m.Name, m.Size, m.Modified}, now, err)
	if err != nil {
		return record.Page{}, err
	}
	if v.trouble != "" {
		s.once(v.trouble)
	}
	next, err := at.encode()
	return record.Page{Next: next}, err
}

// close makes the position behind a page, and closes the file where there is no more of it.
func (s *Source) close(at position, page record.Page, end ending, now time.Time) (record.Page, error) {
	m := s.open.mark
	if end == whole && m.Offset < m.Size {
		end = shrank
	}
	switch end {
	case whole:
		if m.Rows == 0 {
			s.notice(m.Name + " holds no lines but the first")
		}
		s.leave()
		s.goOn = true
	case shrank:
		s.again(m.Name)
	case breaksUp:
		_, v, _ := s.await(entry{m.Name, m.Size, m.Modified}, now)
		s.once(v.trouble)
		s.setTroubles([]string{v.trouble})
	}
	next, err := at.with(m).encode()
	page.Next, page.More = next, end == full || end == whole
	return page, err
}
