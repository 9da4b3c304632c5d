package dynamicstest

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

const (
	defaultBatchSize = 1000
	continueOnError  = "odata.continue-on-error"
)

// batch answers $batch: its requests one after the other, each with an answer of its own (Dataverse docs, Execute batch
// operations). Without continue-on-error the first failure ends it and is its status; what was done before stays done.
func (s *Server) batch(w http.ResponseWriter, r *http.Request) *odataError {
	items, bad := readBatch(r)
	if bad != nil {
		return bad
	}
	if bad := s.checkSize(items); bad != nil {
		return bad
	}
	goOn := strings.Contains(r.Header.Get("Prefer"), continueOnError) && !s.opt.NoContinueOnError
	answers := batchAnswer{boundary: "batchresponse_" + newGUID().String()}
	status, throttled := http.StatusOK, int64(0)
	for _, one := range items {
		failed, refused := s.answerItem(&answers, r, one)
		if refused {
			throttled++
		}
		if failed != 0 && !goOn {
			status = failed
			break
		}
	}
	if goOn {
		w.Header().Set("Preference-Applied", continueOnError)
	}
	if throttled > 0 { // the window opens when the client can know of it
		s.faults.Throttle(newRecorder(), r, s.retryAfter())
		s.stats.Counter(remotetest.Throttled).Add(throttled - 1)
	}
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", seconds(s.retryAfter()))
	}
	answers.send(w, status)
	return nil
}

// checkSize refuses too many operations. The odd limit holds for every other batch.
func (s *Server) checkSize(items []item) *odataError {
	operations := 0
	for _, one := range items {
		operations += max(1, len(one.set))
	}
	limit := s.opt.BatchSize
	if limit == 0 {
		limit = defaultBatchSize
	}
	if n := s.batches.Add(1); s.opt.OddBatchSize > 0 && n%2 == 1 {
		limit = min(limit, s.opt.OddBatchSize)
	}
	if operations > limit {
		return fail(http.StatusBadRequest, codeArgument, "The batch request has too many operations. A maximum number of '%d' operations are allowed in a change set.", limit)
	}
	return nil
}

// answerItem answers one part. failed is the status of a failure, refused says that it was throttled.
func (s *Server) answerItem(answers *batchAnswer, outer *http.Request, one item) (failed int, refused bool) {
	rec := newRecorder()
	if bad := s.refusePart(s.issuer.Client(outer)); bad != nil {
		rec.header.Set("Retry-After", seconds(s.retryAfter()))
		writeError(rec, bad)
		answers.add(rec, "")
		return bad.status, true
	}
	if one.atomic {
		return s.answerSet(answers, one), false
	}
	one.request.Header.Set("Authorization", outer.Header.Get("Authorization"))
	if err := s.dispatch(rec, one.request, strings.TrimPrefix(one.request.URL.Path, Root)); err != nil {
		writeError(rec, err)
	}
	answers.add(rec, "")
	if rec.status >= http.StatusBadRequest {
		failed = rec.status
	}
	return failed, false
}

func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// batchAnswer is the multipart body of the answers.
type batchAnswer struct {
	boundary string
	body     bytes.Buffer
}

// add writes the answer of one request.
func (b *batchAnswer) add(rec *recorder, contentID string) {
	fmt.Fprintf(&b.body, "--%s\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n", b.boundary)
	if contentID != "" {
		fmt.Fprintf(&b.body, "Content-ID: %s\r\n", contentID)
	}
	fmt.Fprintf(&b.body, "\r\nHTTP/1.1 %d %s\r\n", rec.status, http.StatusText(rec.status))
	if rec.status >= http.StatusBadRequest {
		fmt.Fprintf(&b.body, "REQ_ID: %s\r\n", newGUID())
	}
	names := make([]string, 0, len(rec.header))
	for name := range rec.header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if rec.status != http.StatusNoContent || name != "Content-Type" {
			fmt.Fprintf(&b.body, "%s: %s\r\n", name, rec.header.Get(name))
		}
	}
	b.body.WriteString("\r\n")
	b.body.Write(bytes.TrimRight(rec.body.Bytes(), "\n"))
	b.body.WriteString("\r\n")
}

func (b *batchAnswer) send(w http.ResponseWriter, status int) {
	w.Header().Set("OData-Version", "4.0")
	w.Header().Set("Content-Type", "multipart/mixed; boundary="+b.boundary)
	w.WriteHeader(status)
	fmt.Fprintf(&b.body, "--%s--\r\n", b.boundary)
	_, _ = w.Write(b.body.Bytes()) // a client that went away is not our trouble
}

// recorder keeps the answer of one request.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newRecorder() *recorder { return &recorder{header: http.Header{}, status: http.StatusOK} }

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }
