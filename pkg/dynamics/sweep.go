package dynamics

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"github.com/causeway-sync/causeway/pkg/fault"
)

const (
	// scanSize is how many keys a page of the scan brings; it is the server's own limit.
	scanSize = 5000
	// verifySize is how many keys one request verifies. Their filter stays far below the 32 KB of an address.
	verifySize = 100
)

// sweep finds the rows that were deleted while a load ran, or while the change link had expired: nothing else reports
// them. It scans the primary keys of the table, takes every known key that the scan did not see for a candidate, and
// asks for each candidate once more before it calls it deleted: a row may have been created behind the scan.
//
// The sweep lives in memory. A position inside it names it (Held) and counts the candidates that are done (Offset); a
// program that does not have it any more sweeps again.
type sweep struct {
	id    string
	delta string // the change link that it belongs to
	link  string // the next page of the scan

	seen       []guid
	scanned    bool // seen is complete
	compared   bool // candidates are complete, and seen is given back
	candidates []guid
}

// sweepOn sends one request of the sweep.
func (s *Source) sweepOn(ctx context.Context, at position) (step, error) {
	if s.cfg.Known == nil {
		return step{next: at.after(), more: true}, nil
	}
	if s.sweep == nil || s.sweep.delta != at.Delta || at.Held != "" && at.Held != s.sweep.id {
		s.sweep = &sweep{id: rand.Text(), delta: at.Delta}
		at.Held, at.Offset = "", 0
	}
	if !s.sweep.compared {
		// The same position again: nothing was handed over.
		return step{next: at, more: true}, s.search(ctx)
	}
	batch := s.sweep.candidates[min(at.Offset, len(s.sweep.candidates)):]
	batch = batch[:min(len(batch), verifySize, s.cfg.PageSize)]
	exists, err := s.existing(ctx, batch)
	if err != nil {
		return step{}, err
	}
	done := step{next: at, more: true}
	for _, key := range batch {
		if !exists[key] {
			done.records = append(done.records, s.deletion(key))
		}
	}
	done.next.Held, done.next.Offset = s.sweep.id, at.Offset+len(batch)
	if done.next.Offset >= len(s.sweep.candidates) {
		done.next = at.after()
	}
	return done, nil
}

// search reads a page of keys, and behind the last one finds the candidates.
func (s *Source) search(ctx context.Context) error {
	if !s.sweep.scanned {
		if err := s.scan(ctx); err != nil || !s.sweep.scanned {
			return err
		}
	}
	return s.missing(ctx)
}

func (s *Source) scan(ctx context.Context) error {
	w := s.sweep
	address := w.link
	if address == "" {
		w.seen = nil
		address = s.table.EntitySetName + "?$select=" + s.table.PrimaryIDAttribute
	}
	got, err := s.fetch(ctx, address, []string{fmt.Sprintf("odata.maxpagesize=%d", scanSize)})
	if err != nil {
		if w.link != "" && isDeadLink(err) {
			w.link = "" // the scan begins again
			return nil
		}
		return err
	}
	for _, r := range got.Value {
		key, err := s.key(r.text(s.table.PrimaryIDAttribute))
		if err != nil {
			return err
		}
		w.seen = append(w.seen, key)
	}
	w.link = got.NextLink
	w.scanned = w.link == ""
	return nil
}

// missing collects the known keys that the scan did not see.
func (s *Source) missing(ctx context.Context) error {
	w := s.sweep
	slices.SortFunc(w.seen, compareGUID)
	w.candidates = nil
	for text, err := range s.cfg.Known(ctx) {
		if err != nil {
			return fault.Wrap(fault.KindOf(err), err, "the keys of "+s.cfg.Table+" that are known cannot be listed: "+fault.Message(err))
		}
		key, err := parseGUID(text)
		if err != nil {
			continue // not a key of this source
		}
		if _, found := slices.BinarySearchFunc(w.seen, key, compareGUID); !found {
			w.candidates = append(w.candidates, key)
		}
	}
	slices.SortFunc(w.candidates, compareGUID)
	w.candidates = slices.Compact(w.candidates)
	w.compared, w.seen = true, nil
	return nil
}

func compareGUID(a, b guid) int { return bytes.Compare(a[:], b[:]) }

// existing asks which of some rows are there.
func (s *Source) existing(ctx context.Context, keys []guid) (map[guid]bool, error) {
	exists := map[guid]bool{}
	for batch := range slices.Chunk(keys, verifySize) {
		terms := make([]string, len(batch))
		for i, key := range batch {
			terms[i] = s.table.PrimaryIDAttribute + " eq " + key.String()
		}
		address := s.table.EntitySetName + "?$select=" + s.table.PrimaryIDAttribute + "&$filter=" + encode(strings.Join(terms, " or "))
		for address != "" {
			got, err := s.fetch(ctx, address, nil)
			if err != nil {
				return nil, err
			}
			for _, r := range got.Value {
				key, err := s.key(r.text(s.table.PrimaryIDAttribute))
				if err != nil {
					return nil, err
				}
				exists[key] = true
			}
			address = got.NextLink
		}
	}
	return exists, nil
}
