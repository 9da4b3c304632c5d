package dynamics_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

func phase(t *testing.T, position record.Position) string {
	t.Helper()
	var p struct{ Phase string }
	if err := json.Unmarshal(position, &p); err != nil {
		t.Fatal(err)
	}
	return p.Phase
}

func link(t *testing.T, position record.Position) string {
	t.Helper()
	var p struct{ Link, Delta string }
	if err := json.Unmarshal(position, &p); err != nil {
		t.Fatal(err)
	}
	if p.Link != "" {
		return p.Link
	}
	return p.Delta
}

func TestLoadThenChanges(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	for i := range 5 {
		env.put("", fmt.Sprint("row ", i))
	}
	env.clock.advance(time.Hour)
	r := env.reader(dynamics.SourceConfig{PageSize: 2, Now: func() time.Time { return time.Unix(1, 0) }})
	var phases []string
	for {
		page := r.next(t)
		phases = append(phases, phase(t, page.Next))
		if len(phases) <= 3 {
			want := record.Progress{}
			if len(phases) < 3 {
				want = record.Progress{Read: int64(2 * len(phases)), Expected: 5}
			}
			if page.Progress != want {
				t.Errorf("progress of page %d = %+v, want %+v", len(phases), page.Progress, want)
			}
		}
		if !page.More {
			break
		}
	}
	if want := []string{"load", "load", "overlap", "sweep", "sweep", "changes", "changes"}; !cmp.Equal(phases, want) {
		t.Errorf("phases %v, want %v", phases, want)
	}
	first := r.pages[0].Records[0]
	if !first.Snapshot || first.Op != record.Upsert || first.Source != "contact" || first.Version == 0 || !first.ReadAt.Equal(time.Unix(1, 0)) {
		t.Errorf("first record = %+v", first)
	}
	r.replica.compare(t, env)

	gone := r.pages[0].Records[0].Key
	env.Delete("contact", gone)
	id := env.put("", "new")
	page := r.next(t)
	if len(page.Records) != 2 || page.Records[0].Key != id || page.Records[0].Snapshot || page.Records[1].Op != record.Delete || page.Records[1].Key != gone {
		t.Errorf("changes = %+v", page.Records)
	}
	r.replica.compare(t, env)
	if page = r.next(t); page.Records != nil || page.More || len(page.Next) == 0 {
		t.Errorf("an idle read brings %+v", page)
	}
}

// 2. A crash in the middle of the load: it goes on where it stood, and no change link is stored before the last page.
func TestSurvives_CrashDuringLoad(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Seed(20, 1)
	r := env.reader(dynamics.SourceConfig{PageSize: 5})
	r.next(t)
	r.next(t)
	if got := link(t, r.position); !strings.Contains(got, "$skiptoken=") {
		t.Fatalf("the position holds %s", got)
	}
	crashed := env.reader(dynamics.SourceConfig{PageSize: 5})
	crashed.position = r.position
	page := crashed.next(t)
	if len(page.Records) != 5 || page.Progress.Read != 15 {
		t.Errorf("after the crash: %d records, %+v", len(page.Records), page.Progress)
	}
	for _, rec := range page.Records {
		if _, again := r.replica[rec.Key]; again {
			t.Error("the load began again")
		}
	}
}

// 2. The change link is left out when annotations are asked for (powerapps-docs issue 439).
func TestSurvives_NoDeltaLinkWithAnnotations(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.put("", "a")
	env.before = withoutDeltaLink(env, func(r *http.Request) bool { return strings.Contains(r.Header.Get("Prefer"), "annotations") })
	r := env.reader(dynamics.SourceConfig{FormattedValues: true})
	r.drain(t)
	env.put("", "b")
	r.drain(t)
	r.replica.compare(t, env)

	env.before = withoutDeltaLink(env, func(*http.Request) bool { return true })
	_, err := env.client.Source(dynamics.SourceConfig{Table: "contact"}).Read(t.Context(), nil)
	if !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), "change tracking") {
		t.Errorf("without any link: %v", err)
	}
}

func withoutDeltaLink(env *environment, concerns func(*http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
	return rewriting(env, concerns, func(body map[string]json.RawMessage) { delete(body, "@odata.deltaLink") })
}

// rewriting changes the JSON of some answers.
func rewriting(env *environment, concerns func(*http.Request) bool, change func(map[string]json.RawMessage)) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, dynamicstest.Root+"contacts") || !concerns(r) {
			return false
		}
		got := &capture{header: http.Header{}}
		env.Server.ServeHTTP(got, r)
		var body map[string]json.RawMessage
		if json.Unmarshal([]byte(got.body.String()), &body) == nil {
			change(body)
		}
		text, _ := json.Marshal(body)
		w.Header().Set("Date", got.header.Get("Date"))
		w.WriteHeader(got.status)
		_, _ = w.Write(text)
		return true
	}
}

type capture struct {
	header http.Header
	status int
	body   strings.Builder
}

func (c *capture) Header() http.Header         { return c.header }
func (c *capture) WriteHeader(status int)      { c.status = status }
func (c *capture) Write(p []byte) (int, error) { return c.body.Write(p) }

// 3. A row that was read on the first page and changed before the last, and one that was deleted.
func TestSurvives_ChangesDuringLoad(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Seed(20, 1)
	r := env.reader(dynamics.SourceConfig{PageSize: 5})
	first := r.next(t).Records
	env.clock.advance(time.Hour)
	env.put(first[0].Key, "changed behind the load")
	env.Delete("contact", first[1].Key)
	r.drain(t)
	r.replica.compare(t, env)
	for _, page := range r.pages[4:] {
		for _, rec := range page.Records {
			if rec.Snapshot {
				t.Errorf("a change is marked as a snapshot: %s", rec.Key)
			}
		}
	}
}

