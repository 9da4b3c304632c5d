package remotetest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

func ask(i *remotetest.Issuer, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	i.ServeHTTP(w, r)
	return w
}

func goodForm() url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {"id"}, "client_secret": {"s&cret"}, "scope": {"all"}}
}

func bearer(token string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

func TestTokenIsIssuedExpiresAndIsRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := &remotetest.Counter{}
		i := remotetest.NewIssuer(remotetest.IssuerOptions{
			Clients: map[string]string{"id": "s&cret"}, ExpiresIn: 10 * time.Second, TokenType: "bearer", Requests: requests,
		})
		fetch := func() string {
			var answer struct {
				AccessToken string `json:"access_token"`
				TokenType   string `json:"token_type"`
				ExpiresIn   int    `json:"expires_in"`
			}
			w := ask(i, goodForm())
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 {
				t.Fatalf("answer %d %s", w.Code, w.Body)
			}
			if answer.TokenType != "bearer" || answer.ExpiresIn != 10 {
				t.Errorf("answer %+v", answer)
			}
			return answer.AccessToken
		}
		first, second := fetch(), fetch()
		if first == second {
			t.Error("two requests brought one token")
		}
		if client, ok := i.Authorize(bearer(first)); !ok || client != "id" {
			t.Errorf("a good token is refused (client %q)", client)
		}
		for name, r := range map[string]*http.Request{
			"unknown": bearer("x"), "empty": bearer(""), "absent": httptest.NewRequest("GET", "/", nil),
		} {
			if _, ok := i.Authorize(r); ok {
				t.Errorf("%s token is accepted", name)
			}
		}
		<-time.After(10 * time.Second)
		if _, ok := i.Authorize(bearer(first)); ok {
			t.Error("an expired token is accepted")
		}
		third := fetch()
		i.RevokeAll()
		if i.Client(bearer(third)) != "" {
			t.Error("a revoked token is accepted")
		}
		if requests.Load() != 3 {
			t.Errorf("counted %d requests, want 3", requests.Load())
		}
	})
}

func TestRefusals(t *testing.T) {
	var why remotetest.Refusal
	i := remotetest.NewIssuer(remotetest.IssuerOptions{
		Clients: map[string]string{"id": "s&cret"},
		Scope:   func(s string) bool { return s == "all" },
		Refuse: func(w http.ResponseWriter, _ *http.Request, got remotetest.Refusal) {
			why = got
			w.WriteHeader(400)
		},
	})
	set := func(k, v string) url.Values { f := goodForm(); f.Set(k, v); return f }
	for _, tc := range []struct {
		form url.Values
		want remotetest.Refusal
	}{
		{url.Values{}, remotetest.Malformed},
		{set("grant_type", "password"), remotetest.WrongGrant},
		{set("client_id", "other"), remotetest.NoClient},
		{set("client_secret", ""), remotetest.NoSecret},
		{set("client_secret", "bad"), remotetest.WrongSecret},
		{set("scope", "some"), remotetest.WrongScope},
	} {
		why = 0
		if w := ask(i, tc.form); w.Code != 400 || why != tc.want {
			t.Errorf("%v: %d, refusal %v; want %v", tc.form, w.Code, why, tc.want)
		}
	}
	i.SetSecret("id", "new")
	if w := ask(i, set("client_secret", "new")); w.Code != 200 {
		t.Errorf("after rotation the new secret is answered %d", w.Code)
	}
}
