package dynamics_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// synced is an environment with some contacts and a reader that has read them.
func synced(t *testing.T, opt dynamicstest.Options, contacts int) (*environment, *reader) {
	t.Helper()
	env := newEnvironment(t, opt)
	env.Seed(contacts, 1)
	r := env.reader(dynamics.SourceConfig{})
	r.drain(t)
	r.pages, r.notices = nil, nil
	return env, r
}

func (r *reader) anyKey() string {
	keys := make([]string, 0, len(r.replica))
	for key := range r.replica {
		keys = append(keys, key)
	}
	return slices.Min(keys)
}

// 1. The change token has expired, and rows were deleted meanwhile: everything is read again, and the deletions are found.
func TestSurvives_DeltaTokenExpired(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		expire func(*environment)
	}{
		"seven idle days":  {0, func(env *environment) { env.clock.advance(7*24*time.Hour + time.Second) }},
		"changed metadata": {0, func(env *environment) { env.ChangeMetadata("contact") }},
		"another status":   {http.StatusGone, func(env *environment) { env.ChangeMetadata("contact") }},
		"a server error":   {http.StatusInternalServerError, func(env *environment) { env.ChangeMetadata("contact") }},
		"by the fault":     {0, func(env *environment) { env.Inject(remotetest.Fault{Kind: remotetest.ExpireLinks}) }},
	} {
		t.Run(name, func(t *testing.T) {
			env, r := synced(t, dynamicstest.Options{ExpiredStatus: tc.status}, 50)
			env.Delete("contact", r.anyKey())
			env.put("", "new")
			tc.expire(env)
			r.drain(t)
			r.replica.compare(t, env)
			want := "change tracking of contact has expired: reading it again from the beginning"
			if len(r.notices) != 1 || r.notices[0] != want {
				t.Errorf("notices = %q", r.notices)
			}
			env.put("", "newer")
			r.drain(t)
			r.replica.compare(t, env)
		})
	}
}

// A change link that never works does not make the source read the table for ever.
func TestRestartsEnd(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Seed(3, 1)
	env.before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.RawQuery, "deltatoken") {
			w.WriteHeader(http.StatusBadRequest)
			return true
		}
		return false
	}
	r := env.reader(dynamics.SourceConfig{})
	for range 100 {
		page, err := r.source.Read(t.Context(), r.position)
		if err != nil {
			if !fault.Is(err, fault.Fatal) || len(r.notices) != 5 {
				t.Errorf("after %d restarts: %v", len(r.notices), err)
			}
			return
		}
		r.take(t, page)
	}
	t.Error("the source reads the table for ever")
}

// The keys that are known cannot be listed for a moment: what was scanned is kept.
func TestSweepKeepsItsScan(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Seed(3, 1)
	failures := 3
	source := env.client.Source(dynamics.SourceConfig{Table: "contact", Known: func(context.Context) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			if failures--; failures >= 0 {
				yield("", fault.New(fault.Transient, "the bus is away"))
			}
		}
	}})
	var position record.Position
	failed := 0
	for position == nil || phase(t, position) != "changes" {
		page, err := source.Read(t.Context(), position)
		if err != nil {
			if failed++; !fault.Is(err, fault.Transient) || !strings.Contains(err.Error(), "the bus is away") {
				t.Fatal(err)
			}
			continue
		}
		position = page.Next
	}
	if n := env.Stats().Get("requests.read"); failed != 3 || n != 3 {
		t.Errorf("%d failures, %d requests; want 3 and one each for load, overlap and scan", failed, n)
	}
}

// 15. The same error with its code as a signed number, as SDKs spell it.
func TestSurvives_ExpiredCodeAsNumber(t *testing.T) {
	env, r := synced(t, dynamicstest.Options{}, 3)
	env.before = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.RawQuery, "deltatoken") {
			return false
		}
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = fmt.Fprint(w, `{"error":{"code":"-2147204270","message":""}}`)
		return true
	}
	if page := r.next(t); page.Notice == "" || len(page.Records) != 3 {
		t.Errorf("%d records, notice %q", len(page.Records), page.Notice)
	}
}

// A row that is absent from the scan and there when it is asked for is not deleted.
func TestSweepVerifies(t *testing.T) {
	env, r := synced(t, dynamicstest.Options{}, 5)
	back, gone := r.anyKey(), ""
	for key := range r.replica {
		if key != back {
			gone = key
		}
	}
	env.Delete("contact", back)
	env.Delete("contact", gone)
	env.ChangeMetadata("contact")
	for phase(t, r.position) != "sweep" {
		r.next(t)
	}
	r.next(t) // the scan
	env.put(back, "created again behind the scan")
	var deleted []string
	for phase(t, r.position) == "sweep" {
		for _, rec := range r.next(t).Records {
			deleted = append(deleted, rec.Key)
		}
	}
	if len(deleted) != 1 || deleted[0] != gone {
		t.Errorf("deleted %v, want %s", deleted, gone)
	}
	r.drain(t)
	r.replica.compare(t, env)
}

