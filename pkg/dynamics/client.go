// Package dynamics reads and writes Microsoft Dynamics 365 over the Dataverse Web API v9.2: rows with change tracking,
// rows by the thousand, metadata, and what a preflight has to look at.
//
// It promises:
//
//   - A Source hands over every row of a table and every later change of one, deletions included, at least once, and a
//     position only together with the records it covers (invariant 1). That holds over crashes, expired change tokens,
//     changed columns and rows that change while a full read runs; each is described where it is handled (load.go,
//     overlap.go, sweep.go, changes.go).
//   - A Writer gives every row an answer of its own, whatever became of the request that carried it, and a row that is
//     given to it again is still one row (invariant 3). A bad row costs the rows beside it a request, never their write.
//   - Links of the server are used verbatim, and only where they lead to the configured environment.
//   - Every error is a *fault.Error whose message holds no value of a row (invariant 9); the table in fault.go says which
//     answer means what. Pauses and tokens are pkg/remote's business: nothing is sent inside a Retry-After (invariant 10).
//
// Callers must store a Position before they read behind it, and must call one Source from one goroutine at a time. They
// may read the same position again at any moment; what comes then covers at least what came before.
//
// Of a Writer they must take every answer, and send a row again whose answer is fault.Transient or fault.Throttled.
//
// It would be a bug if a row or a deletion could be missed by any order of edits, crashes and reads; if a Writer said of a
// row that it is there and it is not; or if it made two of one.
package dynamics

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote"
)

const (
	name = "Dynamics 365"
	root = "/api/data/v9.2/"
)

// Config says which environment to read and as whom.
type Config struct {
	// URL is the environment's origin: "https://contoso.crm4.dynamics.com".
	URL string
	// TokenURL is the whole token endpoint; empty for Microsoft's, which needs Tenant.
	TokenURL string
	// Tenant is the directory's id or domain.
	Tenant       string
	ClientID     string
	ClientSecret string
	// Gates, Transport, Timeout, MaxConcurrent and Observe are pkg/remote's.
	Gates         *remote.Gates
	Transport     http.RoundTripper
	Timeout       time.Duration
	MaxConcurrent int
	Observe       func(remote.Call)
}

// Client calls one environment. It is safe for concurrent use.
type Client struct {
	remote *remote.Client
	known  definitions
}

// New makes a client and opens nothing. A Config that cannot work is fault.Fatal.
func New(cfg Config) (*Client, error) {
	origin, err := environment(cfg.URL)
	if err != nil {
		return nil, err
	}
	tokenURL := cfg.TokenURL
	if tokenURL == "" {
		if cfg.Tenant == "" {
			return nil, fault.New(fault.Fatal, "the tenant of "+name+" is empty")
		}
		tokenURL = "https://login.microsoftonline.com/" + url.PathEscape(cfg.Tenant) + "/oauth2/v2.0/token"
	}
	c, err := remote.New(remote.Config{
		Name: name, BaseURL: origin, Transport: cfg.Transport, Timeout: cfg.Timeout, MaxConcurrent: cfg.MaxConcurrent, Observe: cfg.Observe, Gates: cfg.Gates,
		Token: remote.TokenConfig{URL: tokenURL, ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, Scopes: []string{origin + "/.default"}},
		Header: http.Header{
			"Accept": {"application/json"}, "OData-MaxVersion": {"4.0"}, "OData-Version": {"4.0"},
			"If-None-Match": {"null"}, // no cached answers (Dataverse docs, Compose HTTP requests)
		},
	})
	if err != nil {
		return nil, err
	}
	return &Client{remote: c}, nil
}

// environment is the origin of a URL that a person typed: with or without a slash, a path or a blank behind it.
func environment(raw string) (string, error) {
	u, err := remote.ParseOrigin(raw)
	if err != nil {
		return "", fault.Wrap(fault.Fatal, err, fmt.Sprintf("the URL of %s %v", name, err))
	}
	return u.Scheme + "://" + u.Host, nil
}

// Close gives idle connections back.
func (c *Client) Close() { c.remote.Close() }

// SignIn asks for a new token, whatever tokens there are: it proves the credentials alone.
func (c *Client) SignIn(ctx context.Context) error { return c.remote.SignIn(ctx) }

// WhoAmI asks for the cheapest answer that needs a token and a user of the environment.
func (c *Client) WhoAmI(ctx context.Context) error {
	_, err := c.whoAmI(ctx)
	return err
}

// whoAmI is the id of the application user.
func (c *Client) whoAmI(ctx context.Context) (string, error) {
	var who struct {
		UserID string `json:"UserId"`
	}
	_, err := c.get(ctx, "metadata", "WhoAmI()", nil, &who)
	if err == nil && who.UserID == "" {
		return "", fault.New(fault.Fatal, name+" does not say who the application is; check the URL of the environment")
	}
	return who.UserID, err
}

// get sends a GET for a path behind the API's root, or for a link, and decodes the answer. The error of an answer that
// is not a success is the fault of fault.go.
func (c *Client) get(ctx context.Context, kind, address string, prefer []string, into any) (http.Header, error) {
	if !strings.Contains(address, "://") {
		address = root + address
	}
	header := http.Header{}
	if len(prefer) > 0 {
		header.Set("Prefer", strings.Join(prefer, ","))
	}
	resp, err := c.remote.Do(ctx, remote.Request{Method: http.MethodGet, URL: address, Header: header, Kind: kind})
	switch {
	case err != nil:
		return nil, err
	case resp.Status < 200 || resp.Status > 299:
		return nil, refusal(resp)
	}
	if err := json.Unmarshal(resp.Body, into); err != nil {
		return nil, fault.Wrap(fault.Fatal, err, name+" answered with something that is not the Web API's JSON; check the URL of the environment")
	}
	return resp.Header, nil
}

// encode makes a value fit for a query string.
func encode(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
