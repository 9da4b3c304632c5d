package exportfile

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// MaxLimit is how many records a page holds at most: with its position it is one atomic batch of the bus.
const MaxLimit = 998

// SourceConfig says what to read, and how patiently.
type SourceConfig struct {
	Format Format
	// Settle is how long a file's size and time must have stood still before it is read; default 10 s.
	Settle time.Duration
	// Patience is how long a file that does not stop growing, or breaks off in the middle of a line, holds back those
	// behind it; default 2 min, and never less than Settle.
	Patience time.Duration
	// LateAfter is how long no new file may come before that is said; default 26 h.
	LateAfter time.Duration
	// Every is the shortest time between two looks at the folder while there is nothing to read; default 5 s.
	Every time.Duration
	// Limit is how many records a page holds; 0 or more than MaxLimit means MaxLimit.
	Limit int
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

func (cfg SourceConfig) withDefaults() SourceConfig {
	cfg.Settle = cmp.Or(cfg.Settle, 10*time.Second)
	cfg.Patience = max(cmp.Or(cfg.Patience, 2*time.Minute), cfg.Settle)
	cfg.LateAfter = cmp.Or(cfg.LateAfter, 26*time.Hour)
	cfg.Every = cmp.Or(cfg.Every, 5*time.Second)
	if cfg.Limit <= 0 || cfg.Limit > MaxLimit {
		cfg.Limit = MaxLimit
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return cfg
}

// Source reads the files of a folder. One goroutine reads; Trouble may be asked by any.
type Source struct {
	folder   folder
	cfg      SourceConfig
	format   format
	unusable []error // of the format

	looked  time.Time // when the folder was last looked at; zero to look again at once
	shown   []entry   // what it showed then
	goOn    bool      // there may be more to read of it
	watch   watch
	held    map[string]hold
	open    *reading        // the file that is being read, nil between files
	text    record.Position // that was understood last
	at      position
	notices []string // of this Read
	said    map[string]bool

	mu       sync.Mutex
	troubles []string // guarded by mu
}

// Source makes a source and opens nothing.
func (c *Client) Source(cfg SourceConfig) *Source { return newSource(remoteFolder{c}, cfg) }

func newSource(f folder, cfg SourceConfig) *Source {
	cfg = cfg.withDefaults()
	s := &Source{folder: f, cfg: cfg, watch: watch{}, held: map[string]hold{}, said: map[string]bool{}}
	s.format, s.unusable = cfg.Format.compile()
	return s
}

// Read returns the page behind a position: records of one file, or none while there is nothing to read. It does not wait
// for files. A position can be read any number of times. Errors: fault.Fatal for a position or format that is not
// understood, a folder that is not there and credentials or a host key that do not fit; fault.Transient for a connection
// that failed.
func (s *Source) Read(ctx context.Context, from record.Position) (record.Page, error) {
	at, err := s.understand(from)
	if err != nil {
		return record.Page{}, err
	}
	if len(s.unusable) > 0 {
		return record.Page{}, fault.Wrap(fault.Fatal, errors.Join(s.unusable...), joined(s.unusable))
	}
	s.notices = nil
	page, err := s.step(ctx, at, from)
	if err != nil {
		s.leave()
		s.looked = time.Time{}
		return record.Page{}, err
	}
	page.Notice = strings.Join(s.notices, "; ")
	return page, nil
}

// understand reads a position; most often it is the one that was read last.
func (s *Source) understand(from record.Position) (position, error) {
	if len(from) > 0 && bytes.Equal(from, s.text) {
		return s.at, nil
	}
	at, err := parsePosition(from)
	if err == nil {
		s.text, s.at = slices.Clone(from), at
	}
	return at, err
}

// step reads on in the file that is open, or looks for the next one.
func (s *Source) step(ctx context.Context, at position, from record.Position) (record.Page, error) {
	now := s.cfg.Now()
	if s.open != nil && s.open.stands(at) {
		return s.turn(ctx, at, now)
	}
	s.leave()
	switch fresh := !s.looked.IsZero() && now.Sub(s.looked) < s.cfg.Every; {
	case fresh && !s.goOn:
		return record.Page{Next: from}, nil
	case !fresh:
		entries, err := s.folder.list(ctx)
		if err != nil {
			return record.Page{}, err
		}
		s.shown, s.looked = chosen(s.format.Pattern, entries), now
		slices.SortFunc(s.shown, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	}
	s.goOn = false
	return s.look(ctx, at, from, now)
}

// look goes through the files that are not read yet, in the order of their names, to the first that can be.
func (s *Source) look(ctx context.Context, at position, from record.Position, now time.Time) (record.Page, error) {
	asked := at
	present := make(map[string]entry, len(s.shown))
	for _, e := range s.shown {
		present[e.name] = e
	}
	at, lost := at.seen(present, now)
	for _, m := range lost {
		s.notice(fmt.Sprintf("%s was taken away before it was read to its end; %d of its lines were read", m.Name, m.Rows))
	}
	if at.Fresh.IsZero() {
		at.Fresh = now.UTC()
	}
	pending := slices.DeleteFunc(slices.Clone(s.shown), at.knows)
	s.watch.keep(pending)
	s.forgetHolds(pending)
	motions := make([]motion, len(pending)) // of all, so that those behind one that is waited for come to rest meanwhile
	for i, e := range pending {
		motions[i] = s.watch.observe(e, s.looked, s.cfg.Settle, s.cfg.Patience)
	}
	var troubles []string
	defer func() { s.setTroubles(troubles) }()
	for i, e := range pending {
		page, v, err := s.attend(ctx, at, e, motions[i], now)
		if err != nil || v.taken {
			return page, err
		}
		if v.trouble != "" {
			troubles = append(troubles, v.trouble)
			s.once(v.trouble)
		}
		if v.blocks {
			break
		}
	}
	if late := s.late(at, pending, now); late != "" {
		troubles = append(troubles, late)
		s.once(late)
	}
	if len(from) > 0 && at.same(asked) {
		return record.Page{Next: from}, nil
	}
	next, err := at.encode()
	return record.Page{Next: next}, err
}

// verdict is what became of a file that was looked at.
type verdict struct {
	// taken: a page was made of it.
	taken bool
	// blocks: those behind it wait.
	blocks bool
	// trouble says what is wrong with it, or is empty.
	trouble string
}

// attend decides whether a file can be read now, and reads its first page.
func (s *Source) attend(ctx context.Context, at position, e entry, state motion, now time.Time) (record.Page, verdict, error) {
	m, _ := at.find(e.name)
	if h, ok := s.held[e.name]; ok && h.holds(e, now) {
		return record.Page{}, verdict{blocks: h.blocks, trouble: h.why}, nil
	}
	switch resumed := m.Offset > 0 && !m.read() && m.is(e); {
	case resumed: // it had settled before
	case state == stuck:
		return record.Page{}, verdict{trouble: fmt.Sprintf("%s does not stop changing since %s; those behind it are read first", e.name, s.watch[e.name].restless.UTC().Format(time.RFC3339))}, nil
	case state == moving:
		return record.Page{}, verdict{blocks: true}, nil
	}
	return s.begin(ctx, at, m, e, now)
}

// late says that no file has come for too long.
func (s *Source) late(at position, pending []entry, now time.Time) string {
	if len(pending) > 0 || now.Sub(at.Fresh) < s.cfg.LateAfter {
		return ""
	}
	return fmt.Sprintf("no export file %s has come since %s; check in Campaign that the workflow that exports them runs, and start it again if it has stopped",
		s.format.Pattern, at.Fresh.UTC().Format(time.RFC3339))
}

func joined(errs []error) string {
	texts := make([]string, 0, len(errs))
	for _, err := range errs {
		texts = append(texts, fault.Message(err))
	}
	return strings.Join(texts, "; ")
}
