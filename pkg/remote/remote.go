// Package remote is how Causeway calls a SaaS HTTP API: one Client for one API, with its token, its pauses and its
// network behind one method.
//
// It promises:
//
//   - One OAuth2 client-credentials token a client, shared by all callers, fetched by one of them while the others wait,
//     and replaced at least five minutes before it ends (a short-lived one after four fifths of its life). An answer 401
//     replaces the token and sends the same request once more; a second 401 comes back as a Response.
//   - Nothing is sent inside a Retry-After (invariant 10). An answer 429, or 503 with Retry-After, closes a gate that all
//     callers of the client share; while it is closed Do returns fault.Throttled with the remaining time at once. The
//     token endpoint is a remote of its own and has a gate of its own.
//   - The token and the secret go nowhere but to the origin they belong to: redirects are not followed, and an absolute
//     link to another origin is refused. There is no cookie jar (Dataverse's affinity cookie would pin all requests to
//     one server, Dataverse docs, Service protection API limits).
//   - Every error is a *fault.Error without URL query, token, secret or body of the remote (invariant 9).
//
// Do never sleeps and never retries except for the 401. Retrying, backoff and showing the trouble belong to the engine
// that calls; it must honour fault.After. Any other HTTP status comes back as a Response, for the API's own package to
// judge.
//
// It would be a bug if a request left for the network while the gate is closed, if two callers fetched a token at the
// same time, or if a caller's cancellation failed another caller's request.
package remote

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
)

const (
	// DefaultTimeout bounds one request. Gateways of both vendors cut at 60 s; waiting a little longer tells their cut
	// from ours.
	DefaultTimeout = 90 * time.Second
	// DefaultMaxBody bounds one answer, after decompression.
	DefaultMaxBody = 64 << 20
)

// Config describes one API.
type Config struct {
	// Name stands in messages: "Dynamics 365".
	Name string
	// BaseURL is the origin, with or without a path, that a Request's path is put behind.
	BaseURL string
	// Token says how to get one. With an empty Token.URL requests go without Authorization.
	Token TokenConfig
	// TokenOf is a client whose token is used instead: a vendor with several APIs behind one credential grants one token,
	// and slows down who asks for more.
	TokenOf *Client
	// Gates holds the pauses that this client shares with others of the same origins; nil for a client alone.
	Gates *Gates
	// Header is sent with every request; a Request's own header of the same name replaces it.
	Header http.Header
	// Transport is the network; nil for a pool of its own. It is not closed by Close when given.
	Transport http.RoundTripper
	// Timeout bounds one request and its answer; 0 means DefaultTimeout.
	Timeout time.Duration
	// MaxBody bounds one answer, in bytes after decompression; 0 means DefaultMaxBody.
	MaxBody int64
	// MaxConcurrent bounds the requests under way; 0 means no bound. Callers above it wait.
	MaxConcurrent int
	// Observe is told of every request that was sent, or nil. It is called from many goroutines.
	Observe func(Call)
}

// Call is one request that was sent, for metrics.
type Call struct {
	Method string
	// Kind is the Request's own, "token" for the token endpoint.
	Kind string
	// Status is the HTTP status, 0 where no answer came.
	Status   int
	Duration time.Duration
	// Operations is the Request's own.
	Operations int
}

// Request is one request. It can be sent again as it is.
type Request struct {
	Method string
	// URL is a path behind BaseURL, already encoded, or an absolute link of the same origin, used verbatim.
	URL    string
	Header http.Header
	Body   []byte
	// Kind groups requests in metrics: "read", "write".
	Kind string
	// Operations is how many requests a batch carries; 0 for a request that is none.
	Operations int
	// Pause looks for a pause that an answer asks for elsewhere than in its own status, such as a part of a batch; nil
	// where there is no such place. It tells how long, 0 where the remote does not say. The gate closes before the answer
	// is handed over.
	Pause func(*Response) (after time.Duration, asked bool)
}

// Response is an answer, wholly read.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Client calls one API. It is safe for concurrent use.
type Client struct {
	name    string
	base    *url.URL
	header  http.Header
	http    *http.Client
	timeout time.Duration
	maxBody int64
	slots   chan struct{}
	observe func(Call)
	tokens  *tokens
	gate    *gate
	release func()
}

