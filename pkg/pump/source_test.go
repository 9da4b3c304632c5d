package pump_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/causeway-sync/causeway/pkg/record"
)

// source is a table with change tracking: every edit is a version, a position is how many edits were read.
type source struct {
	mu       sync.Mutex
	edits    []record.Record
	pageSize int
	reads    int
	// fails is asked before every read, with the number of the read; nil is success.
	fails func(n int) error
	// restless makes every answer carry a new position, as Dataverse does.
	restless bool
	progress record.Progress
	notice   string
}

func (s *source) edit(keys ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		s.edits = append(s.edits, upsert(key, int64(len(s.edits)+1)))
	}
}

func (s *source) Read(ctx context.Context, from record.Position) (record.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if ctx.Err() != nil {
		return record.Page{}, ctx.Err()
	}
	if s.fails != nil {
		if err := s.fails(s.reads); err != nil {
			return record.Page{}, err
		}
	}
	at := 0
	if len(from) > 0 {
		if _, err := fmt.Sscanf(string(from), "%d", &at); err != nil {
			return record.Page{}, err
		}
	}
	size := s.pageSize
	if size == 0 {
		size = 100
	}
	to := min(at+size, len(s.edits))
	page := record.Page{Records: s.edits[at:to], Next: record.Position(strconv.Itoa(to)), More: to < len(s.edits), Notice: s.notice, Progress: s.progress}
	if s.restless {
		page.Next = fmt.Appendf(nil, "%d/%d", to, s.reads)
	}
	return page, nil
}

func (s *source) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}
