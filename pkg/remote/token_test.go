package remote_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote"
)

// signIn is an API that takes only the newest token, and its token endpoint.
type signIn struct {
	life   int
	issued atomic.Int64
	calls  atomic.Int64
	refuse atomic.Pointer[http.Response]
	form   atomic.Pointer[map[string][]string]
	slow   time.Duration
}

func (s *signIn) RoundTrip(r *http.Request) (*http.Response, error) {
	if !isToken(r) {
		s.calls.Add(1)
		if r.Header.Get("Authorization") != fmt.Sprintf("Bearer t%d", s.issued.Load()) {
			return answer(r, 401, ""), nil
		}
		return answer(r, 200, ""), nil
	}
	time.Sleep(s.slow)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	_ = r.ParseForm()
	form := map[string][]string(r.PostForm)
	s.form.Store(&form)
	n := s.issued.Add(1)
	if refusal := s.refuse.Load(); refusal != nil {
		return refusal, nil
	}
	return tokenAnswer(r, n, s.life), nil
}

func TestTokenRequest(t *testing.T) {
	for separator, want := range map[string]string{"": "a b", ",": "a,b"} {
		api := &signIn{life: 3599}
		token := credentials()
		token.Separator = separator
		if _, err := get(newClient(t, remote.Config{Token: token, Transport: api}), "/"); err != nil {
			t.Fatal(err)
		}
		form := *api.form.Load()
		for name, value := range map[string]string{"grant_type": "client_credentials", "client_id": "id", "client_secret": "s3cret", "scope": want} {
			if len(form[name]) != 1 || form[name][0] != value {
				t.Errorf("%s = %q, want %q", name, form[name], value)
			}
		}
	}
}

func TestTokenIsFetchedOnceForAllAndReplacedInTime(t *testing.T) {
	for _, tc := range []struct {
		life  int
		until time.Duration
	}{{3599, 3299 * time.Second}, {100, 80 * time.Second}, {86399, 86099 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			api := &signIn{life: tc.life, slow: time.Millisecond}
			c := newClient(t, remote.Config{Token: credentials(), Transport: api})
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					if _, err := get(c, "/"); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if api.issued.Load() != 1 {
				t.Fatalf("%d tokens for 20 callers", api.issued.Load())
			}
			time.Sleep(tc.until - 10*time.Millisecond)
			if _, _ = get(c, "/"); api.issued.Load() != 1 {
				t.Errorf("life %d: replaced too early", tc.life)
			}
			time.Sleep(10 * time.Millisecond)
			if _, _ = get(c, "/"); api.issued.Load() != 2 {
				t.Errorf("life %d: not replaced in time", tc.life)
			}
		})
	}
}

func TestUnauthorizedRefreshesOnce(t *testing.T) {
	api := &signIn{life: 3599}
	c := newClient(t, remote.Config{Token: credentials(), Transport: api})
	_, _ = get(c, "/")
	api.issued.Add(1) // the server voids the token
	if resp, err := get(c, "/"); err != nil || resp.Status != 200 || api.calls.Load() != 3 {
		t.Fatalf("%+v, %v, %d calls", resp, err, api.calls.Load())
	}
	stubborn := newClient(t, remote.Config{Token: credentials(), Transport: network(func(r *http.Request) (*http.Response, error) {
		if isToken(r) {
			return tokenAnswer(r, 1, 3599), nil
		}
		api.calls.Add(1)
		return answer(r, 401, "no"), nil
	})})
	api.calls.Store(0)
	if resp, err := get(stubborn, "/"); err != nil || resp.Status != 401 || api.calls.Load() != 2 {
		t.Errorf("%+v, %v, %d calls; want the second 401 as the answer", resp, err, api.calls.Load())
	}
}

func TestGivingUpFailsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &signIn{life: 3599, slow: time.Second}
		c := newClient(t, remote.Config{Token: credentials(), Transport: api})
		ctx, cancel := context.WithCancel(context.Background())
		first, second := make(chan error), make(chan error)
		go func() {
			_, err := c.Do(ctx, remote.Request{Method: http.MethodGet, URL: "/"})
			first <- err
		}()
		synctest.Wait()
		go func() { _, err := get(c, "/"); second <- err }()
		synctest.Wait()
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("the caller that gave up got %v", err)
		}
		if err := <-second; err != nil {
			t.Errorf("the other got %v", err)
		}
	})
}

