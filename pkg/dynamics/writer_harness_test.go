package dynamics_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// activityTables are the four tables that egress writes.
func activityTables() []string {
	return []string{"adobe_emailsend", "adobe_emailopen", "adobe_emailurlclick", "adobe_emailbounce"}
}

// known is a contact that is there.
const known = "0c000000-0000-4000-8000-00000000000c"

func (e *environment) withContact() *environment {
	e.Put("contact", map[string]any{"contactid": known, "lastname": "Known"})
	return e
}

// activity is the nth activity of a table, about a contact.
func activity(table string, n int, contact string) dynamics.NewRow {
	return dynamics.NewRow{
		Table: table, ID: fmt.Sprintf("0e000000-0000-4000-8000-%012x", n), Binds: []string{contact},
		Values: map[string]any{
			"subject": fmt.Sprintf("event %d", n), "adobe_campaignname": "Spring", "statecode": 1, "statuscode": 2,
			"regardingobjectid_contact_" + table + "@odata.bind": "/contacts(" + contact + ")",
		},
	}
}

// activities are n rows, of the four tables in turn or of one.
func activities(n int, tables ...string) []dynamics.NewRow {
	var rows []dynamics.NewRow
	for i := range n {
		rows = append(rows, activity(tables[i%len(tables)], i, known))
	}
	return rows
}

// batches counts the requests that wrote.
func (e *environment) batches() int64 { return e.Stats().Get("requests.batch") }

// created is how many rows of the four tables are there; a row that was created twice fails the test.
func (e *environment) created(t failer) int {
	t.Helper()
	n := 0
	for _, table := range activityTables() {
		n += e.Count(table)
		for id, times := range e.Creations(table) {
			if times != 1 {
				t.Fatalf("%s %s was created %d times", table, id, times)
			}
		}
	}
	return n
}

// warm makes the writer know the tables, so that what is counted afterwards are writes.
func (e *environment) warm(t *testing.T, w *dynamics.Writer) {
	t.Helper()
	for i, table := range activityTables() {
		for _, got := range w.Create(t.Context(), []dynamics.NewRow{activity(table, 0xffff0000+i, known)}) {
			if got.Err != nil {
				t.Fatal(got.Err)
			}
		}
	}
	for i, table := range activityTables() {
		e.Delete(table, activity(table, 0xffff0000+i, known).ID)
	}
	e.Stats().Reset()
}

// errorsOf are the places of results with an error.
func errorsOf(results []dynamics.Created) []int {
	var places []int
	for i, r := range results {
		if r.Err != nil {
			places = append(places, i)
		}
	}
	return places
}

// rewriting changes the answers to $batch on their way back.
func (e *environment) rewriting(change func(header http.Header, body []byte) []byte) {
	e.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != dynamicstest.Root+"$batch" {
			return false
		}
		kept := &kept{header: http.Header{}, status: http.StatusOK}
		e.Server.ServeHTTP(kept, r)
		body := change(kept.header, kept.body.Bytes())
		maps.Copy(w.Header(), kept.header)
		w.WriteHeader(kept.status)
		_, _ = w.Write(body)
		return true
	}
}

// kept is an answer that is not sent yet.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *kept) Header() http.Header         { return k.header }
func (k *kept) WriteHeader(status int)      { k.status = status }
func (k *kept) Write(p []byte) (int, error) { return k.body.Write(p) }

// pipes is a network without sockets: HTTP over it runs in a testing/synctest bubble, where waiting costs nothing.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// inBubble starts an environment inside a synctest bubble, on the bubble's clock.
func inBubble(t failer, opt dynamicstest.Options, change func(*dynamics.Config)) (env *environment, stop func()) {
	t.Helper()
	network := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	env = &environment{clock: newClock(), Server: dynamicstest.New(opt)}
	web := &http.Server{Handler: env}
	go func() { _ = web.Serve(network) }() // ends with stop
	pool := &http.Transport{DialContext: network.dial, MaxIdleConnsPerHost: 64}
	cfg := config("http://dynamics.test")
	cfg.Transport = pool
	if change != nil {
		change(&cfg)
	}
	var err error
	if env.client, err = dynamics.New(cfg); err != nil {
		t.Fatalf("New: %v", err)
	}
	return env, func() {
		pool.CloseIdleConnections()
		_ = web.Close()
		_ = network.Close()
	}
}

// failure is what failed inside a bubble.
type failure string

// failing takes failures out of a bubble, in which rapid cannot work.
type failing struct{}

func (failing) Helper()                           {}
func (failing) Fatalf(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

// bubble runs a check that rapid has drawn inside a synctest bubble.
func bubble(t *testing.T, r *rapid.T, check func(t failer)) {
	var failed failure
	synctest.Test(t, func(*testing.T) {
		defer func() {
			switch p := recover().(type) {
			case nil:
			case failure:
				failed = p
			default:
				panic(p)
			}
		}()
		check(failing{})
	})
	if failed != "" {
		r.Fatal(string(failed))
	}
}

// quiet says that nothing was sent while the server wanted a pause (invariant 10).
func (e *environment) quiet(t failer) {
	t.Helper()
	if n := e.Stats().Get(remotetest.DuringRetryAfter); n != 0 {
		t.Fatalf("%d requests inside Retry-After", n)
	}
}

// places picks some of n places.
func places(n int, every int) []int {
	var picked []int
	for i := 0; i < n; i += every {
		picked = append(picked, i)
	}
	return slices.Clip(picked)
}
