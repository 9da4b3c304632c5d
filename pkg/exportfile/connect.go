package exportfile

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// Client reads one folder. It opens one connection, when it is first needed, and keeps it; a lost one is opened again by
// the next call. It is safe for concurrent use.
type Client struct {
	cfg Config
	id  identity

	mu     sync.Mutex
	live   *connection // nil while there is none, guarded by mu
	closed bool        // guarded by mu
}

// New makes a client and opens nothing. A Config that cannot work is fault.Fatal, with every finding.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	id, err := cfg.identify()
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, id: id}, nil
}

// Close ends the connection. The client is of no use afterwards.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.dropLocked(c.live)
}

// connection is one SSH connection with its file channel.
type connection struct {
	wire  net.Conn
	files *sftp.Client
	quiet chan struct{} // closed when nobody uses the connection any more
}

// end closes the connection and waits until its keeper is gone.
func (n *connection) end() {
	_ = n.wire.Close() // the file channel and its readers end with it
	_ = n.files.Close()
	<-n.quiet
}

func (c *Client) dropLocked(n *connection) {
	if n == nil || n != c.live {
		return
	}
	c.live = nil
	n.end()
}

// drop forgets a connection that does not work.
func (c *Client) drop(n *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropLocked(n)
}

// connect returns the connection, and opens one where there is none.
func (c *Client) connect(ctx context.Context) (*connection, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil, fault.New(fault.Transient, "the SFTP client was closed")
	case c.live != nil:
		return c.live, nil
	}
	n, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	c.live = n
	return n, nil
}

func (c *Client) dial(ctx context.Context) (*connection, error) {
	dialer := net.Dialer{Timeout: c.cfg.Timeout, KeepAliveConfig: net.KeepAliveConfig{Enable: true}}
	raw, err := dialer.DialContext(ctx, "tcp", c.cfg.Addr)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	wire := &patient{Conn: raw, limit: c.cfg.Timeout}
	stop := context.AfterFunc(ctx, func() { _ = wire.Close() })
	defer stop()
	n, err := c.handshake(wire)
	if err != nil {
		_ = wire.Close()
		return nil, c.refused(ctx, err)
	}
	return n, nil
}

// handshake proves both sides to each other and opens the file channel.
func (c *Client) handshake(wire net.Conn) (*connection, error) {
	conn, channels, requests, err := ssh.NewClientConn(wire, c.cfg.Addr, &ssh.ClientConfig{
		User: c.cfg.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(c.id.signer)},
		HostKeyCallback: c.checkHostKey, HostKeyAlgorithms: c.algorithms(),
	})
	if err != nil {
		return nil, err
	}
	client := ssh.NewClient(conn, channels, requests)
	files, err := sftp.NewClient(client)
	if err != nil {
		_ = client.Close()
		return nil, noFiles{err}
	}
	n := &connection{wire: wire, files: files, quiet: make(chan struct{})}
	go keep(client, c.cfg.Timeout/2, n.quiet) // end waits for it
	return n, nil
}

// keep asks the server for a sign of life, so that silence means that it is gone. It ends with the connection.
func keep(client *ssh.Client, every time.Duration, quiet chan<- struct{}) {
	defer close(quiet)
	gone := make(chan struct{})
	go func() { defer close(gone); _ = client.Wait() }() // ends with the connection, waited for below
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-gone:
			return
		case <-ticker.C:
			if _, _, err := client.SendRequest("keepalive@openssh.com", true, nil); err != nil {
				_ = client.Close()
				<-gone
				return
			}
		}
	}
}

// patient is a network connection on which silence or a full pipe is an error after a while.
type patient struct {
	net.Conn
	limit time.Duration
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.SetReadDeadline(time.Now().Add(p.limit)); err != nil {
		return 0, err
	}
	return p.Conn.Read(b)
}

func (p *patient) Write(b []byte) (int, error) {
	if err := p.SetWriteDeadline(time.Now().Add(p.limit)); err != nil {
		return 0, err
	}
	return p.Conn.Write(b)
}

// wrongHost is the fault of a server that proves another key than the configured.
type wrongHost struct{ shown string }

func (wrongHost) Error() string { return "the server has another host key" }

// noFiles is the fault of a server that lets the user in and has no files for them.
type noFiles struct{ error }

func (e noFiles) Unwrap() error { return e.error }

func (c *Client) checkHostKey(_ string, _ net.Addr, shown ssh.PublicKey) error {
	for _, known := range c.id.hostKeys {
		if bytes.Equal(known.Marshal(), shown.Marshal()) {
			return nil
		}
	}
	return wrongHost{ssh.FingerprintSHA256(shown)}
}

// algorithms asks the server for the kind of key that is configured: of several it would show another one.
func (c *Client) algorithms() []string {
	var all []string
	for _, key := range c.id.hostKeys {
		kinds := []string{key.Type()}
		if key.Type() == ssh.KeyAlgoRSA {
			kinds = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
		}
		for _, kind := range kinds {
			if !slices.Contains(all, kind) {
				all = append(all, kind)
			}
		}
	}
	return all
}

// do calls the server. What it does not survive ends the connection, and so does the end of ctx: file requests cannot be
// called back one by one.
func (c *Client) do(ctx context.Context, subject string, call func(*sftp.Client) error) error {
	n, err := c.connect(ctx)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = n.wire.Close() })
	err = call(n.files)
	stop()
	if err == nil {
		return nil
	}
	said := (*sftp.StatusError)(nil)
	if answered := errors.As(err, &said) || isFileError(err); !answered || ctx.Err() != nil {
		c.drop(n)
	}
	return c.explain(ctx, subject, err)
}
