package campaign

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// JournalStart is an end of the journal: config.Oldest or config.Latest.
type JournalStart = config.JournalStart

// MaxJournalPage is how many events a page holds at most, whatever the journal sends: with its position a page is one
// atomic batch.
const MaxJournalPage = 900

// journalRetention is how long the journal keeps an event.
const journalRetention = 7 * 24 * time.Hour

// JournalConfig says how to read.
type JournalConfig struct {
	// Limit is how many events to ask for, and how many a page holds at most; 0 or more than MaxJournalPage means
	// MaxJournalPage. The journal remembers it in its links: a stored position keeps asking for what it was made with.
	Limit int
	// First is where an empty position begins, AfterGap where reading goes on when a position leads nowhere any more.
	// Empty is config.Oldest.
	First, AfterGap JournalStart
}

// Journal reads the events that Adobe I/O Events keeps for a registration (Adobe I/O Events documentation, "Journaling
// API"). The interface is a pump's source, but for the decoding of events, which is the caller's.
//
// It promises that every event behind a position comes at least once, or is told as a gap (invariant 1); and that nothing
// is sent inside a Retry-After (invariant 10), also not by another Journal of the same Client.
//
// It passes duplicates and disorder on as the journal has them: the caller must make writing an event twice harmless
// (invariant 3). It is used by one goroutine at a time.
type Journal struct {
	api *journalAPI
	cfg JournalConfig
	// lostAgain is true after a page that told a gap, until a position has led somewhere.
	lostAgain bool
}

// JournalEvent is one delivery of an event.
type JournalEvent struct {
	// Position is the journal's own name for the place of the event.
	Position string
	// Body is the event as it came, "null" where the journal sent none.
	Body json.RawMessage
}

// JournalPage is what one Read brought.
type JournalPage struct {
	Events []JournalEvent
	// Next is the position to read from when Events are safe. Store the two together.
	Next record.Position
	// More is true when Next should be stored and read at once.
	More bool
	// Gap is set when events were lost before this page.
	Gap *JournalGap
}

// JournalGap tells what was lost.
type JournalGap struct {
	// From is the newest time of an event that is known to have been read, To the time of the first one that is still
	// there, or of the answer where there is none. What was lost happened between them, give or take the disorder of the
	// journal. A zero time is not known.
	From, To time.Time
	// Reason completes a sentence: "the journal does not hold the read position any more".
	Reason string
}

// String is a sentence for the operator.
func (g JournalGap) String() string {
	bound := func(at time.Time, word string) string {
		if at.IsZero() {
			return ""
		}
		return " " + word + " " + at.UTC().Format(time.RFC3339)
	}
	between := bound(g.From, "from") + bound(g.To, "to")
	return fmt.Sprintf("%s: events%s may be missing", g.Reason, cmp.Or(between, " of an unknown time"))
}

// Journal makes a reader and sends nothing. It may be called for every run: what the remote asked for is remembered by
// the Client.
func (c *Client) Journal(cfg JournalConfig) *Journal {
	if cfg.Limit <= 0 || cfg.Limit > MaxJournalPage {
		cfg.Limit = MaxJournalPage
	}
	cfg.First, cfg.AfterGap = cmp.Or(cfg.First, config.Oldest), cmp.Or(cfg.AfterGap, config.Oldest)
	return &Journal{api: c.journal, cfg: cfg}
}

// Read returns the page behind a position, the empty one being where JournalConfig.First says. It does not wait for
// events: at the end of the journal the page is empty, and while the journal's Retry-After lasts, it is so without a
// request. A position can be read any number of times. A position that has expired, or that cannot be understood, begins
// again where JournalConfig.AfterGap says, and the page tells the gap.
//
// Errors: fault.Fatal for a setting, a credential or a link that a person has to look at; fault.Throttled and
// fault.Transient to try the same position again.
func (j *Journal) Read(ctx context.Context, from record.Position) (JournalPage, error) {
	if j.api.broken != nil {
		return JournalPage{}, j.api.broken
	}
	if left, calm := j.api.resting(); left > 0 && calm { // invariant 10
		return JournalPage{Next: from}, nil
	}
	if len(from) == 0 {
		return j.begin(ctx, j.cfg.First, journalPosition{}, nil)
	}
	at, reason := parseJournalPosition(j.api.path, from)
	if reason == "" {
		page, err := j.goOn(ctx, at)
		if !fault.Is(err, fault.Expired) {
			return page, err
		}
		reason = fault.Message(err)
	}
	return j.begin(ctx, j.cfg.AfterGap, at, &JournalGap{From: at.Time, Reason: reason})
}

