package dynamics

import (
	"context"
	"sync"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// rereads is how many rows are asked for at the same time.
const rereads = 16

// Rows reads rows by their keys as they are now, with the source's columns and labels: a record or an error a key, in
// order. A row that is not there any more comes as a deletion. It is used by the goroutine that calls Read, and may be
// called before it.
func (s *Source) Rows(ctx context.Context, keys []string) ([]record.Record, []error) {
	records, errs := make([]record.Record, len(keys)), make([]error, len(keys))
	if err := s.describe(ctx); err != nil {
		for i := range errs {
			errs[i] = err
		}
		return records, errs
	}
	var reading sync.WaitGroup
	free := make(chan struct{}, rereads)
	for i, key := range keys {
		free <- struct{}{}
		reading.Go(func() {
			defer func() { <-free }()
			records[i], errs[i] = s.reread(ctx, key)
		})
	}
	reading.Wait()
	return records, errs
}

// reread is one row as it is now.
func (s *Source) reread(ctx context.Context, id string) (record.Record, error) {
	key, err := parseGUID(id)
	if err != nil {
		return record.Record{}, fault.Wrap(fault.Invalid, err, "the key of a row of "+s.cfg.Table+" is not a GUID")
	}
	var prefer []string
	if s.cfg.FormattedValues {
		prefer = []string{annotations}
	}
	var r row
	_, err = s.client.get(ctx, "read", s.table.EntitySetName+"("+key.String()+")"+s.selectOption("?"), prefer, &r)
	switch {
	case fault.Is(err, fault.NotFound):
		return s.deletion(key), nil
	case err != nil:
		return record.Record{}, err
	}
	return s.record(r, false)
}
