package dynamics

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote"
)

const (
	// mostOperations is how many operations a $batch may hold (Dataverse docs, Execute batch operations).
	mostOperations = 1000
	// firstSingles is how many rows that go one by one share a request at first: at a tenth of a second each, less than
	// half of a gateway's minute.
	firstSingles = 250
)

// WriterConfig bounds a Writer. The zero value is right for most environments.
type WriterConfig struct {
	// BatchSize is how many rows one request carries at most; 0 means 1000. The Writer finds by itself how many it can be.
	BatchSize int
	// MaxParallel is how many requests may be under way at the same time; 0 means 52, which is also the most. The Writer
	// begins with 4 and finds by itself how many it can be.
	MaxParallel int
}

// Writer creates and updates rows, many with one request. It lives as long as its Client, so that what it learned of the
// environment (sizes, parallelism, which tables take CreateMultiple) is learned once. It is safe for concurrent use; rows
// of one key must not be given to two calls at the same time, or nothing says which is written last (invariant 4).
//
// It does not try again: trouble goes back to the caller as fault.Transient or fault.Throttled, row by row, and a row that
// is sent again does no harm (invariant 3).
type Writer struct {
	client   *Client
	rows     *sizer // rows a request, where most go with CreateMultiple
	singles  *sizer // rows a request, where each is an operation
	parallel *parallel

	mu   sync.Mutex
	bulk map[string]bool // which tables take CreateMultiple
}

// NewWriter makes a writer and sends nothing.
func (c *Client) NewWriter(cfg WriterConfig) *Writer {
	size := cfg.BatchSize
	if size <= 0 || size > mostOperations {
		size = mostOperations
	}
	return &Writer{
		client: c, rows: newSizer(size, size), singles: newSizer(firstSingles, size), parallel: newParallel(cfg.MaxParallel),
		bulk: map[string]bool{},
	}
}

// piece is one operation with the rows that it writes.
type piece struct {
	operation
	rows []int
}

// job is a pass over rows: how they become operations, and what to do with an answer. settle is called once for every
// piece, from several goroutines at a time, with either an answer or an error.
type job struct {
	size   *sizer
	build  func(rows []int) []piece
	settle func(p piece, answer *remote.Response, err error)
}

// run sends rows in requests of the size that the server takes, side by side.
func (w *Writer) run(ctx context.Context, rows []int, j job) {
	var sending sync.WaitGroup
	for len(rows) > 0 {
		n := min(len(rows), j.size.next())
		part := rows[:n]
		rows = rows[n:]
		if len(rows) == 0 {
			w.exchange(ctx, part, j)
			break
		}
		sending.Go(func() { w.exchange(ctx, part, j) })
	}
	sending.Wait()
}

// exchange sends rows with one request, or with two when that is too large. A server that stops at the first failure is
// asked for the rest: of what stands behind the last answer nothing was done.
func (w *Writer) exchange(ctx context.Context, rows []int, j job) {
	pieces := j.build(rows)
	for len(pieces) > 0 {
		answers, err := w.send(ctx, pieces, j.size)
		if errors.Is(err, errTooLarge) && len(rows) > 1 {
			w.exchange(ctx, rows[:len(rows)/2], j)
			w.exchange(ctx, rows[len(rows)/2:], j)
			return
		}
		if err == nil && len(answers) == 0 {
			err = fault.New(fault.Transient, name+" did not answer a batch as a batch; what became of its rows is unknown, and they can be sent again")
		}
		if err != nil {
			settleAll(pieces, j, err)
			return
		}
		answers = answers[:min(len(answers), len(pieces))]
		for i, answer := range answers {
			j.settle(pieces[i], answer, nil)
		}
		pieces = pieces[len(answers):]
		if isSuccess(answers[len(answers)-1]) {
			settleAll(pieces, j, fault.New(fault.Transient, name+" left operations of a batch unanswered; what became of them is unknown, and they can be sent again"))
			return
		}
		rows = rowsOf(pieces)
	}
}

func settleAll(pieces []piece, j job, err error) {
	for _, p := range pieces {
		j.settle(p, nil, err)
	}
}

func rowsOf(pieces []piece) []int {
	var rows []int
	for _, p := range pieces {
		rows = append(rows, p.rows...)
	}
	return rows
}

// errTooLarge is the cause of a request that carried more than the server takes.
var errTooLarge = errors.New("too large")

// send is one $batch. It returns the answers that came, or why there are none.
func (w *Writer) send(ctx context.Context, pieces []piece, size *sizer) ([]*remote.Response, error) {
	turn, err := w.parallel.acquire(ctx)
	if err != nil {
		return nil, err
	}
	operations := make([]operation, len(pieces))
	for i, p := range pieces {
		operations[i] = p.operation
	}
	boundary, began := newBoundary(), time.Now()
	var answers []*remote.Response
	resp, err := w.client.remote.Do(ctx, remote.Request{
		Method: http.MethodPost, URL: root + "$batch", Kind: "batch", Operations: len(operations), Body: encodeBatch(boundary, operations),
		Header: http.Header{"Content-Type": {`multipart/mixed; boundary="` + boundary + `"`}, "Prefer": {"odata.continue-on-error"}},
		Pause: func(resp *remote.Response) (time.Duration, bool) { // invariant 10
			answers = parseBatch(resp.Header.Get("Content-Type"), resp.Body)
			return pauseOf(answers)
		},
	})
	carried, took := len(rowsOf(pieces)), time.Since(began)
	if err == nil || took > slowRequest {
		size.took(carried, took)
	}
	w.parallel.release(turn, loadOf(answers, err), hintOf(resp))
	if err == nil && len(answers) == 0 && !isSuccess(resp) {
		err = refusedBatch(resp)
	}
	if errors.Is(err, errTooLarge) {
		size.tooMuch(carried)
	}
	return answers, err
}

// refusedBatch is the fault of a batch that was refused as a whole. That is never one row's fault.
func refusedBatch(resp *remote.Response) error {
	said := parseError(resp)
	if resp.Status == http.StatusRequestEntityTooLarge || isTooMany(said.Text) {
		return fault.Wrap(fault.Rejected, errTooLarge, name+" does not take so large a row "+said.trace())
	}
	err := refusal(resp)
	if fault.Is(err, fault.Transient) || fault.Is(err, fault.Throttled) {
		return err
	}
	return fault.Wrap(fault.Fatal, err, fault.Message(err))
}

// isTooMany recognises the texts of the limits of operations, which have no code of their own.
func isTooMany(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "too many operations") || strings.Contains(text, "maximum number of")
}

// loadOf is what the answers to a request say about the load. All three limits of service protection ask for less: of
// those that count over time, too, fewer requests then run into the same refusal.
func loadOf(answers []*remote.Response, err error) verdict {
	var paused *remote.PauseError
	if errors.As(err, &paused) {
		answers = append(answers, paused.Response)
	} else if err != nil {
		return unsure
	}
	learned := fine
	for _, answer := range answers {
		switch {
		case isThrottled(answer):
			return crowded
		case answer.Status >= http.StatusInternalServerError:
			learned = unsure
		}
	}
	return learned
}

// hintOf is the parallelism that the server suggests, 0 where it does not.
func hintOf(resp *remote.Response) int {
	if resp == nil {
		return 0
	}
	hint, err := strconv.Atoi(resp.Header.Get("x-ms-dop-hint"))
	if err != nil {
		return 0
	}
	return max(0, hint)
}
