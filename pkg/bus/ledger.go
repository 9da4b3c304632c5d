package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Ledger keeps what was decided, one subject a contact, oldest first. The newest entry of a contact is what is known of it,
// and each entry names the one that it was written on top of: of two that decide at the same time about the same contact,
// one is refused (invariant 4).
//
// It stores bytes: what an entry says is the caller's. Entries are dropped when they are older than the stream keeps
// them, or when it is full: a contact without an entry is one of which nothing is known.
type Ledger struct {
	c      *Conn
	id     workflow.ID
	stream jetstream.Stream
}

// LedgerEntry is one entry as stored.
type LedgerEntry struct {
	// Revision is the entry's place; later entries have greater ones. 0 is that of no entry.
	Revision uint64
	At       time.Time
	Data     []byte
}

// OpenLedger binds to the ledger of a workflow.
func OpenLedger(ctx context.Context, c *Conn, id workflow.ID) (*Ledger, error) {
	stream, err := c.js.Stream(ctx, StreamLedger)
	if err != nil {
		return nil, classify(err, "opening the ledger")
	}
	return &Ledger{c: c, id: id, stream: stream}, nil
}

// Last is the newest entry of a contact, the zero entry where there is none.
func (l *Ledger) Last(ctx context.Context, contact string) (LedgerEntry, error) {
	msg, err := l.stream.GetLastMsgForSubject(ctx, LedgerSubject(l.id, contact))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return LedgerEntry{}, nil
	}
	if err != nil {
		return LedgerEntry{}, classify(err, "reading the ledger")
	}
	return ledgerEntry(msg), nil
}

// Append stores an entry on top of the one that has the revision, and returns its own. fault.Stale: there is a newer one,
// decide again. fault.Transient: it may be stored or not, look.
func (l *Ledger) Append(ctx context.Context, contact string, data []byte, on uint64) (revision uint64, err error) {
	msg := nats.NewMsg(LedgerSubject(l.id, contact))
	msg.Header[HeaderKey] = []string{oneLine(contact)}
	msg.Data = data
	ack, err := l.c.js.PublishMsg(ctx, msg, jetstream.WithExpectLastSequencePerSubject(on), jetstream.WithRetryAttempts(0))
	if hasCode(err, codeWrongLastSequence) {
		return 0, fault.Wrap(fault.Stale, err, "the ledger has a newer entry of the contact")
	}
	if err != nil {
		return 0, classify(err, "writing the ledger")
	}
	return ack.Sequence, nil
}

// History is every entry of a contact behind a revision, oldest first, at most limit.
func (l *Ledger) History(ctx context.Context, contact string, after uint64, limit int) ([]LedgerEntry, error) {
	var entries []LedgerEntry
	behind := stretch{stream: StreamLedger, subject: LedgerSubject(l.id, contact), from: after + 1, limit: limit}
	for msg, err := range l.c.stored(ctx, behind, "reading the ledger") {
		if err != nil {
			return nil, err
		}
		entries = append(entries, ledgerEntry(msg))
	}
	return entries, nil
}

// newestRead is how many entries Newest takes at a time.
const newestRead = 1000

// Newest is the newest entries of a contact before a revision, 0 for all, oldest first and at most limit, and whether there
// are older ones. NATS reads a subject forwards only, so everything before is passed over: what a contact has is little, and
// limit of it at a time are kept in memory.
func (l *Ledger) Newest(ctx context.Context, contact string, before uint64, limit int) (entries []LedgerEntry, older bool, err error) {
	for after := uint64(0); ; {
		some, err := l.History(ctx, contact, after, newestRead)
		if err != nil {
			return nil, false, err
		}
		for _, entry := range some {
			if before > 0 && entry.Revision >= before {
				return entries, older, nil
			}
			if len(entries) == limit {
				entries, older = entries[1:], true
			}
			entries = append(entries, entry)
		}
		if len(some) < newestRead {
			return entries, older, nil
		}
		after = some[len(some)-1].Revision
	}
}

func ledgerEntry(msg *jetstream.RawStreamMsg) LedgerEntry {
	return LedgerEntry{Revision: msg.Sequence, At: msg.Time, Data: msg.Data}
}

// KeepLedger has entries kept for a time, and drops those that are older. Like Provision it is for the admin service
// alone.
func KeepLedger(ctx context.Context, c *Conn, age time.Duration) error {
	stream, err := c.js.Stream(ctx, StreamLedger)
	if err != nil {
		return classify(err, "opening the ledger")
	}
	cfg := stream.CachedInfo().Config
	if cfg.MaxAge == age {
		return nil
	}
	cfg.MaxAge = age
	_, err = c.js.UpdateStream(ctx, cfg)
	return classify(err, fmt.Sprintf("keeping the ledger for %s", age))
}