// Many deletions at once come in pages, and a crash between them sweeps again.
func TestSweepInPages(t *testing.T) {
	env, r := synced(t, dynamicstest.Options{}, 6000)
	kept := r.anyKey()
	for key := range r.replica {
		if key != kept {
			env.Delete("contact", key)
		}
	}
	env.ChangeMetadata("contact")
	env.Stats().Reset()
	pages := 0
	for {
		page := r.next(t)
		if len(page.Records) > 0 && page.Records[0].Op == record.Delete {
			if pages++; pages == 10 {
				restarted := env.reader(dynamics.SourceConfig{})
				for key, name := range r.replica {
					restarted.replica[key] = name
				}
				restarted.position = r.position
				r = restarted
			}
		}
		if !page.More {
			break
		}
	}
	r.replica.compare(t, env)
	if n := env.Stats().Get("requests.read"); n > 90 {
		t.Errorf("%d requests to find 5,999 deletions", n)
	}
}

// A sweep belongs to one load: the next one looks for itself, also when nothing changed in between.
func TestSecondLoadSweepsAnew(t *testing.T) {
	env, r := synced(t, dynamicstest.Options{}, 2)
	r.replica["00000000-0000-4000-8000-000000000001"] = "a row that went while the source was away"
	r.position = nil
	r.drain(t)
	r.replica.compare(t, env)
}

func TestWithoutKnownKeysThereIsNoSweep(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Seed(3, 1)
	source := env.client.Source(dynamics.SourceConfig{Table: "contact"})
	var position record.Position
	for range 3 {
		page, err := source.Read(t.Context(), position)
		if err != nil {
			t.Fatal(err)
		}
		position = page.Next
	}
	if phase(t, position) != "changes" {
		t.Errorf("phase %s after load, overlap and one poll", phase(t, position))
	}
}

// 4. Created and deleted between two polls: a deletion of a row that nobody knew.
func TestSurvives_DeletionOfUnknownRow(t *testing.T) {
	env, r := synced(t, dynamicstest.Options{}, 2)
	id := env.put("", "short life")
	env.Delete("contact", id)
	page := r.next(t)
	if len(page.Records) != 1 || page.Records[0].Op != record.Delete || page.Records[0].Key != id || page.Records[0].Version != 0 {
		t.Errorf("records = %+v", page.Records)
	}
}

// 4. Deleted and created again: the environment reports both, deletions last, and the row must stay.
func TestSurvives_DeletedAndCreatedAgain(t *testing.T) {
	for _, size := range []int{998, 1} {
		t.Run(fmt.Sprint("pages of ", size), func(t *testing.T) {
			env := newEnvironment(t, dynamicstest.Options{})
			env.Seed(3, 1)
			r := env.reader(dynamics.SourceConfig{PageSize: size})
			r.drain(t)
			id, gone := r.anyKey(), ""
			for key := range r.replica {
				if key != id {
					gone = key
				}
			}
			env.Delete("contact", id)
			env.put(id, "again")
			env.put(gone, "changed, then deleted")
			env.Delete("contact", gone)
			r.drain(t)
			r.replica.compare(t, env)
		})
	}
}

// 4. The same row twice in one answer, in any order; keys in any spelling.
func TestSurvives_SameRowTwice(t *testing.T) {
	env, r := synced(t, dynamicstest.Options{}, 1)
	const id = "0A000000-0000-4000-8000-00000000000B"
	item := func(version int, name string) string {
		return fmt.Sprintf(`{"@odata.etag":"W/\"%d\"","contactid":"{%s}","lastname":"%s"}`, version, id, name)
	}
	env.before = rewriting(env, func(r *http.Request) bool { return true }, func(body map[string]json.RawMessage) {
		body["value"] = json.RawMessage("[" + item(7, "old") + "," + item(9, "newest") + "," + item(8, "newer") + "]")
	})
	page := r.next(t)
	if len(page.Records) != 1 || page.Records[0].Version != 9 || page.Records[0].Key != strings.ToLower(id) ||
		!strings.Contains(string(page.Records[0].Data), "newest") {
		t.Errorf("records = %+v", page.Records)
	}
}

// A change link with many pages: what changes while they are read comes with the next link.
func TestChangesInPages(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Seed(30, 1)
	r := env.reader(dynamics.SourceConfig{PageSize: 4})
	r.drain(t)
	for key := range r.replica {
		env.put(key, "changed "+key)
	}
	r.next(t)
	env.put(r.anyKey(), "changed behind the first page")
	env.Delete("contact", r.pages[len(r.pages)-1].Records[0].Key)
	// The pages of the link stop working: they begin again.
	env.before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.RawQuery, "skiptoken") {
			env.before = nil
			w.WriteHeader(http.StatusGone)
			return true
		}
		return false
	}
	r.drain(t)
	r.drain(t)
	r.replica.compare(t, env)
	if len(r.notices) != 0 {
		t.Errorf("notices = %q", r.notices)
	}
}

// 16. Null is a value; an absent column stays absent.
func TestSurvives_NullAndAbsent(t *testing.T) {
	env, r := synced(t, dynamicstest.Options{}, 1)
	env.Put("contact", map[string]any{"contactid": r.anyKey(), "lastname": nil})
	page := r.next(t)
	if got := string(page.Records[0].Data); !strings.Contains(got, `"lastname":null`) {
		t.Errorf("null: %s", got)
	}
	env.before = rewriting(env, func(*http.Request) bool { return true }, func(body map[string]json.RawMessage) {
		body["value"] = json.RawMessage(`[{"contactid":"` + r.anyKey() + `"}]`)
	})
	page = r.next(t)
	if got := string(page.Records[0].Data); strings.Contains(got, "lastname") || page.Records[0].Version != 0 {
		t.Errorf("absent: %s, version %d", got, page.Records[0].Version)
	}
}
