package access_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/access/accesstest"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// anna is somebody whom the provider knows as an operator.
func anna() map[string]any {
	return map[string]any{"preferred_username": "anna@contoso.com", "roles": []string{"Staff", "Causeway.Operator"}}
}

func providerConfig(i *accesstest.Issuer) access.ProviderConfig {
	return access.ProviderConfig{Issuer: i.URL, ClientID: accesstest.ClientID, ClientSecret: accesstest.ClientSecret, Redirect: "http://causeway.test/login/back",
		Roles: map[access.Role][]string{access.Viewer: {"Staff"}, access.Operator: {"Causeway.Operator"}, access.Admin: {"Causeway.Admin"}}}
}

func provider(t *testing.T, cfg access.ProviderConfig) *access.Provider {
	t.Helper()
	p, err := access.NewProvider(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// visit goes to the provider as a browser does, and returns what it brings back.
func visit(t *testing.T, p *access.Provider, to string) (back url.Values, ticket string) {
	t.Helper()
	address, ticket, err := p.Begin(to)
	if err != nil {
		t.Fatal(err)
	}
	return follow(t, address), ticket
}

func follow(t *testing.T, address string) url.Values {
	t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	location, err := answer.Location()
	if err != nil {
		t.Fatalf("%s: %v", answer.Status, err)
	}
	return location.Query()
}

func TestProviderSignsIn(t *testing.T) {
	issuer := accesstest.New(t, anna())
	p := provider(t, providerConfig(issuer))
	back, ticket := visit(t, p, "/history?x=1")
	who, to, err := p.Finish(t.Context(), back, ticket)
	if err != nil || who.Name != "anna@contoso.com" || who.Role != access.Operator || who.Means != access.ByProvider || to != "/history?x=1" {
		t.Errorf("%+v to %q, %v", who, to, err)
	}
	// A code works once, so a redirect that somebody repeats signs nobody in.
	if _, _, err := p.Finish(t.Context(), back, ticket); !fault.Is(err, fault.Rejected) {
		t.Errorf("a second time: %v", err)
	}
}

// TestProviderRoles: what claims give which role, and under which name.
func TestProviderRoles(t *testing.T) {
	issuer := accesstest.New(t, nil)
	for name, tc := range map[string]struct {
		claims map[string]any
		change func(*access.ProviderConfig)
		want   access.Identity
	}{
		"the most of several":    {claims: map[string]any{"email": "a@b.c", "roles": []string{"Causeway.Admin", "Staff"}}, want: access.Identity{Name: "a@b.c", Role: access.Admin}},
		"one text":               {claims: map[string]any{"roles": "Staff"}, want: access.Identity{Name: "subject-1", Role: access.Viewer}},
		"a claim inside another": {claims: map[string]any{"realm_access": map[string]any{"roles": []string{"Staff"}}}, change: func(c *access.ProviderConfig) { c.RolesClaim = "realm_access.roles" }, want: access.Identity{Name: "subject-1", Role: access.Viewer}},
		"a claim with dots":      {claims: map[string]any{"https://acme.example/roles": []any{"Staff", 7}}, change: func(c *access.ProviderConfig) { c.RolesClaim = "https://acme.example/roles" }, want: access.Identity{Name: "subject-1", Role: access.Viewer}},
		"a name of one's choice": {claims: map[string]any{"upn": "ann", "preferred_username": "x", "roles": "Staff"}, change: func(c *access.ProviderConfig) { c.NameClaim = "upn" }, want: access.Identity{Name: "ann", Role: access.Viewer}},
		"a hostile name":         {claims: map[string]any{"preferred_username": "anna\u202e<script>\n" + strings.Repeat("x", 500), "roles": "Staff"}, want: access.Identity{Name: ("anna<script>" + strings.Repeat("x", 500))[:64], Role: access.Viewer}},
		"no role":                {claims: map[string]any{"roles": []string{"staff", "Causeway"}}},
		"roles of another shape": {claims: map[string]any{"roles": map[string]any{"Staff": true}}},
		"no claim":               {},
	} {
		t.Run(name, func(t *testing.T) {
			issuer.SignIn(tc.claims)
			cfg := providerConfig(issuer)
			if tc.change != nil {
				tc.change(&cfg)
			}
			p := provider(t, cfg)
			back, ticket := visit(t, p, "/")
			who, _, err := p.Finish(t.Context(), back, ticket)
			if tc.want.Role == access.Nobody {
				if !fault.Is(err, fault.Conflict) || who != (access.Identity{}) {
					t.Errorf("%+v, %v", who, err)
				}
				return
			}
			if err != nil || who.Name != tc.want.Name || who.Role != tc.want.Role {
				t.Errorf("%+v, %v; want %+v", who, err, tc.want)
			}
		})
	}
}

// TestProviderLies: nothing but an honest token signs anybody in.
func TestProviderLies(t *testing.T) {
	issuer := accesstest.New(t, anna())
	hour := time.Hour
	for name, tc := range map[string]struct {
		lie  accesstest.Lie
		kind fault.Kind
	}{
		"another key":        {accesstest.Lie{OtherKey: true}, fault.Rejected},
		"no signature":       {accesstest.Lie{Unsigned: true}, fault.Rejected},
		"another issuer":     {accesstest.Lie{Claims: map[string]any{"iss": "https://evil.example"}}, fault.Rejected},
		"another audience":   {accesstest.Lie{Claims: map[string]any{"aud": "somebody else"}}, fault.Rejected},
		"expired":            {accesstest.Lie{Claims: map[string]any{"exp": time.Now().Add(-hour).Unix()}}, fault.Rejected},
		"another nonce":      {accesstest.Lie{Claims: map[string]any{"nonce": "replayed"}}, fault.Rejected},
		"refused":            {accesstest.Lie{Refuse: true}, fault.Rejected},
		"secret not right":   {accesstest.Lie{Status: http.StatusUnauthorized}, fault.Rejected},
		"token endpoint ill": {accesstest.Lie{Status: http.StatusBadGateway}, fault.Transient},
		"no token in answer": {accesstest.Lie{Status: http.StatusNoContent}, fault.Transient},
	} {
		t.Run(name, func(t *testing.T) {
			issuer.Lie(tc.lie)
			p := provider(t, providerConfig(issuer))
			back, ticket := visit(t, p, "/")
			who, _, err := p.Finish(t.Context(), back, ticket)
			if !fault.Is(err, tc.kind) || who != (access.Identity{}) {
				t.Errorf("%+v, %v (%v)", who, err, fault.KindOf(err))
			}
			if strings.Contains(err.Error(), "anna") || strings.Contains(err.Error(), back.Get("code")) && back.Get("code") != "" {
				t.Errorf("the error says too much: %v", err)
			}
		})
	}
}

// TestProviderTickets: only the browser that began a sign-in ends it.
func TestProviderTickets(t *testing.T) {
	issuer := accesstest.New(t, anna())
	p := provider(t, providerConfig(issuer))
	back, ticket := visit(t, p, "/")
	_, other := visit(t, p, "/")
	foreign, _ := visit(t, provider(t, providerConfig(issuer)), "/")
	for name, tc := range map[string]struct {
		query  url.Values
		ticket string
	}{
		"no ticket":                 {back, ""},
		"another browser's ticket":  {back, other},
		"a ticket that was changed": {back, ticket[:len(ticket)-2] + "AA"},
		"another process's answer":  {foreign, ticket},
		"no state":                  {url.Values{"code": back["code"]}, ticket},
	} {
		if who, _, err := p.Finish(t.Context(), tc.query, tc.ticket); !fault.Is(err, fault.Rejected) || who.Role != access.Nobody {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
	if issuer.Calls() != 0 {
		t.Errorf("the provider was asked %d times about sign-ins that nobody began", issuer.Calls())
	}
	// The code of one sign-in does not fit the proof of another (PKCE).
	mixed := url.Values{"state": back["state"], "code": foreign["code"]}
	if _, _, err := p.Finish(t.Context(), mixed, ticket); !fault.Is(err, fault.Rejected) {
		t.Errorf("another's code: %v", err)
	}
}

// TestProviderComesUpLater: nothing is asked before somebody signs in, and a provider that was down is asked again.
func TestProviderComesUpLater(t *testing.T) {
	issuer := accesstest.New(t, anna())
	issuer.Lie(accesstest.Lie{Down: true})
	p := provider(t, providerConfig(issuer))
	if _, _, err := p.Begin("/"); !fault.Is(err, fault.Transient) {
		t.Errorf("down: %v", err)
	}
	issuer.Lie(accesstest.Lie{})
	back, ticket := visit(t, p, "/")
	if _, _, err := p.Finish(t.Context(), back, ticket); err != nil {
		t.Error(err)
	}
}

func TestProviderConfigSaysWhatIsMissing(t *testing.T) {
	whole := access.ProviderConfig{Issuer: "https://login.example", ClientID: "x", Redirect: "https://causeway.example/login/back", Roles: map[access.Role][]string{access.Admin: {"a"}}}
	if _, err := access.NewProvider(whole); err != nil {
		t.Fatal(err)
	}
	for flag, change := range map[string]func(*access.ProviderConfig){
		"--oidc-issuer":    func(c *access.ProviderConfig) { c.Issuer = "login.example" },
		"--oidc-client-id": func(c *access.ProviderConfig) { c.ClientID = "" },
		"--public-url":     func(c *access.ProviderConfig) { c.Redirect = "/login/back" },
		"--oidc-admins":    func(c *access.ProviderConfig) { c.Roles = nil },
	} {
		cfg := whole
		change(&cfg)
		if _, err := access.NewProvider(cfg); !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), flag) {
			t.Errorf("without %s: %v", flag, err)
		}
	}
}
