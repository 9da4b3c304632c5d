package dynamics

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// MaxPageSize is how many records a page holds at most: with its position and its entry in the key
// log a page is one atomic batch of 1000 messages.
const MaxPageSize = 998

// SourceConfig says what to read.
type SourceConfig struct {
	// Table is the logical name: "contact".
	Table string
	// Columns are Column.Name's; none means all. The primary key always comes with them.
	Columns []string
	// FormattedValues adds "<column>@OData.Community.Display.V1.FormattedValue", the label in the application user's
	// language, to choices, lookups, numbers and dates that have one.
	FormattedValues bool
	// Destinations name where the rows go. Rows that were read before one was added are not there: a position that does not know it
	// begins again.
	Destinations []string
	// PageSize is how many records a page holds; 0 or more than MaxPageSize means MaxPageSize.
	PageSize int
	// Known finds rows that vanished while nobody was looking; nil when deletions of that time do not matter.
	Known record.KnownKeys
	// Now is the clock of ReadAt; nil is time.Now.
	Now func() time.Time
}

// Source reads one table: all of it, then every change. It is used by one goroutine at a time.
type Source struct {
	client *Client
	cfg    SourceConfig

	table *Table // nil until the first Read
	held  *held
	sweep *sweep
	// restarts counts how often a full read had to begin again since changes were last read.
	restarts int
}

// maxRestarts ends a source that begins again and again: it would read the whole table for ever and never a change.
const maxRestarts = 5

// held is an answer of more items than a page may hold.
type held struct {
	id      string
	records []record.Record
	next    position
	more    bool
}

// step is what one answer of the server came to.
type step struct {
	records []record.Record
	next    position
	more    bool
	notice  string
}

// beginAgain is the error of a position that leads nowhere any more.
type beginAgain struct {
	notice string
	cause  error
}

func (e *beginAgain) Error() string { return e.notice }

