package exportfile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// retryUnreadable is how often a file that the server does not give is asked for again: its permissions may change
// without the file changing.
const retryUnreadable = time.Minute

// begin opens a file that stands still, finds where to read on, and reads a page.
func (s *Source) begin(ctx context.Context, at position, m mark, e entry, now time.Time) (record.Page, verdict, error) {
	double, err := s.double(ctx, at, m, e)
	if err != nil {
		return s.unreadable(e, now, err)
	}
	if double.Name != "" {
		s.notice(fmt.Sprintf("%s holds the same as %s, which was read: it is not read again", e.name, double.Name))
		double.Name, double.Modified, double.Gone = e.name, e.modified, time.Time{}
		return s.marked(at, double, now)
	}
	r, err := s.enter(ctx, m, e)
	if err != nil {
		return s.unreadable(e, now, err)
	}
	switch {
	case r.foreign != "":
		return s.hold(e, "its first bytes say that it is "+r.foreign+"; set the encoding to what it is")
	case r.brief && s.watch.rested(e.name, now) < s.cfg.Patience:
		return s.await(e, now)
	case r.empty && r.mark.read():
		s.notice(e.name + " is empty")
		return s.marked(at, r.mark, now)
	case r.empty: // it has become shorter
		s.again(e.name)
		return record.Page{}, verdict{blocks: true}, nil
	case r.refused != nil:
		return s.hold(e, r.refused.Error())
	case r.replaced:
		s.notice(e.name + " was replaced by another file of its name: it is read from its beginning")
	case m.Size > 0 && m.read() && r.mark.Offset < e.size:
		s.notice(fmt.Sprintf("%s grew after it was read: it is read on from line %d", e.name, r.mark.Lines+1))
	}
	s.open = r.reading
	if m.read() || r.replaced {
		at.Fresh = now.UTC()
	}
	page, err := s.turn(ctx, at.with(r.mark), now)
	return page, verdict{taken: true}, err
}

// marked is a page without records that says how far a file was read.
func (s *Source) marked(at position, m mark, now time.Time) (record.Page, verdict, error) {
	s.leave()
	at.Fresh = now.UTC()
	next, err := at.with(m).encode()
	s.goOn = true
	return record.Page{Next: next, More: true}, verdict{taken: true}, err
}

// hold leaves a file alone until it changes.
func (s *Source) hold(e entry, why string) (record.Page, verdict, error) {
	s.leave()
	h := hold{entry: e, why: e.name + " cannot be read: " + why + "; those behind it are read"}
	s.held[e.name] = h
	return record.Page{}, verdict{trouble: h.why}, nil
}

// await leaves a file alone that seems not to be finished, until its patience is over.
func (s *Source) await(e entry, now time.Time) (record.Page, verdict, error) {
	s.leave()
	until := now.Add(s.cfg.Patience - s.watch.rested(e.name, now))
	h := hold{entry: e, until: until, blocks: true,
		why: fmt.Sprintf("%s breaks off without a line break: waiting for the rest of it until %s", e.name, until.UTC().Format(time.RFC3339))}
	s.held[e.name] = h
	return record.Page{}, verdict{blocks: true, trouble: h.why}, nil
}

// again leaves a file alone until it has stood still once more.
func (s *Source) again(name string) {
	s.leave()
	delete(s.watch, name)
}

// unreadable judges an error of opening or reading: a file that vanished is no trouble, one that the server does not give
// is left alone for a while, and anything else is of the connection.
func (s *Source) unreadable(e entry, now time.Time, err error) (record.Page, verdict, error) {
	s.leave()
	switch {
	case fault.Is(err, fault.NotFound):
		return record.Page{}, verdict{}, nil
	case fault.Is(err, fault.Rejected):
		h := hold{entry: e, until: now.Add(retryUnreadable), why: fault.Message(err) + "; those behind it are read"}
		s.held[e.name] = h
		return record.Page{}, verdict{trouble: h.why}, nil
	}
	return record.Page{}, verdict{}, err
}

// double finds a file that was read, under another name, and holds the same as e, of which nothing was read. Where values
// have no times of their own there is none: then a file says something new by coming.
func (s *Source) double(ctx context.Context, at position, m mark, e entry) (mark, error) {
	if m.Offset > 0 || !s.format.timed() {
		return mark{}, nil
	}
	sum := ""
	for _, other := range at.Files {
		if other.Name == e.name || !other.read() || other.Rows == 0 || other.Size != e.size {
			continue
		}
		if sum == "" {
			var err error
			if sum, err = s.hash(ctx, e); err != nil {
				return mark{}, err
			}
		}
		if other.Sum == sum {
			return other, nil
		}
	}
	return mark{}, nil
}

// hash is the hash of a whole file.
func (s *Source) hash(ctx context.Context, e entry) (string, error) {
	file, err := s.folder.open(ctx, e.name)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	buffer := make([]byte, readAhead)
	err = s.folder.reading(ctx, e.name, func() error {
		_, err := io.CopyBuffer(sum, onlyReader{io.LimitReader(file, e.size)}, buffer)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil)[:16]), err
}

// onlyReader hides other methods, so that a copy reads in large pieces.
type onlyReader struct{ io.Reader }

// entered is a file that was opened, at the place to read on from.
type entered struct {
	*reading
	foreign string // it is of this other encoding
	refused error  // its first line cannot be used
	brief   bool   // it breaks off in its first line, or before
	empty   bool   // there is nothing in it
	// replaced: it is not the file of which a part was read.
	replaced bool
}

// enter opens a file, reads its first line, and goes to where m says, when what stands before it is what was read. The
// caller must leave when it does not want to go on.
func (s *Source) enter(ctx context.Context, m mark, e entry) (entered, error) {
	for _, from := range []mark{m, {Name: e.name}} {
		file, err := s.folder.open(ctx, e.name)
		if err != nil {
			return entered{}, err
		}
		r := entered{reading: &reading{file: file, scanner: newScanner(io.LimitReader(file, e.size), s.format)}}
		same := true
		err = s.folder.reading(ctx, e.name, func() error {
			var err error
			if err = s.first(&r); err == nil && r.refused == nil && r.foreign == "" {
				same, err = r.resume(from, e)
			}
			return err
		})
		if err != nil {
			_ = file.Close()
			return entered{}, err
		}
		if same {
			s.open = r.reading
			r.mark = mark{Name: e.name, Size: e.size, Modified: e.modified, Offset: r.scanner.offset, Lines: r.scanner.line - 1, Rows: from.Rows, Sum: r.scanner.digest()}
			r.replaced = from != m
			return r, nil
		}
		_ = file.Close()
	}
	return entered{}, fault.New(fault.Transient, e.name+" changes while it is opened")
}

// first reads the first line.
func (s *Source) first(r *entered) error {
	foreign, err := r.scanner.mark()
	if r.foreign = foreign; foreign != "" || err != nil {
		return err
	}
	for {
		header, err := r.scanner.peek()
		if errors.Is(err, io.EOF) {
			r.empty, r.brief = true, true
			return nil
		}
		if err != nil {
			return err
		}
		r.brief = header.cut
		if !header.blank() {
			r.refused = header.fault
			if r.refused == nil {
				r.columns, r.refused = s.format.newColumns(header.cells)
			} else {
				r.refused = fmt.Errorf("its first line %w", header.fault)
			}
		}
		if r.refused != nil {
			return nil
		}
		if err := r.scanner.take(header); err != nil || !header.blank() {
			return err
		}
	}
}
