package backend

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/consent"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Ledger is what was decided about one contact, oldest first.
type Ledger struct {
	Contact string        `json:"contact" doc:"the contact's id"`
	Entries []LedgerEntry `json:"entries"`
	// Next is the after of the next page, 0 where there is none.
	Next uint64 `json:"next,omitempty" doc:"what to give as after for the next page"`
	// Differing counts decisions to which the rule does not come again.
	Differing int `json:"differing" doc:"decisions that are others when they are decided again: 0 unless the ledger was changed by hand"`
}

// LedgerEntry is one entry with its place.
type LedgerEntry struct {
	Revision uint64    `json:"revision" doc:"place in the ledger"`
	At       time.Time `json:"at"`
	consent.Entry
	// Unreadable is set for an entry that this release does not understand.
	Unreadable bool `json:"unreadable,omitempty" doc:"written by a release that this one does not understand"`
	// Differing are the fields whose decision is another when it is decided again.
	Differing []string `json:"differing,omitempty"`
}

// ledgerPage is how many entries a page of the ledger has.
const ledgerPage = 100

var contactID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// Ledger lists what was decided about a contact behind a revision, each decision decided again. A contact about which
// nothing was decided has none.
func (s *Service) Ledger(ctx context.Context, contact string, after uint64) (Ledger, error) {
	contact, ledger, err := s.ledgerOf(ctx, contact)
	if err != nil {
		return Ledger{}, err
	}
	stored, err := ledger.History(ctx, contact, after, ledgerPage)
	if err != nil {
		return Ledger{}, err
	}
	list := decidedAgain(contact, stored)
	if len(stored) == ledgerPage {
		list.Next = stored[len(stored)-1].Revision
	}
	return list, nil
}

// NewestDecisions is the end of a contact's ledger before a revision, 0 for all of it: the last entry is the one in force.
// older reports whether there is more before it.
func (s *Service) NewestDecisions(ctx context.Context, contact string, before uint64) (list Ledger, older bool, err error) {
	contact, ledger, err := s.ledgerOf(ctx, contact)
	if err != nil {
		return Ledger{}, false, err
	}
	stored, older, err := ledger.Newest(ctx, contact, before, ledgerPage)
	if err != nil {
		return Ledger{}, false, err
	}
	return decidedAgain(contact, stored), older, nil
}

// ledgerOf opens the ledger, and checks a contact's id that came from outside.
func (s *Service) ledgerOf(ctx context.Context, contact string) (string, *bus.Ledger, error) {
	contact = strings.ToLower(strings.Trim(strings.TrimSpace(contact), "{}"))
	if !contactID.MatchString(contact) {
		const fix = "give the id of a contact, such as 0f8fad5b-d9cb-469f-a165-70867728950e"
		return "", nil, fault.Wrap(fault.Invalid, config.Faults{{Path: "contact", Problem: "that is not a contact's id", Fix: fix}}, "that is not a contact's id: "+fix)
	}
	ledger, err := bus.OpenLedger(ctx, s.conn, workflow.OptInOut)
	return contact, ledger, err
}

// decidedAgain reads entries, and decides each decision again.
func decidedAgain(contact string, stored []bus.LedgerEntry) Ledger {
	list := Ledger{Contact: contact, Entries: make([]LedgerEntry, len(stored))}
	for i, one := range stored {
		entry := LedgerEntry{Revision: one.Revision, At: one.At.UTC()}
		if err := json.Unmarshal(one.Data, &entry.Entry); err != nil {
			entry.Entry, entry.Unreadable = consent.Entry{Contact: contact}, true
		}
		entry.Differing = entry.Entry.Differing()
		list.Differing += len(entry.Differing)
		list.Entries[i] = entry
	}
	return list
}

// keepLedger applies the time for which decisions are kept. It takes effect at once: it is no business of a run.
func (s *Service) keepLedger(ctx context.Context, id workflow.ID, document []byte) error {
	if id != workflow.OptInOut {
		return nil
	}
	doc, err := config.Decode(id, document)
	if err != nil {
		return fmt.Errorf("a document that was just stored: %w", err)
	}
	return bus.KeepLedger(ctx, s.conn, doc.(*config.OptInOutDoc).LedgerAge())
}

// PhaseText says what an entry tells.
func PhaseText(p consent.Phase) string {
	switch p {
	case consent.Intent:
		return "decided, about to be written"
	case consent.Outcome:
		return "written"
	case consent.Note:
		return "noted"
	}
	return string(p)
}
