package ingress

import (
	"context"
	"slices"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/record"
)

// rowSource is a source that can be asked for single rows.
type rowSource interface {
	pump.Source
	Rows(ctx context.Context, keys []string) ([]record.Record, []error)
}

// retryQueue holds the rows that are to be read again.
type retryQueue interface {
	Retries(ctx context.Context, source string, limit int) ([]bus.Retry, error)
	AskRetries(ctx context.Context, source string, retries []bus.Retry) error
	RejectRetry(ctx context.Context, source string, r bus.Retry, reason string) error
	Retried(ctx context.Context, source string, through uint64) error
	Due(ctx context.Context, source string, limit int, now time.Time) ([]bus.Parked, error)
	Unpark(ctx context.Context, source string, done []bus.Parked) error
}

// rereader is a table's source that puts the rows of rejected records that are to be retried, and of parked ones whose time
// has come, between its own pages. They
// are read after everything that stands in the queue was, and before everything that will: the queue holds the versions
// of a row in their order, whatever was rejected and retried (invariant 4).
type rereader struct {
	source rowSource
	queue  retryQueue
	table  string
	now    func() time.Time

	// handed is the last request whose row was in the page before; that page is safe when the next one is asked for.
	handed uint64
	// due are the parked records whose rows were in it.
	due []bus.Parked
	// own is true when the last page was the source's own, partial when the next one must be.
	own, partial bool
	// more is true when further requests wait, until is when rows that failed may be asked for again.
	more     bool
	until    time.Time
	progress record.Progress
}

const (
	// retriesAtATime is how many rows are read between two pages of the source: no change waits long for them.
	retriesAtATime = 200
	// parkedAtATime is the same for the parked records of each step.
	parkedAtATime = 100
	// retryPause is how long rows that could not be read are left alone, retryAttempts how often that may happen before
	// they go back to the failures.
	retryPause    = 5 * time.Second
	retryAttempts = 12
)

func newRereader(source rowSource, queue retryQueue, table string) *rereader {
	return &rereader{source: source, queue: queue, table: table, now: time.Now}
}

// Read implements pump.Source.
func (r *rereader) Read(ctx context.Context, from record.Position) (record.Page, error) {
	if r.handed > 0 { // The rows stand in the queue: the requests have served (invariant 1).
		if err := r.queue.Retried(ctx, r.table, r.handed); err != nil {
			return record.Page{}, err
		}
		r.handed = 0
	}
	if len(r.due) > 0 {
		if err := r.queue.Unpark(ctx, r.table, r.due); err != nil {
			return record.Page{}, err
		}
		r.due = nil
	}
	if r.own && !r.partial && !r.now().Before(r.until) {
		records, found, err := r.retry(ctx)
		if err != nil {
			return record.Page{}, err
		}
		if found {
			r.own = false
			return record.Page{Records: records, Next: from, More: true, Progress: r.progress}, nil
		}
	}
	page, err := r.source.Read(ctx, from)
	if err != nil {
		return page, err
	}
	r.own, r.partial, r.progress = true, page.Partial, page.Progress
	page.More = page.More || r.more && !r.now().Before(r.until)
	return page, nil
}

// retry reads the rows of the oldest requests. A row that cannot be read is asked for again later, or goes back to the
// failures; only what stops the source too is an error.
func (r *rereader) retry(ctx context.Context) (records []record.Record, found bool, err error) {
	requests, err := r.queue.Retries(ctx, r.table, retriesAtATime)
	if err != nil {
		return nil, false, err
	}
	due, err := r.queue.Due(ctx, r.table, parkedAtATime, r.now())
	r.more = len(requests) == retriesAtATime || len(due) >= parkedAtATime
	if err != nil || len(requests)+len(due) == 0 {
		return nil, false, err
	}
	all := slices.Clone(requests)
	for _, p := range due {
		all = append(all, p.Retry)
	}
	once := distinct(all)
	keys := make([]string, len(once))
	for i, request := range once {
		keys[i] = request.Key
	}
	rows, errs := r.source.Rows(ctx, keys)
	var later []bus.Retry
	for i, request := range once {
		switch err := errs[i]; {
		case err == nil:
			rows[i].Snapshot = request.Snapshot && rows[i].Op == record.Upsert
			rows[i].WaitingSince, rows[i].Waits = request.WaitingSince, request.Waits
			records = append(records, rows[i])
		case ctx.Err() != nil:
			return nil, false, ctx.Err()
		case fault.Is(err, fault.Fatal), fault.Is(err, fault.Fenced):
			return nil, false, err
		default:
			if again := r.postpone(request, err); again != nil {
				later = append(later, *again)
			} else if err := r.queue.RejectRetry(ctx, r.table, request, fault.Message(err)); err != nil {
				return nil, false, err
			}
		}
	}
	if len(later) > 0 {
		if err := r.queue.AskRetries(ctx, r.table, later); err != nil {
			return nil, false, err
		}
	}
	if len(requests) > 0 {
		r.handed = requests[len(requests)-1].Seq
	}
	r.due = due
	return records, true, nil
}

// postpone is the request to be made again for a row that could not be read, nil when it deserves none.
func (r *rereader) postpone(request bus.Retry, err error) *bus.Retry {
	switch fault.KindOf(err) {
	case fault.Throttled:
	case fault.Transient:
		if request.Attempts++; request.Attempts >= retryAttempts {
			return nil
		}
	default:
		return nil
	}
	if until := r.now().Add(max(retryPause, fault.After(err))); until.After(r.until) { // invariant 10
		r.until = until
	}
	return &request
}

// distinct leaves one request a key; a row of a full read stays one.
func distinct(requests []bus.Retry) []bus.Retry {
	at := map[string]int{}
	var once []bus.Retry
	for _, request := range requests {
		if i, twice := at[request.Key]; twice {
			once[i].Snapshot = once[i].Snapshot || request.Snapshot
			once[i].Attempts = max(once[i].Attempts, request.Attempts)
			once[i].Waits = max(once[i].Waits, request.Waits)
			if since := request.WaitingSince; !since.IsZero() && (once[i].WaitingSince.IsZero() || since.Before(once[i].WaitingSince)) {
				once[i].WaitingSince = since
			}
			continue
		}
		at[request.Key] = len(once)
		once = append(once, request)
	}
	return once
}

// putBack returns the requests and the parked records of tables that are not mapped any more to the failures.
func putBack(ctx context.Context, queue *bus.Queue, tables map[string]*mapped) error {
	for _, kind := range []struct {
		list func(context.Context) (map[string]uint64, error)
		back func(context.Context, string) error
	}{{queue.RetrySources, queue.PutBack}, {queue.ParkedSources, queue.PutBackParked}} {
		sources, err := kind.list(ctx)
		if err != nil {
			return err
		}
		for source := range sources {
			if _, mapped := tables[source]; mapped {
				continue
			}
			if err := kind.back(ctx, source); err != nil {
				return err
			}
		}
	}
	return nil
}
