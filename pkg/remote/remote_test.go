package remote_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote"
)

// network answers in the caller's own goroutine, so that a test can own the clock.
type network func(*http.Request) (*http.Response, error)

func (n network) RoundTrip(r *http.Request) (*http.Response, error) { return n(r) }

func answer(r *http.Request, status int, body string, header ...string) *http.Response {
	resp := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}
	for i := 0; i+1 < len(header); i += 2 {
		resp.Header.Set(header[i], header[i+1])
	}
	return resp
}

func isToken(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/token") }

func tokenAnswer(r *http.Request, n int64, life int) *http.Response {
	return answer(r, 200, fmt.Sprintf(`{"token_type":"Bearer","expires_in":%d,"access_token":"t%d"}`, life, n), "Content-Type", "application/json")
}

func newClient(t *testing.T, cfg remote.Config) *remote.Client {
	t.Helper()
	if cfg.Name == "" {
		cfg.Name = "Example"
	}
	if cfg.BaseURL == "" {
		cfg.BaseURL = "https://api.example/org"
	}
	c, err := remote.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func credentials() remote.TokenConfig {
	return remote.TokenConfig{URL: "https://login.example/token", ClientID: "id", ClientSecret: "s3cret", Scopes: []string{"a", "b"}}
}

func get(c *remote.Client, link string) (*remote.Response, error) {
	return c.Do(context.Background(), remote.Request{Method: http.MethodGet, URL: link, Kind: "read"})
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	for name, cfg := range map[string]remote.Config{
		"no URL":      {},
		"no scheme":   {BaseURL: "api.example"},
		"credentials": {BaseURL: "https://u:p@api.example"},
		"no secret":   {BaseURL: "https://api.example", Token: remote.TokenConfig{URL: "https://login.example", ClientID: "id"}},
		"no id":       {BaseURL: "https://api.example", Token: remote.TokenConfig{URL: "https://login.example", ClientSecret: "x"}},
		"token URL":   {BaseURL: "https://api.example", Token: remote.TokenConfig{URL: "login", ClientID: "id", ClientSecret: "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := remote.New(cfg); !fault.Is(err, fault.Fatal) {
				t.Errorf("err = %v, want fatal", err)
			}
		})
	}
}

func TestRequestAndAnswer(t *testing.T) {
	var got *http.Request
	var sent string
	var calls []remote.Call
	c := newClient(t, remote.Config{
		Header:  http.Header{"Accept": {"application/json"}, "X-Org": {"o"}},
		Observe: func(call remote.Call) { calls = append(calls, call) },
		Transport: network(func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			got, sent = r, string(body)
			return answer(r, 418, "teapot", "X-A", "b"), nil
		}),
	})
	resp, err := c.Do(context.Background(), remote.Request{
		Method: http.MethodPost, URL: "/things?x=%2f+y", Header: http.Header{"accept": {"text/plain"}}, Body: []byte("hello"), Kind: "write",
	})
	if err != nil {
		t.Fatal(err)
	}
	if resp.Status != 418 || string(resp.Body) != "teapot" || resp.Header.Get("X-A") != "b" {
		t.Errorf("answer = %+v", resp)
	}
	if got.URL.String() != "https://api.example/org/things?x=%2f+y" || sent != "hello" {
		t.Errorf("sent %s with %q", got.URL, sent)
	}
	if got.Header.Get("Accept") != "text/plain" || got.Header.Get("X-Org") != "o" || got.Header.Get("Authorization") != "" {
		t.Errorf("headers = %v", got.Header)
	}
	if len(calls) != 1 || calls[0].Kind != "write" || calls[0].Status != 418 || calls[0].Method != http.MethodPost {
		t.Errorf("observed %+v", calls)
	}
}