// 18. Record times are the server's, and the clocks of its machines differ.
func TestSurvives_ClockSkew(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Seed(4, 1)
	env.put("", "four minutes early")
	env.clock.advance(4 * time.Minute)
	var filter atomic.Value
	env.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if f := r.URL.Query().Get("$filter"); f != "" {
			filter.Store(f)
		}
		return false
	}
	r := env.reader(dynamics.SourceConfig{})
	r.next(t)
	if page := r.next(t); len(page.Records) != 1 {
		t.Errorf("the overlap brings %d rows, want the one", len(page.Records))
	}
	if want := "modifiedon ge " + env.clock.now().Add(-5*time.Minute).Format(time.RFC3339); filter.Load() != want {
		t.Errorf("asked for %s, want %s: by the server's clock", filter.Load(), want)
	}
}

// 6. Links are used verbatim, and the preferences are repeated on every page.
func TestSurvives_LinksVerbatim(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Seed(30, 1)
	given := map[string]bool{}
	env.before = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, dynamicstest.Root+"contacts") {
			return false
		}
		if asked := "http://" + r.Host + r.URL.RequestURI(); strings.Contains(asked, "token=") && !given[asked] {
			t.Errorf("asked for %s, which was not given out", asked)
		}
		if strings.Contains(r.URL.RawQuery, "skiptoken") && !strings.Contains(r.Header.Get("Prefer"), "odata.maxpagesize=") {
			t.Error("the page size is not repeated")
		}
		got := &capture{header: http.Header{}}
		env.Server.ServeHTTP(got, r)
		var body struct {
			Next  string `json:"@odata.nextLink"`
			Delta string `json:"@odata.deltaLink"`
		}
		_ = json.Unmarshal([]byte(got.body.String()), &body)
		given[body.Next], given[body.Delta] = true, true
		_, _ = io.WriteString(w, got.body.String())
		return true
	}
	r := env.reader(dynamics.SourceConfig{PageSize: 10})
	r.drain(t)
	r.drain(t)
	if len(r.replica) != 30 {
		t.Errorf("%d rows", len(r.replica))
	}
}

// 6. A link to another origin would carry the token there.
func TestSurvives_LinkToAnotherOrigin(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Seed(4, 1)
	env.before = rewriting(env, func(*http.Request) bool { return true }, func(body map[string]json.RawMessage) {
		for _, name := range []string{"@odata.nextLink", "@odata.deltaLink"} {
			if _, ok := body[name]; ok {
				body[name] = json.RawMessage(`"https://evil.example/api/data/v9.2/contacts?$skiptoken=1"`)
			}
		}
	})
	r := env.reader(dynamics.SourceConfig{PageSize: 2})
	_, err := r.source.Read(t.Context(), nil)
	if !fault.Is(err, fault.Fatal) || strings.Contains(err.Error(), "evil.example/") {
		t.Errorf("err = %v", err)
	}
}

// 6. A page link stops working after a long pause.
func TestSurvives_DeadPageLink(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Seed(20, 1)
	r := env.reader(dynamics.SourceConfig{PageSize: 5})
	r.next(t)
	env.ExpireLinks()
	page := r.next(t)
	if page.Notice == "" || page.Progress.Read != 5 {
		t.Errorf("notice %q, progress %+v; want a load that begins again", page.Notice, page.Progress)
	}
	for phase(t, r.position) != "overlap" {
		r.next(t)
	}
	r.drain(t)
	r.replica.compare(t, env)
	if len(r.notices) != 1 {
		t.Errorf("notices: %q", r.notices)
	}
}

// 8. The token ends in the middle of a read.
func TestSurvives_TokenRevokedBetweenPages(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Seed(10, 1)
	r := env.reader(dynamics.SourceConfig{PageSize: 5})
	r.next(t)
	env.Issuer().RevokeAll()
	if page := r.next(t); len(page.Records) != 5 {
		t.Errorf("%d records", len(page.Records))
	}
	if n := env.Stats().Get("requests.token"); n != 2 {
		t.Errorf("%d tokens", n)
	}
}

// 16. The preference for a page size is not applied: a large answer comes, and is handed over in pages that fit.
func TestSurvives_PageSizeIgnored(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Seed(2500, 1)
	env.unsized.Store(true)
	r := env.reader(dynamics.SourceConfig{})
	var sizes []int
	for len(r.replica) < 2500 {
		sizes = append(sizes, len(r.next(t).Records))
	}
	if want := []int{998, 998, 504}; !cmp.Equal(sizes, want) {
		t.Errorf("pages of %v, want %v", sizes, want)
	}
	// Until the last slice, a crash repeats the answer.
	for i, page := range r.pages[:2] {
		crashed := env.reader(dynamics.SourceConfig{})
		crashed.position = page.Next
		again := crashed.next(t)
		if again.Records[0].Key != r.pages[0].Records[0].Key {
			t.Errorf("after slice %d a crash goes on with another row than the first", i)
		}
	}
}

func TestReadIsRepeatable(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Seed(1500, 1)
	env.unsized.Store(true)
	r := env.reader(dynamics.SourceConfig{})
	page := r.next(t)
	again, err := r.source.Read(t.Context(), page.Next)
	if err != nil {
		t.Fatal(err)
	}
	if second := r.next(t); second.Records[0].Key != again.Records[0].Key || string(second.Next) != string(again.Next) {
		t.Error("a position that was read twice gave two answers")
	}
}
