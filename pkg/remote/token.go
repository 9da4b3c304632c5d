package remote

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/causeway-sync/causeway/pkg/fault"
)

const (
	// A token is replaced this long before it ends, so that no request carries one that ends on the way.
	tokenMargin = 5 * time.Minute
	// A token endpoint answers within a second or two; half a minute is a dead one.
	tokenTimeout = 30 * time.Second
	// Refused credentials are refused again: for this long the refusal is given to all callers without asking, so that
	// many workers, or a restart loop, do not get the application locked. It is short, so that a mended secret works
	// soon after.
	refusalMemory = 10 * time.Second
)

// TokenConfig is an OAuth2 client-credentials grant (RFC 6749, 4.4), the client's id and secret sent in the form.
type TokenConfig struct {
	// URL is the whole token endpoint.
	URL          string
	ClientID     string
	ClientSecret string
	Scopes       []string
	// Separator joins the scopes; empty for a blank, as the standard has it. Adobe joins them by comma.
	Separator string
}

// tokens holds the one token of a client.
type tokens struct {
	name    string
	host    string
	cfg     clientcredentials.Config
	http    *http.Client
	observe func(Call)
	gate    *gate

	mu      sync.Mutex
	current held
	refusal error
	retryAt time.Time
	under   *flight
}

// held is a token, when to replace it and when it ends; a zero until means never.
type held struct {
	authorization string
	until, ends   time.Time
}

// flight is one request for a token, with callers that wait for it.
type flight struct {
	done  chan struct{}
	token string
	err   error
}

func newTokens(of Config, client *http.Client, observe func(Call)) (*tokens, error) {
	name, cfg := of.Name, of.Token
	endpoint, err := ParseOrigin(cfg.URL)
	if err != nil {
		return nil, fault.Wrap(fault.Fatal, err, fmt.Sprintf("the token URL of %s %v", name, err))
	}
	switch {
	case cfg.ClientID == "":
		return nil, fault.New(fault.Fatal, "the client id of "+name+" is empty")
	case cfg.ClientSecret == "":
		return nil, fault.New(fault.Fatal, "the client secret of "+name+" is empty")
	}
	separator := cfg.Separator
	if separator == "" {
		separator = " "
	}
	t := &tokens{name: name, host: endpoint.Host, http: client, observe: observe, gate: of.Gates.at("token", endpoint)}
	t.cfg = clientcredentials.Config{
		TokenURL: cfg.URL, ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, AuthStyle: oauth2.AuthStyleInParams,
	}
	if len(cfg.Scopes) > 0 {
		t.cfg.Scopes = []string{strings.Join(cfg.Scopes, separator)}
	}
	return t, nil
}

// get returns the value of the Authorization header. Of several callers that need a new token one asks and the others
// wait for it; a caller that gives up fails nobody else: one of those who wait asks then.
func (t *tokens) get(ctx context.Context) (string, error) {
	for {
		f, mine, token, err := t.join()
		switch {
		case f == nil:
			return token, err
		case mine:
			return t.lead(ctx, f)
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return "", interrupted(ctx)
		}
		if f.err != errAbandoned {
			return f.token, f.err
		}
	}
}

// join returns the token or the remembered refusal where there is one; else the flight to wait for, mine when the
// caller is to make the request.
func (t *tokens) join() (f *flight, mine bool, token string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	switch {
	case t.goodLocked(now):
		return nil, false, t.current.authorization, nil
	case t.refusal != nil && now.Before(t.retryAt):
		return nil, false, "", t.refusal
	case t.under != nil:
		return t.under, false, "", nil
	}
	t.under = &flight{done: make(chan struct{})}
	return t.under, true, "", nil
}

// goodLocked reports whether there is a token that needs no replacement.
func (t *tokens) goodLocked(now time.Time) bool {
	return t.current.authorization != "" && (t.current.until.IsZero() || now.Before(t.current.until))
}

// lead makes the request of a flight and tells those who wait.
func (t *tokens) lead(ctx context.Context, f *flight) (string, error) {
	fresh, err := t.fetch(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	defer close(f.done)
	t.under, t.refusal = nil, nil
	switch {
	case err == nil:
		t.current = fresh
	case ctx.Err() != nil:
		f.err = errAbandoned
		return "", err
	case t.goodLocked(time.Now()): // SignIn: the token that there is stays in use, whatever was said.
	case fault.Is(err, fault.Fatal):
		t.refusal, t.retryAt = err, time.Now().Add(refusalMemory)
	case t.extendLocked():
		fresh, err = t.current, nil
	}
	f.token, f.err = fresh.authorization, err
	return f.token, f.err
}

// extendLocked keeps a token that should be replaced and still works, while the endpoint is in trouble; the next try
// comes a little later. It reports whether there is such a token.
func (t *tokens) extendLocked() bool {
	now := time.Now()
	if t.current.authorization == "" || !now.Add(tokenTimeout).Before(t.current.ends) {
		return false
	}
	t.current.until = now.Add(tokenTimeout)
	return true
}

// fetch asks the endpoint once.
func (t *tokens) fetch(ctx context.Context) (held, error) {
	ticket, err := t.gate.enter(t.name + " sign-in") // invariant 10
	if err != nil {
		return held{}, err
	}
	attempt, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	asked := time.Now()
	token, err := t.cfg.Token(context.WithValue(attempt, oauth2.HTTPClient, t.http))
	t.observe(Call{Method: http.MethodPost, Kind: "token", Status: tokenStatus(err), Duration: time.Since(asked)})
	if err != nil {
		if ctx.Err() != nil {
			return held{}, interrupted(ctx)
		}
		return held{}, t.refused(ticket, err)
	}
	t.gate.passed(ticket, http.StatusOK)
	fresh := held{authorization: token.Type() + " " + token.AccessToken}
	if !token.Expiry.IsZero() {
		life := token.Expiry.Sub(asked)
		fresh.until, fresh.ends = asked.Add(max(life-tokenMargin, life*4/5)), asked.Add(life)
	}
	return fresh, nil
}

// drop forgets a token that the API refused, unless it was replaced meanwhile.
func (t *tokens) drop(authorization string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current.authorization == authorization {
		t.current = held{}
	}
}