func TestRefusedSignIn(t *testing.T) {
	for _, tc := range []struct {
		status int
		body   string
		kind   fault.Kind
		says   string
	}{
		{401, `{"error":"invalid_client","error_description":"AADSTS7000222: s3cret","error_codes":[7000222]}`, fault.Fatal, "secret has expired"},
		{401, `{"error":"invalid_client","error_codes":[7000215]}`, fault.Fatal, "secret is wrong"},
		{400, `{"error":"unauthorized_client","error_codes":[700016]}`, fault.Fatal, "does not exist in this tenant"},
		{400, `{"error":"invalid_request","error_codes":[90002]}`, fault.Fatal, "tenant does not exist"},
		{400, `{"error":"invalid_client","error_description":"invalid client_id parameter"}`, fault.Fatal, "client id or client secret is wrong"},
		{400, `{"error":"invalid_scope"}`, fault.Fatal, "scope is not granted"},
		{404, `<html>`, fault.Fatal, "check token URL"},
		{500, `<html>`, fault.Transient, "in trouble"},
		{503, ``, fault.Transient, "in trouble"},
		{400, `{"error":"temporarily_unavailable"}`, fault.Transient, "in trouble"},
		{200, `<html>`, fault.Transient, "no usable answer"},
		{200, `{}`, fault.Transient, "no usable answer"},
		{429, ``, fault.Throttled, "asked for a pause of 1s"},
	} {
		t.Run(fmt.Sprint(tc.status, tc.body), func(t *testing.T) {
			c := newClient(t, remote.Config{Token: credentials(), Transport: network(func(r *http.Request) (*http.Response, error) {
				return answer(r, tc.status, tc.body, "Content-Type", "application/json"), nil
			})})
			_, err := get(c, "/")
			if !fault.Is(err, tc.kind) || !strings.Contains(fmt.Sprint(err), tc.says) || strings.Contains(fmt.Sprint(err), "s3cret") {
				t.Errorf("err = %v (%v)", err, fault.KindOf(err))
			}
		})
	}
}

func TestRefusalIsRememberedForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &signIn{life: 3599}
		api.refuse.Store(answer(nil, 401, `{"error":"invalid_client"}`, "Content-Type", "application/json"))
		c := newClient(t, remote.Config{Token: credentials(), Transport: api})
		for range 50 {
			if _, err := get(c, "/"); !fault.Is(err, fault.Fatal) {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if api.issued.Load() != 1 {
			t.Errorf("asked %d times in 5 s", api.issued.Load())
		}
		api.refuse.Store(nil)
		time.Sleep(5 * time.Second)
		if _, err := get(c, "/"); err != nil {
			t.Errorf("still refused after the credentials were mended: %v", err)
		}
	})
}

func TestTokenEndpointHasAPauseOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &signIn{life: 3599}
		api.refuse.Store(answer(nil, 429, "", "Retry-After", "5"))
		c := newClient(t, remote.Config{Token: credentials(), Transport: api})
		for range 3 {
			if _, err := get(c, "/"); fault.After(err) != 5*time.Second {
				t.Fatalf("err = %v after %v", err, fault.After(err))
			}
		}
		if api.issued.Load() != 1 {
			t.Errorf("asked %d times inside Retry-After", api.issued.Load())
		}
	})
}

func TestTokenOutlivesTroubleAtTheEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		var asked atomic.Int64
		c := newClient(t, remote.Config{Token: credentials(), Transport: network(func(r *http.Request) (*http.Response, error) {
			switch {
			case !isToken(r):
				return answer(r, 200, ""), nil
			case down.Load():
				asked.Add(1)
				return answer(r, 502, ""), nil
			}
			return tokenAnswer(r, 1, 3600), nil
		})})
		_, _ = get(c, "/")
		down.Store(true)
		time.Sleep(3301 * time.Second)
		for range 100 {
			if _, err := get(c, "/"); err != nil {
				t.Fatalf("a token that still works is not used: %v", err)
			}
			time.Sleep(time.Second)
		}
		if asked.Load() != 4 {
			t.Errorf("asked %d times in 100 s, want 4", asked.Load())
		}
		time.Sleep(5 * time.Minute)
		if _, err := get(c, "/"); !fault.Is(err, fault.Transient) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestOneTokenServesTwoAPIs(t *testing.T) {
	api := &signIn{life: 3599}
	first := newClient(t, remote.Config{Token: credentials(), Transport: api})
	second := newClient(t, remote.Config{TokenOf: first, Transport: api})
	for _, c := range []*remote.Client{first, second, first} {
		if resp, err := get(c, "/"); err != nil || resp.Status != 200 {
			t.Fatalf("%+v, %v", resp, err)
		}
	}
	if api.issued.Load() != 1 {
		t.Errorf("%d tokens were asked for", api.issued.Load())
	}
	api.issued.Add(1) // the server voids the token
	for _, c := range []*remote.Client{second, first} {
		if resp, err := get(c, "/"); err != nil || resp.Status != 200 {
			t.Fatalf("after it was voided: %+v, %v", resp, err)
		}
	}
	if api.issued.Load() != 3 {
		t.Errorf("%d tokens, want the one replacement for both", api.issued.Load())
	}
}