func TestLinksStayAtTheOrigin(t *testing.T) {
	var asked []string
	c := newClient(t, remote.Config{Transport: network(func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r.URL.String())
		return answer(r, 200, ""), nil
	})})
	for _, good := range []string{"https://api.example/other?$skiptoken=%3Ccookie%20a%3D%22b%22%2F%3E", "https://API.example:443/x"} {
		if _, err := get(c, good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
		if last := asked[len(asked)-1]; last != good {
			t.Errorf("asked %s, want %s verbatim", last, good)
		}
	}
	for _, bad := range []string{"https://evil.example/org", "http://api.example/org", "https://api.example:8443/", "https://api.example.evil/",
		"https://api.example@evil.example/", "file:///etc/passwd", "https://"} {
		before := len(asked)
		if _, err := get(c, bad); !fault.Is(err, fault.Fatal) || len(asked) != before {
			t.Errorf("%s: err = %v, sent %v", bad, err, asked[before:])
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the token travelled") }))
	defer elsewhere.Close()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}))
	defer api.Close()
	resp, err := get(newClient(t, remote.Config{BaseURL: api.URL}), "/")
	if err != nil || resp.Status != http.StatusTemporaryRedirect {
		t.Errorf("%+v, %v", resp, err)
	}
	token := credentials()
	token.URL = api.URL
	if _, err = get(newClient(t, remote.Config{BaseURL: api.URL, Token: token}), "/"); !fault.Is(err, fault.Fatal) {
		t.Errorf("a redirecting token endpoint: %v", err)
	}
}

func TestNetworkTrouble(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	cut := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer cut.Close()
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer slow.Close()
	defer close(release)
	half := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
	}))
	defer half.Close()
	secure := httptest.NewTLSServer(nil)
	defer secure.Close()
	for _, tc := range []struct {
		name, base string
		kind       fault.Kind
		says       string
	}{
		{"refused", closed.URL, fault.Transient, "the connection was refused"},
		{"cut", cut.URL, fault.Transient, "the connection was cut"},
		{"cut in the middle", half.URL, fault.Transient, "the connection was cut"},
		{"silent", slow.URL, fault.Transient, "no answer within 50ms"},
		{"unknown host", "http://no-such-host.invalid", fault.Transient, "its name cannot be resolved"},
		{"certificate", secure.URL, fault.Fatal, "its certificate is not trusted"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			timeout := 5 * time.Second
			if tc.name == "silent" {
				timeout = 50 * time.Millisecond
			}
			_, err := get(newClient(t, remote.Config{BaseURL: tc.base, Timeout: timeout}), "/x?secret=1")
			if !fault.Is(err, tc.kind) || !strings.Contains(fmt.Sprint(err), tc.says) {
				t.Fatalf("err = %v (%v), want %v saying %q", err, fault.KindOf(err), tc.kind, tc.says)
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				if strings.Contains(e.Error(), "secret") {
					t.Errorf("the query shows: %v", e)
				}
			}
		})
	}
}

func TestCallersCancellation(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	c := newClient(t, remote.Config{Transport: network(func(r *http.Request) (*http.Response, error) {
		cancel()
		return nil, r.Context().Err()
	})})
	_, err := c.Do(ctx, remote.Request{Method: http.MethodGet, URL: "/"})
	if !errors.Is(err, context.Canceled) || !fault.Is(err, fault.Transient) {
		t.Errorf("err = %v", err)
	}
}

func TestAnswerTooLarge(t *testing.T) {
	size := 1000
	c := newClient(t, remote.Config{MaxBody: 1000, Transport: network(func(r *http.Request) (*http.Response, error) {
		return answer(r, 200, strings.Repeat("x", size)), nil
	})})
	if resp, err := get(c, "/"); err != nil || len(resp.Body) != size {
		t.Errorf("an answer of the largest size: %v", err)
	}
	size++
	if _, err := get(c, "/"); !fault.Is(err, fault.Fatal) {
		t.Errorf("err = %v", err)
	}
}

func TestConcurrencyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		c := newClient(t, remote.Config{MaxConcurrent: 3, Transport: network(func(r *http.Request) (*http.Response, error) {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			time.Sleep(time.Second)
			return answer(r, 200, ""), nil
		})})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if _, err := get(c, "/"); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		if _, err := c.Do(ctx, remote.Request{Method: http.MethodGet, URL: "/"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller that waits for a place cannot give up: %v", err)
		}
		wg.Wait()
		if most.Load() != 3 {
			t.Errorf("%d at once, want 3", most.Load())
		}
	})
}

func TestSameOrigin(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		same bool
	}{
		{"https://a", "https://A:443/x", true}, {"http://a:80", "http://a", true}, {"https://a", "http://a", false},
		{"https://a", "https://a:444", false}, {"https://a", "https://a.b", false}, {"/x", "/x", false},
	} {
		a, _ := url.Parse(tc.a)
		b, _ := url.Parse(tc.b)
		if got := remote.SameOrigin(a, b); got != tc.same {
			t.Errorf("SameOrigin(%s, %s) = %v", tc.a, tc.b, got)
		}
	}
}
