package remote_test

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote"
)

// scripted answers with the next of several statuses, 200 when they are used up, and counts.
type scripted struct {
	mu     sync.Mutex
	script []*http.Response
	sent   int
}

func (s *scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent++
	if len(s.script) == 0 {
		return answer(r, 200, ""), nil
	}
	next := s.script[0]
	s.script = s.script[1:]
	return next, nil
}

func TestNothingIsSentInsideRetryAfter(t *testing.T) {
	for name, first := range map[string]*http.Response{
		"429":  answer(nil, 429, "", "Retry-After", "7"),
		"503":  answer(nil, 503, "", "Retry-After", "7"),
		"date": answer(nil, 429, "", "Retry-After", "Tue, 02 Jan 2024 10:00:07 GMT", "Date", "Tue, 02 Jan 2024 10:00:00 GMT"),
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { insideRetryAfter(t, first) }) })
	}
}

// insideRetryAfter expects first to ask for seven seconds.
func insideRetryAfter(t *testing.T, first *http.Response) {
	api := &scripted{script: []*http.Response{first}}
	c := newClient(t, remote.Config{Transport: api})
	_, err := get(c, "/")
	if !fault.Is(err, fault.Throttled) || fault.After(err) != 7*time.Second {
		t.Fatalf("err = %v after %v", err, fault.After(err))
	}
	time.Sleep(6 * time.Second)
	if _, err = get(c, "/"); !fault.Is(err, fault.Throttled) || fault.After(err) != time.Second || api.sent != 1 {
		t.Fatalf("err = %v after %v, %d sent", err, fault.After(err), api.sent)
	}
	time.Sleep(time.Second)
	if _, err = get(c, "/"); err != nil {
		t.Fatal(err)
	}
}

func TestServiceUnavailableWithoutRetryAfterIsAnAnswer(t *testing.T) {
	c := newClient(t, remote.Config{Transport: &scripted{script: []*http.Response{answer(nil, 503, "")}}})
	if resp, err := get(c, "/"); err != nil || resp.Status != 503 {
		t.Errorf("%+v, %v", resp, err)
	}
}

func TestPauseGrowsWhereTheRemoteNamesNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &scripted{}
		c := newClient(t, remote.Config{Transport: api})
		for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			api.script = []*http.Response{answer(nil, 429, "")}
			_, err := get(c, "/")
			if fault.After(err) != want*time.Second {
				t.Fatalf("pause %v, want %v s", fault.After(err), int(want))
			}
			time.Sleep(fault.After(err))
		}
		if _, err := get(c, "/"); err != nil {
			t.Fatal(err)
		}
		api.script = []*http.Response{answer(nil, 429, "", "Retry-After", "0")}
		if _, err := get(c, "/"); fault.After(err) != time.Second {
			t.Errorf("pause after a success %v, want 1s", fault.After(err))
		}
	})
}

func TestManyThrottledAtOnceGrowOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, remote.Config{Transport: network(func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Millisecond)
			return answer(r, 429, ""), nil
		})})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { _, _ = get(c, "/") })
		}
		wg.Wait()
		time.Sleep(time.Minute)
		if _, err := get(c, "/"); fault.After(err) != 2*time.Second {
			t.Errorf("second pause %v, want 2s", fault.After(err))
		}
	})
}

func TestPauseIsNeverMadeShorter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := make(chan struct{})
		c := newClient(t, remote.Config{Transport: network(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/org/slow" {
				<-second
				return answer(r, 429, "", "Retry-After", "1"), nil
			}
			return answer(r, 429, "", "Retry-After", "30"), nil
		})})
		done := make(chan error)
		go func() { _, err := get(c, "/slow"); done <- err }()
		synctest.Wait()
		_, _ = get(c, "/")
		close(second)
		if err := <-done; fault.After(err) != 30*time.Second {
			t.Errorf("pause %v, want the longer one", fault.After(err))
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2024, 1, 2, 10, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, " 3 ": 3 * time.Second, "-1": 0, "0": 0, "1.5": 0, "soon": 0,
		"99999999999999": 24 * time.Hour, "Tue, 02 Jan 2024 10:00:05 GMT": 5 * time.Second, "Tue, 02 Jan 2024 09:00:00 GMT": 0,
		"Tue, 02 Jan 2029 09:00:00 GMT": 24 * time.Hour,
	} {
		if got := remote.RetryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("RetryAfter(%q) = %v, want %v", value, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "3", "-1", "9223372036854775807", "Tue, 02 Jan 2024 10:00:05 GMT"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, value, date string) {
		if d := remote.RetryAfter(http.Header{"Retry-After": {value}, "Date": {date}}, time.Now()); d < 0 || d > 24*time.Hour {
			t.Errorf("%v", d)
		}
	})
}

// Many callers against a remote that throttles at random: whatever the interleaving, no request begins inside a pause
// that an earlier answer asked for (invariant 10).
func TestManyCallersRespectThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var closed, until time.Time
		var early, throttled, served int
		random := rand.New(rand.NewPCG(1, 1))
		api := network(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			now := time.Now()
			// At the very moment of the answer others may be on their way.
			if now.After(closed) && now.Before(until) {
				early++
			}
			takes := time.Duration(random.IntN(200)) * time.Millisecond
			mu.Unlock()
			time.Sleep(takes)
			mu.Lock()
			defer mu.Unlock()
			if random.IntN(20) > 0 {
				served++
				return answer(r, 200, ""), nil
			}
			throttled++
			seconds := 1 + random.IntN(3)
			if now := time.Now(); now.Add(time.Duration(seconds) * time.Second).After(until) {
				closed, until = now, now.Add(time.Duration(seconds)*time.Second)
			}
			return answer(r, 429, "", "Retry-After", strconv.Itoa(seconds)), nil
		})
		c := newClient(t, remote.Config{Transport: api, MaxConcurrent: 16})
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				for range 100 {
					if _, err := get(c, "/"); err != nil {
						time.Sleep(max(fault.After(err), time.Millisecond))
					}
				}
			})
		}
		wg.Wait()
		if early != 0 || throttled < 20 || served < 1000 {
			t.Errorf("%d requests inside a pause; %d throttled, %d served", early, throttled, served)
		}
	})
}
