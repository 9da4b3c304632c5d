package campaign_test

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
)

// pipes is a network without sockets: HTTP over it runs in a testing/synctest bubble, where waiting costs nothing.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// house is a simulated Campaign and a client of it.
type house struct {
	*campaigntest.Server
	client *campaign.Client
	web    *http.Server
	net    *pipes
	pool   *http.Transport
}

// open starts a house; change, where it is not nil, edits the client's configuration.
func open(opt campaigntest.Options, change func(*campaign.Config)) (*house, error) {
	h := &house{Server: campaigntest.New(opt), net: newPipes()}
	h.web = &http.Server{Handler: h.Handler()}
	go func() { _ = h.web.Serve(h.net) }() // ends with close
	h.pool = &http.Transport{DialContext: h.net.dial, MaxIdleConnsPerHost: 64}
	cfg := campaign.Config{
		URL: "http://campaign.test/sandbox", TokenURL: "http://campaign.test/ims/token/v3",
		ClientID: "causeway", ClientSecret: "causeway-sandbox", Transport: h.pool,
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	h.client, err = campaign.New(cfg)
	return h, err
}

func (h *house) close() {
	h.pool.CloseIdleConnections()
	_ = h.web.Close()
	_ = h.net.Close()
}

// start opens a house for one test.
func start(t *testing.T, opt campaigntest.Options, change func(*campaign.Config)) *house {
	t.Helper()
	h, err := open(opt, change)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	return h
}

func byFilter(cfg *campaign.Config) { cfg.Lookup.Mode = campaign.ByFilter }

func profile(key string, likelyNew bool, fields map[string]any) campaign.Write {
	return campaign.Write{Resource: "profile", KeyField: "externalId", Key: key, Fields: fields, LikelyNew: likelyNew}
}
