package access

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// ProviderConfig is an OpenID Connect provider, such as Microsoft Entra, Okta or Keycloak, and what it knows this service as.
type ProviderConfig struct {
	// Issuer is the provider's address, below which it serves /.well-known/openid-configuration.
	Issuer       string
	ClientID     string
	ClientSecret string
	// Redirect is where the provider sends browsers back to; it has to be registered there.
	Redirect string
	// Scopes are asked for beside openid; default profile and email.
	Scopes []string
	// NameClaim holds the name for the history; default preferred_username, else email, else sub.
	NameClaim string
	// RolesClaim holds the values that Roles maps, a dot for each level below; default roles.
	RolesClaim string
	// Roles lists for each role the values that give it. Who has several has the most of them, who has none is refused.
	Roles map[Role][]string
	// Client sends the requests to the provider; one with a time-out where none is given.
	Client *http.Client
}

// Provider signs people in by the authorization code flow with PKCE, state and nonce.
type Provider struct {
	cfg  ProviderConfig
	seal *seal

	asking singleflight.Group
	found  atomic.Pointer[discovered]
}

// discovered is what the provider says of itself.
type discovered struct {
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
}

const (
	// providerPatience bounds a request to the provider, ticketLife a person's stay there.
	providerPatience = 10 * time.Second
	ticketLife       = 10 * time.Minute
)

// NewProvider checks the configuration and calls nobody: the provider may come up later. fault.Fatal says what to mend.
func NewProvider(cfg ProviderConfig) (*Provider, error) {
	cfg = cfg.withDefaults()
	switch {
	case !webAddress(cfg.Issuer):
		return nil, fault.New(fault.Fatal, "the OpenID Connect issuer is not an address such as https://login.example.com/tenant: set --oidc-issuer")
	case cfg.ClientID == "":
		return nil, fault.New(fault.Fatal, "the OpenID Connect client id is missing: set --oidc-client-id")
	case !webAddress(cfg.Redirect):
		return nil, fault.New(fault.Fatal, "OpenID Connect needs the address under which browsers reach the pages: set --public-url")
	case len(cfg.Roles[Viewer])+len(cfg.Roles[Operator])+len(cfg.Roles[Admin]) == 0:
		return nil, fault.New(fault.Fatal, "no role is mapped, so nobody could sign in: set --oidc-admins, --oidc-operators or --oidc-viewers")
	}
	seal, err := newSeal()
	if err != nil {
		return nil, fault.Wrap(fault.Fatal, err, "sign-ins cannot be sealed")
	}
	return &Provider{cfg: cfg, seal: seal}, nil
}

func (c ProviderConfig) withDefaults() ProviderConfig {
	if c.RolesClaim == "" {
		c.RolesClaim = "roles"
	}
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"profile", "email"}
	}
	if c.Client == nil {
		c.Client = &http.Client{Timeout: providerPatience}
	}
	return c
}

func webAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// discover asks the provider once, at the first sign-in, and again as long as it does not answer. Who comes meanwhile
// waits for the same answer.
func (p *Provider) discover() (*discovered, error) {
	if found := p.found.Load(); found != nil {
		return found, nil
	}
	asked, err, _ := p.asking.Do("", func() (any, error) {
		ctx := oidc.ClientContext(context.Background(), p.cfg.Client)
		provider, err := oidc.NewProvider(ctx, p.cfg.Issuer)
		if err != nil {
			return nil, fault.Wrap(fault.Transient, err, "the identity provider does not answer as it should; the service's log says more")
		}
		found := &discovered{
			oauth: oauth2.Config{ClientID: p.cfg.ClientID, ClientSecret: p.cfg.ClientSecret, Endpoint: provider.Endpoint(), RedirectURL: p.cfg.Redirect,
				Scopes: append([]string{oidc.ScopeOpenID}, p.cfg.Scopes...)},
			verifier: provider.VerifierContext(ctx, &oidc.Config{ClientID: p.cfg.ClientID}),
		}
		p.found.Store(found)
		return found, nil
	})
	if err != nil {
		return nil, err
	}
	return asked.(*discovered), nil
}

// Begin sends somebody to the provider: the browser goes to address, and brings ticket back in a cookie. Afterwards it is
// to go on to the local path to.
func (p *Provider) Begin(to string) (address, ticket string, err error) {
	found, err := p.discover()
	if err != nil {
		return "", "", err
	}
	t := signInTicket{State: newSecret(), Nonce: newSecret(), Verifier: oauth2.GenerateVerifier(), To: to, Until: time.Now().Add(ticketLife)}
	if ticket, err = p.seal.close(t); err != nil {
		return "", "", err
	}
	return found.oauth.AuthCodeURL(t.State, oidc.Nonce(t.Nonce), oauth2.S256ChallengeOption(t.Verifier)), ticket, nil
}

// Finish recognises who comes back with the query of the redirect and the ticket that the browser was given. It is
// fault.Rejected where the sign-in is not the one that was begun or the provider refused it, fault.Conflict for a person
// who has no role here, fault.Transient where the provider does not answer.
func (p *Provider) Finish(ctx context.Context, query url.Values, ticket string) (who Identity, to string, err error) {
	var t signInTicket
	if err := p.seal.open(ticket, &t); err != nil || time.Now().After(t.Until) ||
		subtle.ConstantTimeCompare([]byte(t.State), []byte(query.Get("state"))) != 1 {
		return Identity{}, "", fault.New(fault.Rejected, "this sign-in was not begun in this browser, or too long ago: begin again")
	}
	if query.Get("error") != "" || query.Get("code") == "" {
		return Identity{}, t.To, fault.New(fault.Rejected, "the identity provider refused the sign-in: try again, or ask whoever runs it")
	}
	found, err := p.discover()
	if err != nil {
		return Identity{}, t.To, err
	}
	ctx = oidc.ClientContext(ctx, p.cfg.Client)
	token, err := found.oauth.Exchange(ctx, query.Get("code"), oauth2.VerifierOption(t.Verifier))
	if err != nil {
		return Identity{}, t.To, exchangeFault(err)
	}
	raw, _ := token.Extra("id_token").(string)
	verified, err := found.verifier.Verify(ctx, raw)
	if err != nil {
		return Identity{}, t.To, fault.Wrap(fault.Rejected, scrubbed(err), "the identity provider's answer cannot be trusted; the service's log says more")
	}
	if subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(t.Nonce)) != 1 {
		return Identity{}, t.To, fault.New(fault.Rejected, "the identity provider answered another sign-in than this: begin again")
	}
	who, err = p.cfg.recognise(verified)
	return who, t.To, err
}

// exchangeFault classifies what became of the code. The answer's body stays out of it: it may hold a token.
func exchangeFault(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < http.StatusInternalServerError {
		return fault.Wrap(fault.Rejected, errors.New("the token endpoint answered "+refused.Response.Status),
			"the identity provider does not accept this service or this sign-in: begin again; if that does not help, check client id, secret and redirect address")
	}
	return fault.Wrap(fault.Transient, errors.New("the token endpoint gave no answer that can be used"), "the identity provider does not answer: try again")
}

// scrubbed keeps the sort of an error and drops what follows a colon, which may hold parts of a token.
func scrubbed(err error) error {
	text, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "oidc: "), ":")
	return errors.New("the identity token was refused: " + text)
}