// New makes a client and opens nothing. A Config that cannot work is fault.Fatal.
func New(cfg Config) (*Client, error) {
	base, err := ParseOrigin(cfg.BaseURL)
	if err != nil {
		return nil, fault.Wrap(fault.Fatal, err, fmt.Sprintf("the URL of %s %v", cfg.Name, err))
	}
	c := &Client{
		name: cfg.Name, base: base, gate: cfg.Gates.at("api", base), header: cfg.Header.Clone(), observe: cfg.Observe, release: func() {},
		timeout: cmp.Or(cfg.Timeout, DefaultTimeout), maxBody: cmp.Or(cfg.MaxBody, DefaultMaxBody),
	}
	if cfg.MaxConcurrent > 0 {
		c.slots = make(chan struct{}, cfg.MaxConcurrent)
	}
	if c.observe == nil {
		c.observe = func(Call) {}
	}
	transport := cfg.Transport
	if transport == nil {
		pool := newPool(cfg.MaxConcurrent)
		transport, c.release = pool, pool.CloseIdleConnections
	}
	c.http = &http.Client{Transport: transport, CheckRedirect: stay}
	switch {
	case cfg.TokenOf != nil:
		c.tokens = cfg.TokenOf.tokens
	case cfg.Token.URL != "":
		if c.tokens, err = newTokens(cfg, c.http, c.observe); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// stay keeps a redirect from being followed: neither API redirects, and a token must not travel.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func newPool(concurrent int) *http.Transport {
	pool := http.DefaultTransport.(*http.Transport).Clone()
	pool.DialContext = dial()
	pool.MaxIdleConns = 0
	pool.MaxIdleConnsPerHost = max(64, concurrent)
	return pool
}

// Close gives idle connections back. Requests under way go on.
func (c *Client) Close() { c.release() }

// BaseURL is what the client was made with.
func (c *Client) BaseURL() string { return c.base.String() }

// Do sends one request and reads the whole answer. Errors: fault.Throttled (with After) while the remote wants a pause,
// fault.Transient for trouble on the way, fault.Fatal for a link to another origin, an answer above MaxBody, a bad
// certificate or credentials that are refused. The caller's own cancellation is a Transient that wraps ctx.Err().
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	target, err := c.resolve(r.URL)
	if err != nil {
		return nil, err
	}
	if err := c.gate.check(c.name); err != nil {
		return nil, err
	}
	if err := c.acquire(ctx); err != nil {
		return nil, err
	}
	defer c.yield()

	token, err := c.token(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := c.send(ctx, r, target, token)
	if err != nil || resp.Status != http.StatusUnauthorized || c.tokens == nil {
		return resp, err
	}
	c.tokens.drop(token)
	if token, err = c.token(ctx); err != nil {
		return nil, err
	}
	return c.send(ctx, r, target, token)
}

// resolve makes the address of a request. A path goes behind BaseURL; a link must be of its origin, or a remote could
// have the token sent anywhere.
func (c *Client) resolve(raw string) (*url.URL, error) {
	if !strings.Contains(raw, "://") {
		raw = strings.TrimSuffix(c.base.String(), "/") + "/" + strings.TrimPrefix(raw, "/")
	}
	target, err := url.Parse(raw)
	if err != nil {
		// The cause holds the address, and an address may hold data: it stays out.
		return nil, fault.New(fault.Fatal, c.name+": a link cannot be understood as an address")
	}
	if !SameOrigin(target, c.base) {
		return nil, fault.New(fault.Fatal, fmt.Sprintf("%s: refused to follow a link to %s, which is not the configured %s",
			c.name, target.Host, c.base.Host))
	}
	return target, nil
}

func (c *Client) acquire(ctx context.Context) error {
	if c.slots == nil {
		return nil
	}
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return interrupted(ctx)
	}
}

func (c *Client) yield() {
	if c.slots != nil {
		<-c.slots
	}
}

func (c *Client) token(ctx context.Context) (string, error) {
	if c.tokens == nil {
		return "", nil
	}
	return c.tokens.get(ctx)
}

// send is one exchange. The gate is asked last, after every wait.
func (c *Client) send(ctx context.Context, r Request, target *url.URL, authorization string) (*Response, error) {
	attempt, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(attempt, r.Method, target.String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, fault.Wrap(fault.Fatal, err, c.name+": a request could not be made")
	}
	setHeaders(req.Header, c.header, r.Header)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	ticket, err := c.gate.enter(c.name) // invariant 10
	if err != nil {
		return nil, err
	}
	started := time.Now()
	resp, err := c.exchange(req)
	call := Call{Method: r.Method, Kind: r.Kind, Operations: r.Operations, Duration: time.Since(started)}
	if err != nil {
		c.observe(call)
		return nil, c.explain(ctx, target.Host, err)
	}
	call.Status = resp.Status
	c.observe(call)
	if after, throttled := pause(resp.Status, resp.Header); throttled {
		return nil, throttledBy(resp, c.gate.close(ticket, c.name, resp.Status, after))
	}
	if after, asked := r.pause(resp); asked {
		_ = c.gate.close(ticket, c.name, resp.Status, after) // the answer as a whole stands
		return resp, nil
	}
	c.gate.passed(ticket, resp.Status)
	return resp, nil
}

func (c *Client) exchange(req *http.Request) (*Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.maxBody+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > c.maxBody {
		return nil, fault.New(fault.Fatal, fmt.Sprintf("%s answered with more than %d bytes; ask for smaller pages", c.name, c.maxBody))
	}
	return &Response{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// explain turns an error of an exchange into an instruction.
func (c *Client) explain(ctx context.Context, host string, err error) error {
	if ctx.Err() != nil {
		return interrupted(ctx)
	}
	if known := (*fault.Error)(nil); errors.As(err, &known) {
		return known
	}
	return networkFault(c.name, host, c.timeout, err)
}

func setHeaders(into http.Header, layers ...http.Header) {
	for _, layer := range layers {
		for name, values := range layer {
			into[http.CanonicalHeaderKey(name)] = append([]string(nil), values...)
		}
	}
}
