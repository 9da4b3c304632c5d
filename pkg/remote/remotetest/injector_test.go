package remotetest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// vendor is the smallest simulator: it counts what it handled.
type vendor struct {
	handled atomic.Int64
	stats   *remotetest.Stats
	faults  *remotetest.Injector
	http.Handler
}

func newVendor(opt remotetest.InjectorOptions) *vendor {
	v := &vendor{stats: remotetest.NewStats("requests.read")}
	opt.Stats = v.stats
	v.faults = remotetest.NewInjector(opt)
	mux := http.NewServeMux()
	remotetest.Mount(mux, v.stats, v.faults)
	count := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		v.handled.Add(1)
		_, _ = io.WriteString(w, "ok")
	})
	mux.Handle("/token", v.faults.Token(count))
	mux.Handle("/api/", v.faults.API(count))
	v.Handler = mux
	return v
}

func (v *vendor) call(method, path, client string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("X-Client", client)
	w := httptest.NewRecorder()
	v.ServeHTTP(w, r)
	return w
}

func byHeader(r *http.Request) string { return r.Header.Get("X-Client") }

func TestThrottleOpensAWindowForOneClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVendor(remotetest.InjectorOptions{Client: byHeader, Lengthen: 500 * time.Millisecond})
		stop := v.faults.Inject(remotetest.Fault{Kind: remotetest.Throttle, RetryAfter: 2})
		first := v.call("GET", "/api/x", "a")
		stop()
		if first.Code != 429 || first.Header().Get("Retry-After") != "2" {
			t.Fatalf("answer %d, Retry-After %q; want 429, 2", first.Code, first.Header().Get("Retry-After"))
		}
		if w := v.call("GET", "/api/x", "a"); w.Code != 429 || v.stats.Get(remotetest.DuringRetryAfter) != 0 {
			t.Errorf("a request that was on its way: %d, counted %d times as pushing", w.Code, v.stats.Get(remotetest.DuringRetryAfter))
		}
		if w := v.call("GET", "/api/x", "b"); w.Code != 200 {
			t.Errorf("another client is answered %d", w.Code)
		}
		if w := v.call("GET", "/token", "a"); w.Code != 200 {
			t.Errorf("the token endpoint answers %d", w.Code)
		}
		<-time.After(1500 * time.Millisecond)
		if w := v.call("GET", "/api/x", "a"); w.Code != 429 || w.Header().Get("Retry-After") != "1" {
			t.Errorf("inside the window: %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
		}
		if got := v.stats.Get(remotetest.DuringRetryAfter); got != 1 {
			t.Errorf("duringRetryAfter = %d, want 1", got)
		}
		<-time.After(600 * time.Millisecond)
		if w := v.call("GET", "/api/x", "a"); w.Code != 429 {
			t.Errorf("pushing did not lengthen the window: %d", w.Code)
		}
		<-time.After(time.Second)
		if w := v.call("GET", "/api/x", "a"); w.Code != 200 {
			t.Errorf("after the window: %d", w.Code)
		}
		if got := v.stats.Get(remotetest.Throttled); got != 4 {
			t.Errorf("throttled = %d, want 4", got)
		}
	})
}

func TestFaultEndsAfterItsSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVendor(remotetest.InjectorOptions{})
		v.faults.Inject(remotetest.Fault{Kind: remotetest.Error, Status: 502, Seconds: 10})
		if w := v.call("POST", "/api/x", ""); w.Code != 502 || v.handled.Load() != 0 {
			t.Errorf("answer %d, handled %d", w.Code, v.handled.Load())
		}
		<-time.After(10 * time.Second)
		if w := v.call("POST", "/api/x", ""); w.Code != 200 {
			t.Errorf("after its end: %d", w.Code)
		}
		if left := v.faults.Active(); len(left) != 0 {
			t.Errorf("still listed: %v", left)
		}
	})
}

func TestLatencyWaitsAndRespectsTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVendor(remotetest.InjectorOptions{})
		defer v.faults.Inject(remotetest.Fault{Kind: remotetest.Latency, LatencyMs: 300})()
		began := time.Now()
		v.call("GET", "/api/x", "")
		if took := time.Since(began); took != 300*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

