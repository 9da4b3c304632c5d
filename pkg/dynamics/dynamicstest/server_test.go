package dynamicstest_test

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

func contents(env *environment) map[string]map[string]any {
	all := map[string]map[string]any{}
	for id, row := range env.Rows("contact") {
		all[id] = row
	}
	return all
}

func TestSeedIsTheSameEveryTime(t *testing.T) {
	first, second, other := newEnvironment(t, dynamicstest.Options{}), newEnvironment(t, dynamicstest.Options{}), newEnvironment(t, dynamicstest.Options{})
	first.Seed(400, 7)
	second.Seed(400, 7)
	other.Seed(400, 8)
	if diff := cmp.Diff(contents(first), contents(second)); diff != "" {
		t.Error(diff)
	}
	for id := range contents(first) {
		if _, ok := other.Row("contact", id); ok {
			t.Errorf("another seed has the row %s too", id)
		}
	}
	long, foreign, empty := 0, 0, 0
	for _, row := range first.Rows("contact") {
		firstname, _ := row["firstname"].(string)
		if row["modifiedon"].(string) > "2024-01-31" {
			t.Errorf("a seeded row looks new: %s", row["modifiedon"])
		}
		if utf8.RuneCountInString(firstname) > 30 {
			long++
		}
		if len(firstname) > utf8.RuneCountInString(firstname) {
			foreign++
		}
		if row["birthdate"] == nil {
			empty++
		}
	}
	if long == 0 || foreign == 0 || empty == 0 {
		t.Errorf("%d long, %d foreign, %d empty: nothing to stumble over", long, foreign, empty)
	}
}

func TestTouch(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Seed(50, 1)
	before := env.page("contacts?$select=lastname", "Prefer", "odata.track-changes")
	done := env.Touch(200, rand.New(rand.NewPCG(1, 2)))
	if done.Created+done.Updated+done.Deleted != 200 || done.Created < 20 || done.Deleted < 5 || done.Updated < 80 {
		t.Errorf("%+v", done)
	}
	if env.Count("contact") != 50+done.Created-done.Deleted {
		t.Errorf("%d rows after %+v", env.Count("contact"), done)
	}
	deleted := 0
	for _, row := range env.page(before.Delta).Value {
		if row["reason"] == "deleted" {
			deleted++
		}
	}
	if deleted != done.Deleted {
		t.Errorf("%d deletions are reported of %d", deleted, done.Deleted)
	}
}

func TestStatsAndFaults(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Put("contact", map[string]any{"lastname": "x"})
	env.get("contacts")
	env.get("WhoAmI()")
	env.send("POST", "contacts", `{}`)
	want := `{"requests":{"read":1,"write":1,"batch":0,"metadata":1,"token":0},"throttled":0,"duringRetryAfter":0}`
	if got := env.get(env.web.URL + "/_sandbox/stats"); strings.TrimSpace(got.body) != want {
		t.Errorf("stats %s", got.body)
	}
	inject := func(fault string) {
		t.Helper()
		if got := env.send("POST", env.web.URL+"/_sandbox/faults", fault); got.status != 201 {
			t.Fatalf("%s: %d %s", fault, got.status, got.body)
		}
	}
	delta := env.page("contacts", "Prefer", "odata.track-changes").Delta
	inject(`{"kind":"expire-links"}`)
	if got := env.get(delta); got.code() != "0x80044352" {
		t.Errorf("expire-links: %d %s", got.status, got.body)
	}
	inject(`{"kind":"error","status":500,"seconds":30}`)
	if got := env.get("contacts"); got.status != 500 || got.code() == "" {
		t.Errorf("error: %d %s", got.status, got.body)
	}
	env.send("DELETE", env.web.URL+"/_sandbox/faults", "")
	inject(`{"kind":"throttle","retryAfter":2,"seconds":1}`)
	if got := env.get("contacts"); got.status != 429 || got.code() != "0x80072322" || got.header.Get("Retry-After") != "2" {
		t.Errorf("throttle: %d %s, Retry-After %s", got.status, got.body, got.header.Get("Retry-After"))
	}
	env.advance(2 * time.Second)
	inject(`{"kind":"expire-tokens"}`)
	if got := env.get("contacts"); got.status != 401 {
		t.Errorf("expire-tokens: %d", got.status)
	}
}

// The limits are the vendor's three kinds; a client that pushes waits longer.
func TestServiceProtectionLimits(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{Limits: &dynamicstest.Limits{Requests: 3, Window: 100 * time.Second}})
	for range 3 {
		if got := env.get("contacts"); got.status != 200 {
			t.Fatalf("within the limit: %d", got.status)
		}
	}
	if got := env.get("contacts"); got.status != 429 || got.code() != "0x80072322" || got.header.Get("Retry-After") != "2" {
		t.Errorf("requests: %d %s, Retry-After %s", got.status, got.body, got.header.Get("Retry-After"))
	}
	env.advance(time.Second)
	if got := env.get("contacts"); got.header.Get("Retry-After") != "2" || env.Stats().Get(remotetest.DuringRetryAfter) != 1 {
		t.Errorf("a pushing client: Retry-After %s", got.header.Get("Retry-After"))
	}
	env.advance(100 * time.Second)
	if got := env.get("contacts"); got.status != 200 {
		t.Errorf("a window later: %d", got.status)
	}
}

func TestConcurrencyLimit(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{Limits: &dynamicstest.Limits{Concurrent: 1}})
	env.Seed(20000, 1)
	var wg sync.WaitGroup
	codes := make(chan string, 50)
	for range 50 {
		wg.Go(func() { codes <- env.get("contacts?$orderby=lastname&$top=1").code() })
	}
	wg.Wait()
	close(codes)
	refused := 0
	for code := range codes {
		if code == "0x80072326" {
			refused++
		}
	}
	if refused == 0 {
		t.Error("fifty requests at once, and none is one too many")
	}
}

// Reads and writes at the same time, for the race detector; and the log, which is compacted on the way.
func TestConcurrentUse(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Seed(300, 1)
	delta := env.page("contacts?$select=lastname", "Prefer", "odata.track-changes").Delta
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() { env.Touch(1500, rand.New(rand.NewPCG(uint64(i), 0))) })
		wg.Go(func() {
			for range 10 {
				env.page("contacts?$orderby=modifiedon,contactid&$top=50")
			}
		})
	}
	wg.Wait()
	for _, row := range env.page(delta).Value {
		id, isRow := row["contactid"].(string)
		if _, there := env.Row("contact", id); isRow && !there {
			t.Errorf("the row %s is reported as changed and is not there", id)
		}
	}
}

func TestPutRefusesMistakes(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	for name, values := range map[string]map[string]any{"column": {"nope": 1}, "type": {"lastname": true}, "key": {"contactid": "x"}} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("a mistake in a test goes unnoticed")
				}
			}()
			env.Put("contact", values)
		})
	}
	if env.Delete("contact", "x") || env.Delete("contact", ada) {
		t.Error("a row that is not there was deleted")
	}
}