// Source makes a source and reads nothing.
func (c *Client) Source(cfg SourceConfig) *Source {
	if cfg.PageSize <= 0 || cfg.PageSize > MaxPageSize {
		cfg.PageSize = MaxPageSize
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Columns, cfg.Destinations = slices.Clone(cfg.Columns), slices.Clone(cfg.Destinations)
	return &Source{client: c, cfg: cfg}
}

// Read returns the page behind a position. It sends one request in most cases, and does not wait for changes: an idle
// table answers with an empty page. A position can be read any number of times. Errors: fault.Fatal for a position that
// is not understood, a table or column that is missing and credentials or privileges that are; fault.Throttled and
// fault.Transient to try the same position again.
func (s *Source) Read(ctx context.Context, from record.Position) (record.Page, error) {
	at, notice, err := s.enter(from)
	if err != nil {
		return record.Page{}, err
	}
	if err := s.describe(ctx); err != nil {
		return record.Page{}, err
	}
	if s.held != nil && at.Held == s.held.id {
		return s.slice(at)
	}
	done, err := s.step(ctx, at)
	if again := (*beginAgain)(nil); errors.As(err, &again) {
		if s.restarts++; s.restarts > maxRestarts {
			s.restarts = 0
			return record.Page{}, fault.Wrap(fault.Fatal, again.cause, fmt.Sprintf("%s, and that for the %dth time without reading a change (%s)",
				again.notice, maxRestarts+1, fault.Message(again.cause)))
		}
		notice, at = again.notice, s.beginning()
		done, err = s.step(ctx, at)
	}
	if err != nil {
		return record.Page{}, err
	}
	if notice != "" {
		done.notice = notice
	}
	return s.page(at, done)
}

// enter understands a position, and begins again where what it selects no longer is what is wanted.
func (s *Source) enter(from record.Position) (at position, notice string, err error) {
	for _, column := range s.cfg.Columns {
		if err := checkName("column", column); err != nil {
			return at, "", err
		}
	}
	if len(from) == 0 {
		return s.beginning(), "", nil
	}
	if at, err = parsePosition(s.cfg.Table, from); err != nil {
		return at, "", err
	}
	// Beginning again by itself would take every row of the other environment for deleted.
	if host, ok := s.client.isOurs(at.Link, at.Delta); !ok {
		return at, "", fault.New(fault.Fatal, fmt.Sprintf("the read position of %s belongs to %s, which is not the configured environment; request a replay of the table to read it from the new one",
			s.cfg.Table, host))
	}
	if gained := s.gained(at); gained != "" {
		return s.beginning(), fmt.Sprintf("%s added to %s: reading it again from the beginning", gained, s.cfg.Table), nil
	}
	if added := at.added(s.cfg.Destinations); added != "" {
		return s.beginning(), fmt.Sprintf("%s goes to %s now: reading it again from the beginning", s.cfg.Table, added), nil
	}
	at.Destinations = s.cfg.Destinations
	return at, "", nil
}

func (s *Source) beginning() position {
	return position{Format: positionFormat, Table: s.cfg.Table, Columns: s.cfg.Columns, Formatted: s.cfg.FormattedValues, Destinations: s.cfg.Destinations, Phase: phaseLoad}
}

// gained tells what the configuration wants and the links of a position do not select. What they select beyond that is
// left out of the records.
func (s *Source) gained(at position) string {
	switch {
	case s.cfg.FormattedValues && !at.Formatted:
		return "labels were"
	case len(at.Columns) == 0:
		return ""
	case len(s.cfg.Columns) == 0:
		return "columns were"
	}
	for _, column := range s.cfg.Columns {
		if !slices.Contains(at.Columns, column) {
			return "column " + column + " was"
		}
	}
	return ""
}

// describe asks once for the table's entity set and primary key.
func (s *Source) describe(ctx context.Context) error {
	if s.table != nil {
		return nil
	}
	table, err := s.client.Table(ctx, s.cfg.Table)
	switch {
	case fault.Is(err, fault.NotFound):
		return fault.Wrap(fault.Fatal, err, err.Error()+"; check the mapping")
	case err != nil:
		return err
	}
	s.table = &table
	return nil
}

func (s *Source) step(ctx context.Context, at position) (step, error) {
	at.Held, at.Offset = heldBy(at)
	switch at.Phase {
	case phaseOverlap:
		return s.overlap(ctx, at)
	case phaseSweep:
		return s.sweepOn(ctx, at)
	case phaseChanges:
		return s.changes(ctx, at)
	}
	return s.load(ctx, at)
}

// heldBy keeps the mark of a sweep; the mark of an answer that is not held any more is forgotten, and the answer is
// asked for again.
func heldBy(at position) (string, int) {
	if at.Phase == phaseSweep {
		return at.Held, at.Offset
	}
	return "", 0
}

// page hands a step over, in slices where it holds too many records. Only the last slice moves on to the next position;
// those before carry the position asked for with a mark, so that a crash repeats the whole answer (invariant 1).
func (s *Source) page(at position, done step) (record.Page, error) {
	if len(done.records) <= s.cfg.PageSize {
		return finish(done)
	}
	s.held = &held{id: rand.Text(), records: done.records, next: done.next, more: done.more}
	at.Held, at.Offset = s.held.id, 0
	page, err := s.slice(at)
	page.Notice = done.notice
	return page, err
}

func (s *Source) slice(at position) (record.Page, error) {
	rest := s.held.records[min(at.Offset, len(s.held.records)):]
	if len(rest) <= s.cfg.PageSize {
		return finish(step{records: rest, next: s.held.next, more: s.held.more})
	}
	at.Offset += s.cfg.PageSize
	page, err := finish(step{records: rest[:s.cfg.PageSize], next: at, more: true})
	page.Partial = true
	return page, err
}

func finish(done step) (record.Page, error) {
	next, err := done.next.encode()
	page := record.Page{Records: done.records, Next: next, More: done.more, Notice: done.notice}
	if done.next.Phase == phaseLoad {
		page.Progress = record.Progress{Read: done.next.Read, Expected: done.next.Expected}
	}
	return page, err
}

// selectOption is the $select of the configured columns, behind a question mark or an ampersand; empty for all.
func (s *Source) selectOption(mark string) string {
	if len(s.cfg.Columns) == 0 {
		return ""
	}
	return mark + "$select=" + strings.Join(s.cfg.Columns, ",")
}

// prefer are the preferences that every page of a read repeats (Dataverse docs, Page results).
func (s *Source) prefer(more ...string) []string {
	prefer := append(more, fmt.Sprintf("odata.maxpagesize=%d", s.cfg.PageSize))
	if s.cfg.FormattedValues {
		prefer = append(prefer, annotations)
	}
	return prefer
}

const (
	trackChanges = "odata.track-changes"
	annotations  = `odata.include-annotations="OData.Community.Display.V1.FormattedValue"`
)

// isDeadLink reports whether an error says that a stored link leads nowhere: the server does not know it any more.
func isDeadLink(err error) bool {
	var said *APIError
	if fault.Is(err, fault.Expired) {
		return true
	}
	if !errors.As(err, &said) || fault.Is(err, fault.Transient) || fault.Is(err, fault.Throttled) {
		return false
	}
	switch said.Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusGone:
		return true
	}
	return false
}