// goOn reads behind a position. fault.Expired: it leads nowhere any more.
func (j *Journal) goOn(ctx context.Context, at journalPosition) (JournalPage, error) {
	if !at.hasPlace() && time.Since(at.Time) > journalRetention {
		return JournalPage{}, fault.New(fault.Expired, "the journal was empty when it was last read, more than seven days ago")
	}
	answer, err := j.api.get(ctx, at.address(j.cfg.Limit))
	if err == nil && answer.status == http.StatusBadRequest && at.Link != "" && at.Last != "" {
		// The link does not work any more; the place of the last event may.
		at.Link = ""
		answer, err = j.api.get(ctx, at.address(j.cfg.Limit))
	}
	switch {
	case err != nil:
		return JournalPage{}, err
	case answer.status == http.StatusGone:
		return JournalPage{}, fault.New(fault.Expired, "the journal does not hold the read position any more")
	case answer.status == http.StatusBadRequest && (at.Link != "" || at.Last != ""):
		return JournalPage{}, fault.New(fault.Expired, "the journal does not know the read position")
	}
	return j.page(at, answer, nil)
}

// begin reads from an end of the journal. The position that was lost gives its time to the new one.
func (j *Journal) begin(ctx context.Context, start JournalStart, lost journalPosition, gap *JournalGap) (JournalPage, error) {
	at := journalPosition{Format: journalFormat, Journal: j.api.path, Time: lost.Time}
	query := at.address(j.cfg.Limit)
	if start == config.Latest {
		query += "&latest=true"
	}
	answer, err := j.api.get(ctx, query)
	if err != nil {
		return JournalPage{}, err
	}
	if start == config.Latest {
		// latest must not be asked for again, for that loses what came in between: without a link, the time is what is
		// left to go on from.
		at.Begun, at.Time = answer.at, cmp.Or(at.Time, answer.at)
	}
	return j.page(at, answer, gap)
}

// page makes a page out of an answer to a request from a position.
func (j *Journal) page(at journalPosition, answer *journalAnswer, gap *JournalGap) (JournalPage, error) {
	body, err := answer.decode()
	if err != nil {
		return JournalPage{}, err
	}
	link, err := j.api.nextLink(answer)
	if err != nil {
		return JournalPage{}, err
	}
	events, cut, err := body.first(j.cfg.Limit)
	if err != nil {
		return JournalPage{}, err
	}
	oldest, newest := times(events)
	if gap != nil {
		gap.close(cmp.Or(oldest, answer.at))
	}
	next := at.after(events, body.Page.Last, link, cut)
	switch {
	case newest.After(next.Time):
		next.Time = newest
	case !next.hasPlace(): // the journal has nothing, so everything up to now was read
		next.Time = answer.at
	}
	// A page that moves on is followed at once; so is a gap, so that it is stored and told once, but not one behind another:
	// a journal whose own links lead nowhere is not to be asked without end.
	more := len(events) > 0 || gap != nil && !j.lostAgain || answer.status == http.StatusOK && next.Link != at.Link
	j.lostAgain = gap != nil
	return JournalPage{Events: events, Next: next.encode(), More: more, Gap: gap}, nil
}

// close sets the end of the gap. The journal does not promise an order, so the first event that is there may be older than
// the newest that was read: then the gap lies around both.
func (g *JournalGap) close(to time.Time) {
	g.To = to
	if !g.From.IsZero() && g.To.Before(g.From) {
		g.From, g.To = g.To, g.From
	}
}

// times are the oldest and the newest time of events, as CloudEvents tells it; zero where none does.
func times(events []JournalEvent) (oldest, newest time.Time) {
	for _, e := range events {
		var said struct {
			Time time.Time `json:"time"`
		}
		if json.Unmarshal(e.Body, &said) != nil || said.Time.IsZero() {
			continue
		}
		if oldest.IsZero() || said.Time.Before(oldest) {
			oldest = said.Time
		}
		if said.Time.After(newest) {
			newest = said.Time
		}
	}
	return oldest, newest
}
