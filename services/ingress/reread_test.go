package ingress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// rows is a source whose pages are given, and whose rows can be asked for.
type rows struct {
	pages   []record.Page
	trouble map[string]error
	asked   [][]string
}

func (s *rows) Read(_ context.Context, from record.Position) (record.Page, error) {
	if len(s.pages) == 0 {
		return record.Page{Next: from}, nil
	}
	page := s.pages[0]
	s.pages = s.pages[1:]
	return page, nil
}

func (s *rows) Rows(_ context.Context, keys []string) ([]record.Record, []error) {
	s.asked = append(s.asked, keys)
	records, errs := make([]record.Record, len(keys)), make([]error, len(keys))
	for i, key := range keys {
		switch err := s.trouble[key]; {
		case err != nil:
			errs[i] = err
		case strings.HasPrefix(key, "gone"):
			records[i] = record.Record{Source: "contact", Key: key, Op: record.Delete}
		default:
			records[i] = record.Record{Source: "contact", Key: key, Op: record.Upsert, Data: json.RawMessage(`{}`)}
		}
	}
	return records, errs
}

// requests is a queue of retries, in the order of their places.
type requests struct {
	list     []bus.Retry
	last     uint64
	rejected map[string]string
}

func (q *requests) AskRetries(_ context.Context, _ string, retries []bus.Retry) error {
	for _, r := range retries {
		q.last++
		r.Seq = q.last
		q.list = append(q.list, r)
	}
	return nil
}

func (q *requests) Retries(_ context.Context, _ string, limit int) ([]bus.Retry, error) {
	return slices.Clone(q.list[:min(limit, len(q.list))]), nil
}

// Due and Unpark: nothing is parked in these tests.
func (q *requests) Due(context.Context, string, int, time.Time) ([]bus.Parked, error) {
	return nil, nil
}
func (q *requests) Unpark(context.Context, string, []bus.Parked) error { return nil }

func (q *requests) Retried(_ context.Context, _ string, through uint64) error {
	q.list = slices.DeleteFunc(q.list, func(r bus.Retry) bool { return r.Seq <= through })
	return nil
}

func (q *requests) RejectRetry(_ context.Context, _ string, r bus.Retry, reason string) error {
	q.rejected[r.Key] = reason
	return nil
}

func rereading(pages ...record.Page) (*rereader, *rows, *requests) {
	source, queue := &rows{pages: pages, trouble: map[string]error{}}, &requests{rejected: map[string]string{}}
	r := newRereader(source, queue, "contact")
	clock := time.Unix(1_700_000_000, 0)
	r.now = func() time.Time { clock = clock.Add(time.Second); return clock }
	return r, source, queue
}

func next(t *testing.T, r *rereader, from string) record.Page {
	t.Helper()
	page, err := r.Read(t.Context(), record.Position(from))
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func TestRetriesStandBetweenThePages(t *testing.T) {
	progress := record.Progress{Read: 10, Expected: 100}
	r, _, queue := rereading(record.Page{Next: record.Position("1"), Partial: true, More: true, Progress: progress},
		record.Page{Next: record.Position("2"), Partial: true, More: true, Progress: progress}, record.Page{Next: record.Position("3"), More: true, Progress: progress},
		record.Page{Next: record.Position("4")})
	_ = queue.AskRetries(t.Context(), "contact", []bus.Retry{{Key: "a"}, {Key: "gone", Snapshot: true}, {Key: "a", Snapshot: true}})
	for i, want := range []string{"1", "2", "3"} { // The source's own first, and all slices of one answer together.
		if page := next(t, r, fmt.Sprint(i)); string(page.Next) != want || len(page.Records) != 0 {
			t.Fatalf("page %d: %+v", i, page)
		}
	}
	page := next(t, r, "3")
	if string(page.Next) != "3" || !page.More || page.Progress != progress || len(page.Records) != 2 ||
		page.Records[0].Key != "a" || !page.Records[0].Snapshot || page.Records[1].Op != record.Delete || page.Records[1].Snapshot {
		t.Fatalf("the rows came as %+v", page)
	}
	if len(queue.list) != 3 {
		t.Error("the requests are gone before the page is safe")
	}
	if page := next(t, r, "3"); string(page.Next) != "4" || len(queue.list) != 0 {
		t.Errorf("then %+v, %d requests", page, len(queue.list))
	}
}

func TestManyRetriesDoNotKeepChangesWaiting(t *testing.T) {
	r, source, queue := rereading()
	for i := range 2*retriesAtATime + 50 {
		_ = queue.AskRetries(t.Context(), "contact", []bus.Retry{{Key: fmt.Sprint("key-", i)}})
	}
	var sizes []int
	for range 8 {
		page := next(t, r, "p")
		sizes = append(sizes, len(page.Records))
		if own := len(page.Records) == 0; own && page.More != (len(queue.list) > 0 && len(sizes) > 1) {
			t.Errorf("after %v: more is %v", sizes, page.More)
		}
	}
	if want := []int{0, 200, 0, 200, 0, 50, 0, 0}; !slices.Equal(sizes, want) || len(source.asked) != 3 {
		t.Errorf("pages of %v rows, want %v", sizes, want)
	}
}

func TestARowThatCannotBeRead(t *testing.T) {
	r, source, queue := rereading()
	source.trouble["bad"] = fault.New(fault.Transient, "Dynamics 365 is in trouble")
	source.trouble["no GUID"] = fault.New(fault.Invalid, "the key is not a GUID")
	source.trouble["slow"] = fault.ThrottledFor(time.Minute, "slow down")
	_ = queue.AskRetries(t.Context(), "contact", []bus.Retry{{Key: "bad"}, {Key: "good"}, {Key: "no GUID"}, {Key: "slow"}})
	next(t, r, "p")
	if page := next(t, r, "p"); len(page.Records) != 1 || page.Records[0].Key != "good" {
		t.Fatalf("%+v", page)
	}
	next(t, r, "p")
	if want := (map[string]string{"no GUID": "the key is not a GUID"}); !maps.Equal(queue.rejected, want) {
		t.Errorf("rejected %v", queue.rejected)
	}
	if len(queue.list) != 2 || queue.list[0].Attempts != 1 || queue.list[1].Attempts != 0 {
		t.Errorf("asked again: %+v", queue.list)
	}
	begin, asked := r.now(), len(source.asked)
	for len(source.asked) == asked {
		next(t, r, "p")
	}
	if waited := r.now().Sub(begin); waited < 55*time.Second { // invariant 10
		t.Errorf("asked again after %v", waited)
	}
	delete(source.trouble, "slow")
	for i := 0; len(queue.list) > 0; i++ {
		if next(t, r, "p"); i > 1000 {
			t.Fatalf("it is asked for without end: %+v", queue.list)
		}
	}
	if queue.rejected["bad"] != "Dynamics 365 is in trouble" {
		t.Errorf("rejected %v", queue.rejected)
	}
	source.trouble["privilege"] = fault.New(fault.Fatal, "a privilege is missing")
	_ = queue.AskRetries(t.Context(), "contact", []bus.Retry{{Key: "privilege"}})
	_, first := r.Read(t.Context(), nil)
	if _, second := r.Read(t.Context(), nil); !fault.Is(errors.Join(first, second), fault.Fatal) || len(queue.list) != 1 {
		t.Errorf("%v, %v, %+v", first, second, queue.list)
	}
}
