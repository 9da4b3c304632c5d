// Package record is the vocabulary of what flows: one version of one row, read from a source, queued on the bus,
// mapped and written to a destination.
//
// It promises that a record carries everything a writer needs to decide order and identity without looking into the
// row: where it came from, its key, its version and whether it is a deletion. The row itself stays the JSON that the
// source sent; only a mapping looks inside.
//
// The package knows neither a wire nor a remote system and imports only the standard library.
package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Op says what happened to the row.
type Op string

// The two operations. A source that cannot tell a creation from an update says Upsert for both.
const (
	Upsert Op = "upsert"
	Delete Op = "delete"
)

// Record is one version of one row.
type Record struct {
	// Source names where the row lives, for Dataverse the logical name of the table ("contact"). It is one token of
	// a NATS subject: no dots, blanks or wildcards.
	Source string
	// Key is the row's primary key at the source, in the source's own canonical spelling.
	Key string
	// Op is Upsert or Delete.
	Op Op
	// Version is the source's own row version. Greater is newer, for rows of one key only. A deletion carries 0 where
	// the source sends none; its place in the queue then decides.
	Version int64
	// Snapshot is true for a row that a full read brought, false for one that a change brought. Mapping rules may
	// treat the two differently, and a writer may guess from it whether the row is new at the destination.
	Snapshot bool
	// WaitingSince is since when the row waits for another to arrive first, and Waits how often it was put aside for that;
	// zero for a row that does not wait.
	WaitingSince time.Time
	Waits        int
	// ReadAt is when the row was read from the source.
	ReadAt time.Time
	// Data is the row as a JSON object, column to value. It is empty for a deletion.
	Data json.RawMessage
}

// Position is how far a source has been read. Only the source that made it understands it; everybody else stores and
// returns it byte for byte. An empty position is the beginning.
type Position []byte

// Validate reports the first thing that makes r unfit for the bus, or nil. The message names the part, never its
// value.
func (r Record) Validate() error {
	switch {
	case r.Source == "":
		return errors.New("record without a source")
	case r.Key == "":
		return errors.New("record without a key")
	case r.Op != Upsert && r.Op != Delete:
		return fmt.Errorf("record with unknown operation %q", r.Op)
	case r.Op == Upsert && !json.Valid(r.Data):
		return errors.New("record whose data is not JSON")
	}
	return nil
}

// Values decodes the row. Numbers stay json.Number, so that 64-bit integers and decimals keep every digit.
func (r Record) Values() (map[string]any, error) {
	values := map[string]any{}
	if len(r.Data) == 0 {
		return values, nil
	}
	if err := decodeNumbers(r.Data, &values); err != nil {
		return nil, fmt.Errorf("record data is not a JSON object: %w", err)
	}
	return values, nil
}
