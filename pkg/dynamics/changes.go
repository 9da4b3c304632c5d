package dynamics

import (
	"context"
	"fmt"

	"github.com/causeway-sync/causeway/pkg/record"
)

// changes reads a page behind a change link. The pages of one link end with a new one.
func (s *Source) changes(ctx context.Context, at position) (step, error) {
	address, prefer := at.Link, s.prefer()
	if address == "" {
		address = at.Delta
	}
	got, err := s.fetch(ctx, address, prefer)
	switch {
	case err != nil && isDeadLink(err) && at.Link != "":
		at.Link = "" // the pages of this change link begin again
		return s.changes(ctx, at)
	case err != nil && isDeadLink(err):
		return step{}, &beginAgain{fmt.Sprintf("change tracking of %s has expired: reading it again from the beginning", s.cfg.Table), err}
	case err != nil:
		return step{}, err
	}
	s.restarts = 0
	done := step{next: at, more: got.NextLink != ""}
	if done.next.Link = got.NextLink; got.NextLink == "" {
		if done.next.Delta, err = s.deltaLink(ctx, got, address, prefer); err != nil {
			return step{}, err
		}
	}
	paged := at.Link != "" || got.NextLink != ""
	done.records, err = s.resolve(ctx, got.Value, paged)
	return done, err
}

// resolve makes records of the items of a change link, which come in no order that could be relied on. Of a row that is
// there twice the newest version counts. A row that is there as changed and as deleted is asked for: it may have been
// deleted and created again, or the other way round. Where the link has several pages, the other item may stand on
// another page, and every deletion is asked for.
func (s *Source) resolve(ctx context.Context, items []row, paged bool) ([]record.Record, error) {
	var order, gone, unsure []guid
	newest := map[guid]row{}
	deleted := map[guid]bool{}
	for _, item := range items {
		id, isDeleted := item.isDeleted()
		if !isDeleted {
			id = item.text(s.table.PrimaryIDAttribute)
		}
		key, err := s.key(id)
		if err != nil {
			return nil, err
		}
		old, seen := newest[key]
		switch {
		case isDeleted && !deleted[key]:
			deleted[key] = true
			gone = append(gone, key)
		case isDeleted:
		case !seen:
			order = append(order, key)
			newest[key] = item
		case item.version() > old.version():
			newest[key] = item
		}
	}
	for _, key := range gone {
		if newest[key] != nil || paged {
			unsure = append(unsure, key)
		}
	}
	exists, err := s.existing(ctx, unsure)
	if err != nil {
		return nil, err
	}
	var records []record.Record
	for _, key := range order {
		if deleted[key] && !exists[key] {
			continue
		}
		rec, err := s.record(newest[key], false)
		if err != nil {
			return nil, err
		}
		records = append(records, rec)
	}
	for _, key := range gone {
		if !exists[key] {
			records = append(records, s.deletion(key))
		}
	}
	return records, nil
}
