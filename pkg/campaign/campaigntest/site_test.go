package campaigntest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
)

// site is a simulator behind real HTTP, with a token.
type site struct {
	sim    *campaigntest.Server
	web    *httptest.Server
	header http.Header
}

func open(t testing.TB, opt campaigntest.Options) *site {
	t.Helper()
	s := &site{sim: campaigntest.New(opt)}
	s.web = httptest.NewServer(s.sim.Handler())
	t.Cleanup(s.web.Close)
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"causeway"}, "client_secret": {"causeway-sandbox"}, "scope": {"openid,AdobeID"}}
	resp, err := s.web.Client().PostForm(s.web.URL+"/ims/token/v3", form)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if answer.TokenType != "bearer" || answer.ExpiresIn != 86399 {
		t.Errorf("token answer: %q, %d", answer.TokenType, answer.ExpiresIn)
	}
	s.header = http.Header{"Authorization": {"Bearer " + answer.AccessToken}, "X-Api-Key": {"causeway"}}
	return s
}

// do sends a request. A path that does not begin with http or /_ is behind /sandbox/campaign.
func (s *site) do(t testing.TB, method, path, body string) (status int, text string) {
	t.Helper()
	target := path
	switch {
	case strings.HasPrefix(path, "/_"):
		target = s.web.URL + path
	case !strings.HasPrefix(path, "http"):
		target = s.web.URL + "/sandbox/campaign" + path
	}
	req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = s.header.Clone()
	resp, err := s.web.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

// object does a request and decodes its answer.
func (s *site) object(t testing.TB, method, path, body string) map[string]any {
	t.Helper()
	status, text := s.do(t, method, path, body)
	v := map[string]any{}
	if err := json.Unmarshal([]byte(text), &v); err != nil || status > 299 {
		t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	return v
}

const profiles = "/profileAndServicesExt/profile"
