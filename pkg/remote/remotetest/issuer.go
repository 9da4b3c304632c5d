package remotetest

import (
	"crypto/rand"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Refusal is why a token was not issued.
type Refusal int

// The refusals, in the order in which they are looked for.
const (
	// Malformed: not a form, or no grant type.
	Malformed Refusal = iota + 1
	// WrongGrant: a grant type other than client_credentials.
	WrongGrant
	// NoClient: the client id is missing or not known.
	NoClient
	// NoSecret: the client secret is missing.
	NoSecret
	// WrongSecret: the secret is not the client's.
	WrongSecret
	// WrongScope: the scope did not pass IssuerOptions.Scope.
	WrongScope
)

// IssuerOptions configure an Issuer.
type IssuerOptions struct {
	// Clients maps client ids to secrets.
	Clients map[string]string
	// ExpiresIn is how long a token is valid, told to the client in whole seconds. 0 is an hour.
	ExpiresIn time.Duration
	// TokenType is what the answer calls the token. Empty is "Bearer".
	TokenType string
	// Scope tells whether a requested scope is fine. Nil takes any.
	Scope func(scope string) bool
	// Refuse answers a request for a token that is not granted, in the vendor's words. Nil answers 400 with the
	// "error" of RFC 6749 alone.
	Refuse func(w http.ResponseWriter, r *http.Request, why Refusal)
	// Requests counts requests for tokens, granted or not. May be nil.
	Requests *Counter
	// Now is the clock of expiry; nil is time.Now.
	Now func() time.Time
}

// Issuer is an OAuth2 token endpoint for client credentials (RFC 6749 section 4.4). Tokens are random and opaque. It is
// safe for concurrent use, and checking a token takes no lock.
type Issuer struct {
	opt    IssuerOptions
	tokens atomic.Pointer[map[string]token] // replaced whole under mu

	mu      sync.Mutex
	clients map[string]string
}

type token struct {
	client  string
	expires time.Time
}

// NewIssuer makes an Issuer that has issued nothing.
func NewIssuer(opt IssuerOptions) *Issuer {
	if opt.ExpiresIn == 0 {
		opt.ExpiresIn = time.Hour
	}
	if opt.TokenType == "" {
		opt.TokenType = "Bearer"
	}
	if opt.Scope == nil {
		opt.Scope = func(string) bool { return true }
	}
	if opt.Refuse == nil {
		opt.Refuse = refuseByRFC
	}
	if opt.Requests == nil {
		opt.Requests = &Counter{}
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	i := &Issuer{opt: opt, clients: maps.Clone(opt.Clients)}
	i.tokens.Store(&map[string]token{})
	return i
}

// SetSecret gives a client another secret, or makes a new client. Tokens that it has stay valid, as at the vendors.
func (i *Issuer) SetSecret(client, secret string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.clients == nil {
		i.clients = map[string]string{}
	}
	i.clients[client] = secret
}

// Issue makes a token for a client without a request.
func (i *Issuer) Issue(client string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.opt.Now()
	next := map[string]token{}
	for text, t := range *i.tokens.Load() {
		if now.Before(t.expires) {
			next[text] = t
		}
	}
	text := rand.Text() + rand.Text()
	next[text] = token{client: client, expires: now.Add(i.opt.ExpiresIn)}
	i.tokens.Store(&next)
	return text
}

// RevokeAll makes every issued token invalid.
func (i *Issuer) RevokeAll() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tokens.Store(&map[string]token{})
}

// Client names the client whose valid bearer token the request carries, or is empty. It is fit for
// InjectorOptions.Client.
func (i *Issuer) Client(r *http.Request) string {
	client, _ := i.Authorize(r)
	return client
}

// Authorize names the client of the request's bearer token. ok is false when there is none, or it is unknown, revoked
// or expired.
func (i *Issuer) Authorize(r *http.Request) (client string, ok bool) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	t, known := (*i.tokens.Load())[strings.TrimSpace(text)]
	if !known || !i.opt.Now().Before(t.expires) {
		return "", false
	}
	return t.client, true
}

// ServeHTTP is the token endpoint.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.opt.Requests.Add(1)
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if why := i.examine(r); why != 0 {
		i.opt.Refuse(w, r, why)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	WriteJSON(w, http.StatusOK, map[string]any{
		"access_token": i.Issue(r.PostForm.Get("client_id")),
		"token_type":   i.opt.TokenType,
		"expires_in":   int64(i.opt.ExpiresIn / time.Second),
	})
}

func (i *Issuer) examine(r *http.Request) Refusal {
	if err := r.ParseForm(); err != nil || r.PostForm.Get("grant_type") == "" {
		return Malformed
	}
	form := r.PostForm
	i.mu.Lock()
	secret, known := i.clients[form.Get("client_id")]
	i.mu.Unlock()
	switch {
	case form.Get("grant_type") != "client_credentials":
		return WrongGrant
	case !known:
		return NoClient
	case form.Get("client_secret") == "":
		return NoSecret
	case form.Get("client_secret") != secret:
		return WrongSecret
	case !i.opt.Scope(form.Get("scope")):
		return WrongScope
	}
	return 0
}

func refuseByRFC(w http.ResponseWriter, _ *http.Request, why Refusal) {
	code := "invalid_client"
	switch why {
	case Malformed:
		code = "invalid_request"
	case WrongGrant:
		code = "unsupported_grant_type"
	case WrongScope:
		code = "invalid_scope"
	}
	WriteJSON(w, http.StatusBadRequest, map[string]string{"error": code})
}
