package record

import (
	"context"
	"iter"
)

// Page is what one read of a source brought: some records and the position behind them. The two travel together; who
// keeps Next without having kept Records loses them (invariant 1).
type Page struct {
	// Records are in the order in which they must be written. A key may occur more than once; later is newer.
	Records []Record
	// Next is the position to read from after Records are safe. It equals the position asked for where a large answer
	// of the remote is handed over in several pages and this is not the last: a crash in between repeats records, which
	// is harmless.
	Next Position
	// More is true when the source knows that there is something behind Next right now.
	More bool
	// Partial is true when more of the same answer of the remote follows: it was read already, so nothing that is read
	// from now on may be queued in front of it (invariant 4).
	Partial bool
	// Notice is a sentence for the operator about something unusual that the source did ("change tracking expired,
	// reading contact again from the beginning"), or empty.
	Notice string
	// Progress tells how far a full read is, for people.
	Progress Progress
}

// Progress of a full read. Both are zero outside one; Expected is 0 where the source cannot tell.
type Progress struct {
	Read     int64 `json:"read"`
	Expected int64 `json:"expected"`
}

// KnownKeys yields, in no order, every key of one source that was handed on as an Upsert and not as a Delete since. A
// source compares it with what still exists to find the rows that vanished while it was not looking. A key may be
// yielded more than once. The error ends the sequence.
type KnownKeys func(ctx context.Context) iter.Seq2[string, error]
