package campaign

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/causeway-sync/causeway/pkg/record"
)

// journalFormat is the version of the JSON below.
const journalFormat = 1

// journalPosition is the inside of a record.Position of the journal. The first of Link, Last and Begun that is set says
// where reading goes on; with none of them it is the oldest event.
type journalPosition struct {
	Format int `json:"v"`
	// Journal is the path of the registration: positions are its own.
	Journal string `json:"journal"`
	// Link is the journal's link to the next page, without the origin.
	Link string `json:"link,omitempty"`
	// Last is the place of the last event that was read.
	Last string `json:"last,omitempty"`
	// Begun is when reading began at the latest event.
	Begun time.Time `json:"begun,omitzero"`
	// Time is the newest time of an event that was read, or of the last look at an empty journal: a gap begins there.
	Time time.Time `json:"time,omitzero"`
}

func (p journalPosition) encode() record.Position {
	text, _ := json.Marshal(p) // texts and times always marshal
	return text
}

// parseJournalPosition reads what encode wrote. The reason is empty, or says why it leads nowhere; what could be read of the
// time comes with it.
func parseJournalPosition(journal string, text record.Position) (p journalPosition, reason string) {
	switch err := json.Unmarshal(text, &p); {
	case p.Format > journalFormat:
		reason = fmt.Sprintf("the read position of the journal has format %d and this program knows %d, a newer program wrote it", p.Format, journalFormat)
	case err != nil || p.Format < 1:
		reason = "the read position of the journal cannot be understood"
	case p.Journal != journal:
		reason = "the read position belongs to another journal"
	}
	return p, reason
}

// hasPlace reports whether the journal itself can tell that the position has expired.
func (p journalPosition) hasPlace() bool { return p.Link != "" || p.Last != "" }

// address is the next request: a link, or the query of one.
func (p journalPosition) address(limit int) string {
	switch {
	case p.Link != "":
		return p.Link
	case p.Last != "":
		return fmt.Sprintf("?since=%s&limit=%d", url.QueryEscape(p.Last), limit)
	case !p.Begun.IsZero():
		return fmt.Sprintf("?seek=%s&limit=%d", backTo(p.Begun), limit)
	}
	return fmt.Sprintf("?limit=%d", limit)
}

// backTo is a negative ISO 8601 duration that reaches back to a time and a little beyond.
func backTo(at time.Time) string {
	return fmt.Sprintf("-PT%dM", max(time.Since(at), 0)/time.Minute+2)
}

// after is the position behind events. What an answer does not say stays as it is.
func (p journalPosition) after(events []JournalEvent, last, link string, cut bool) journalPosition {
	for _, e := range events {
		if e.Position != "" {
			p.Last = e.Position
		}
	}
	if !cut && last != "" {
		p.Last = last
	}
	switch {
	case cut, len(events) > 0 && link == p.Link:
		// The rest is behind the last event that is handed over. A link that does not move on would bring the same again.
		p.Link = ""
	case link != "" || len(events) > 0:
		p.Link = link
	}
	if p.hasPlace() {
		p.Begun = time.Time{}
	}
	return p
}
