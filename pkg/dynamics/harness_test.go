package dynamics_test

import (
	"context"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/record"
)

// clock is the environment's clock; tests move it.
type clock struct {
	seconds atomic.Int64
	// step is by how much every look at the clock moves it.
	step atomic.Int64
}

func newClock() *clock {
	c := &clock{}
	c.seconds.Store(time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC).Unix())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(c.seconds.Add(c.step.Load()), 0).UTC() }
func (c *clock) advance(d time.Duration) { c.seconds.Add(int64(d / time.Second)) }

// failer is what *testing.T and *rapid.T have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// environment is a simulated Dataverse with a client of it.
type environment struct {
	*dynamicstest.Server
	clock  *clock
	web    *httptest.Server
	client *dynamics.Client
	// unsized makes the server forget that a page size was preferred.
	unsized atomic.Bool
	// before sees every request first; set it before the first one.
	before func(http.ResponseWriter, *http.Request) (answered bool)
}

func (e *environment) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if e.unsized.Load() {
		var kept []string
		for _, preference := range strings.Split(r.Header.Get("Prefer"), ",") {
			if !strings.HasPrefix(preference, "odata.maxpagesize") {
				kept = append(kept, preference)
			}
		}
		r.Header.Set("Prefer", strings.Join(kept, ","))
	}
	if e.before == nil || !e.before(w, r) {
		e.Server.ServeHTTP(w, r)
	}
}

func newEnvironment(t *testing.T, opt dynamicstest.Options) *environment {
	t.Helper()
	env, stop := startEnvironment(t, opt)
	t.Cleanup(stop)
	return env
}

func startEnvironment(t failer, opt dynamicstest.Options) (env *environment, stop func()) {
	t.Helper()
	env = &environment{clock: newClock()}
	opt.Now = env.clock.now
	env.Server = dynamicstest.New(opt)
	env.web = httptest.NewServer(env)
	client, err := dynamics.New(config(env.web.URL))
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	env.client = client
	return env, func() { client.Close(); env.web.Close() }
}

func config(url string) dynamics.Config {
	return dynamics.Config{URL: url, TokenURL: url + "/sandbox/oauth2/v2.0/token", ClientID: "causeway", ClientSecret: "causeway-sandbox"}
}

// put creates or updates a contact.
func (e *environment) put(id, lastname string) string {
	values := map[string]any{"lastname": lastname}
	if id != "" {
		values["contactid"] = id
	}
	return e.Put("contact", values)
}

// replica is what a destination would hold after writing the records in order.
type replica map[string]string

func (r replica) apply(t failer, records []record.Record) {
	t.Helper()
	for _, rec := range records {
		if err := rec.Validate(); err != nil {
			t.Fatalf("%v", err)
		}
		if rec.Op == record.Delete {
			delete(r, rec.Key)
			continue
		}
		values, err := rec.Values()
		if err != nil {
			t.Fatalf("%v", err)
		}
		r[rec.Key], _ = values["lastname"].(string)
	}
}

// known yields the replica's keys, as the queue would tell them.
func (r replica) known(context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for key := range maps.Clone(r) {
			if !yield(key, nil) {
				return
			}
		}
	}
}

func (r replica) compare(t failer, env *environment) {
	t.Helper()
	want := replica{}
	for id, values := range env.Rows("contact") {
		want[id], _ = values["lastname"].(string)
	}
	for key, name := range want {
		if got, ok := r[key]; !ok || got != name {
			t.Fatalf("row %s is %q (there: %v), want %q", key, got, ok, name)
		}
	}
	for key := range r {
		if _, ok := want[key]; !ok {
			t.Fatalf("row %s was deleted and is still there", key)
		}
	}
}

// reader reads as the pump does: a page is applied, then its position is kept.
type reader struct {
	source   *dynamics.Source
	position record.Position
	replica  replica
	notices  []string
	pages    []record.Page
}

func (e *environment) reader(cfg dynamics.SourceConfig) *reader {
	r := &reader{replica: replica{}}
	if cfg.Table == "" {
		cfg.Table = "contact"
	}
	if cfg.Columns == nil {
		cfg.Columns = []string{"lastname"}
	}
	cfg.Known = r.replica.known
	r.source = e.client.Source(cfg)
	return r
}

func (r *reader) next(t failer) record.Page {
	t.Helper()
	page, err := r.source.Read(context.Background(), r.position)
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	r.take(t, page)
	return page
}

func (r *reader) take(t failer, page record.Page) {
	t.Helper()
	if len(page.Records) > dynamics.MaxPageSize {
		t.Fatalf("a page of %d records", len(page.Records))
	}
	r.replica.apply(t, page.Records)
	r.position = page.Next
	r.pages = append(r.pages, page)
	if page.Notice != "" {
		r.notices = append(r.notices, page.Notice)
	}
}

// drain reads until the source has nothing more.
func (r *reader) drain(t failer) {
	t.Helper()
	for range 10_000 {
		if !r.next(t).More {
			return
		}
	}
	t.Fatalf("the source does not come to an end")
}