func TestCutClosesTheConnectionUnhandled(t *testing.T) {
	v := newVendor(remotetest.InjectorOptions{})
	server := httptest.NewServer(v)
	defer server.Close()
	v.faults.Inject(remotetest.Fault{Kind: remotetest.Cut})
	if _, err := server.Client().Post(server.URL+"/api/x", "text/plain", strings.NewReader("body")); err == nil {
		t.Error("the request was answered")
	}
	if v.handled.Load() != 0 {
		t.Error("the request was handled")
	}
}

func TestTimeoutAfterWriteHandlesAndDoesNotAnswer(t *testing.T) {
	v := newVendor(remotetest.InjectorOptions{})
	server := httptest.NewServer(v)
	defer server.Close()
	stop := v.faults.Inject(remotetest.Fault{Kind: remotetest.TimeoutAfterWrite})
	if _, err := server.Client().Post(server.URL+"/api/x", "text/plain", strings.NewReader("body")); err == nil {
		t.Error("the write was answered")
	}
	if v.handled.Load() != 1 {
		t.Errorf("handled %d times, want once", v.handled.Load())
	}
	answer, err := server.Client().Get(server.URL + "/api/x")
	if err != nil || answer.StatusCode != 200 {
		t.Errorf("a read is hit too: %v", err)
	} else {
		_ = answer.Body.Close()
	}
	stop()
	if w := v.call("POST", "/api/x", ""); w.Code != 200 {
		t.Errorf("after stop: %d", w.Code)
	}
}

func TestExpireFaultsCallTheHooks(t *testing.T) {
	var tokens, links int
	v := newVendor(remotetest.InjectorOptions{ExpireTokens: func() { tokens++ }, ExpireLinks: func() { links++ }})
	v.faults.Inject(remotetest.Fault{Kind: remotetest.ExpireTokens})
	if tokens != 1 || len(v.faults.Active()) != 0 {
		t.Errorf("without a rate: %d calls, %d faults left; want 1 and none", tokens, len(v.faults.Active()))
	}
	v.faults.Inject(remotetest.Fault{Kind: remotetest.ExpireLinks, Rate: 1})
	v.call("GET", "/api/x", "")
	v.call("GET", "/api/x", "")
	if links != 2 {
		t.Errorf("with rate 1: %d calls for 2 requests", links)
	}
}

func TestTokenPathsAreHitOnlyWhenAsked(t *testing.T) {
	for paths, want := range map[string][2]int{"": {503, 200}, "token": {200, 503}, "all": {503, 503}} {
		v := newVendor(remotetest.InjectorOptions{})
		v.faults.Inject(remotetest.Fault{Kind: remotetest.Error, Paths: paths})
		got := [2]int{v.call("GET", "/api/x", "").Code, v.call("POST", "/token", "").Code}
		if got != want {
			t.Errorf("paths %q: api and token answer %v, want %v", paths, got, want)
		}
	}
}

func TestSeveralFaultsAtOnce(t *testing.T) {
	v := newVendor(remotetest.InjectorOptions{Seed: 7})
	v.faults.Inject(remotetest.Fault{Kind: remotetest.Error, Status: 500, Rate: 0.3})
	v.faults.Inject(remotetest.Fault{Kind: remotetest.Error, Status: 504, Rate: 0.3})
	seen := map[int]int{}
	for range 1000 {
		seen[v.call("GET", "/api/x", "").Code]++
	}
	// 0.3 hit the first, 0.7*0.3 the second, the rest none.
	for status, want := range map[int]int{500: 300, 504: 210, 200: 490} {
		if got := seen[status]; got < want-60 || got > want+60 {
			t.Errorf("%d answers of status %d, want about %d", got, status, want)
		}
	}
}

func TestSameSeedSameHits(t *testing.T) {
	run := func(seed uint64) string {
		v := newVendor(remotetest.InjectorOptions{Seed: seed})
		v.faults.Inject(remotetest.Fault{Kind: remotetest.Error, Rate: 0.5})
		var b strings.Builder
		for range 64 {
			b.WriteByte(byte('0' + v.call("GET", "/api/x", "").Code/500))
		}
		return b.String()
	}
	first, again, other := run(1), run(1), run(2)
	if first != again {
		t.Error("the same seed gives other hits")
	}
	if first == other {
		t.Error("another seed gives the same hits")
	}
}

func BenchmarkNoFaults(b *testing.B) {
	v := newVendor(remotetest.InjectorOptions{})
	h := v.faults.API(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r := httptest.NewRequest("GET", "/api/x", nil)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			h.ServeHTTP(nil, r)
		}
	})
}
