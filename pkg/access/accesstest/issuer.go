// Package accesstest is a small OpenID Connect provider for tests: discovery, keys, authorization and token endpoint over
// HTTP, codes that work once, PKCE that is checked, real RS256 signatures. It is honest unless it is told to lie.
package accesstest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// The one client that the provider knows.
const (
	ClientID     = "causeway"
	ClientSecret = "a client's secret"
)

// Issuer is a running provider.
type Issuer struct {
	URL string

	mu    sync.Mutex
	key   *rsa.PrivateKey
	lie   Lie
	user  map[string]any
	codes map[string]request
	// calls counts the requests to the token endpoint.
	calls int
}

// Lie is what is wrong with the next tokens; the zero value is nothing.
type Lie struct {
	// Claims are put over the honest ones.
	Claims map[string]any
	// OtherKey signs with a key that is not published, Unsigned not at all (alg none).
	OtherKey, Unsigned bool
	// Refuse sends browsers back with an error, Down answers nothing but 503.
	Refuse, Down bool
	// Status is what the token endpoint answers, 0 for the truth.
	Status int
}

// request is an authorization that waits for its code to be brought.
type request struct{ nonce, challenge, redirect string }

// New starts a provider that signs somebody in who has these claims. It ends with the test.
func New(t testing.TB, user map[string]any) *Issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &Issuer{key: key, user: user, codes: map[string]request{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /keys", i.keys)
	mux.HandleFunc("GET /authorize", i.authorize)
	mux.HandleFunc("POST /token", i.token)
	server := httptest.NewServer(i.unlessDown(mux))
	t.Cleanup(server.Close)
	i.URL = server.URL
	return i
}

// SignIn is who signs in from now on, Lie what is wrong from now on.
func (i *Issuer) SignIn(user map[string]any) { i.mu.Lock(); defer i.mu.Unlock(); i.user = user }

// Lie tells what is wrong from now on.
func (i *Issuer) Lie(lie Lie) { i.mu.Lock(); defer i.mu.Unlock(); i.lie = lie }

func (i *Issuer) unlessDown(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		down := i.lie.Down
		i.mu.Unlock()
		if down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, map[string]any{"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
		"response_types_supported": []string{"code"}, "id_token_signing_alg_values_supported": []string{"RS256"}})
}

func (i *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	public := i.key.PublicKey
	writeJSON(w, map[string]any{"keys": []any{map[string]any{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "one",
		"n": encode(public.N.Bytes()), "e": encode(big.NewInt(int64(public.E)).Bytes())}}})
}

// authorize signs in at once and sends the browser back.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	q := r.URL.Query()
	if q.Get("client_id") != ClientID || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("nonce") == "" || q.Get("state") == "" {
		http.Error(w, "not a request for a code with PKCE, state and nonce", http.StatusBadRequest)
		return
	}
	back := url.Values{"state": {q.Get("state")}}
	if i.lie.Refuse {
		back.Set("error", "access_denied")
	} else {
		code := rand.Text()
		i.codes[code] = request{nonce: q.Get("nonce"), challenge: q.Get("code_challenge"), redirect: q.Get("redirect_uri")}
		back.Set("code", code)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

// token gives a token for a code, once, to the client that proves to be the one that asked for it.
func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.calls++
	id, secret, _ := r.BasicAuth()
	code := r.PostFormValue("code")
	asked, known := i.codes[code]
	delete(i.codes, code)
	proof := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case i.lie.Status != 0:
		w.WriteHeader(i.lie.Status)
		return
	case id != ClientID || secret != url.QueryEscape(ClientSecret):
		w.WriteHeader(http.StatusUnauthorized)
		return
	case !known, encode(proof[:]) != asked.challenge, r.PostFormValue("redirect_uri") != asked.redirect:
		w.WriteHeader(http.StatusBadRequest)
		writeJSON(w, map[string]any{"error": "invalid_grant"})
		return
	}
	writeJSON(w, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 300, "id_token": i.sign(asked.nonce)})
}

// Calls is how often the token endpoint was asked.
func (i *Issuer) Calls() int { i.mu.Lock(); defer i.mu.Unlock(); return i.calls }

// sign writes an identity token.
func (i *Issuer) sign(nonce string) string {
	now := time.Now()
	claims := map[string]any{"iss": i.URL, "aud": ClientID, "sub": "subject-1", "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "nonce": nonce}
	maps.Copy(claims, i.user)
	maps.Copy(claims, i.lie.Claims)
	algorithm, key := "RS256", i.key
	if i.lie.Unsigned {
		algorithm = "none"
	}
	if i.lie.OtherKey {
		key, _ = rsa.GenerateKey(rand.Reader, 2048) // No key makes a signature that fails, as it should.
	}
	text := part(map[string]any{"alg": algorithm, "typ": "JWT", "kid": "one"}) + "." + part(claims)
	if i.lie.Unsigned {
		return text + "."
	}
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return text + "."
	}
	return text + "." + encode(signature)
}

func part(v any) string {
	data, _ := json.Marshal(v) // Maps of strings and numbers.
	return encode(data)
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // The reader may be gone.
}
