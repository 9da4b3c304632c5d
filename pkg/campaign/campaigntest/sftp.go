package campaigntest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// ExportFolder is the folder of the export files below the user's home (ACS documentation, "Dynamics 365 integration,
// settings").
const ExportFolder = "d365_loads/exports"

// SFTP is the file server of a simulated Campaign: SSH with a host key, users with a private key, and files below one
// folder of this machine that no path leads out of.
//
//	dir/home/d365_loads/exports/   what the user sees as d365_loads/exports
//	dir/client_key                 the user's private key
//	dir/host_key, host_key.pub     the server's own
//
// The keys that are there already are used again, so that a client may outlive the server.
type SFTP struct {
	dir      string
	home     *os.Root
	config   ssh.ServerConfig
	host     ssh.Signer
	client   ssh.Signer
	key      []byte // the client's, in PEM form
	listener net.Listener

	// What goes wrong.
	refuse   atomic.Bool
	cutAfter atomic.Int64

	serving sync.WaitGroup
	mu      sync.Mutex
	open    map[net.Conn]struct{} // guarded by mu
	closed  bool                  // guarded by mu
	logins  atomic.Int64
}

// SFTPUser is the user that the server lets in.
const SFTPUser = "causeway"

// NewSFTP makes the folders and keys below dir, and takes the listener's connections until Close.
func NewSFTP(dir string, listener net.Listener) (*SFTP, error) {
	s := &SFTP{dir: dir, listener: listener, open: map[net.Conn]struct{}{}}
	err := os.MkdirAll(filepath.Join(s.homeDir(), filepath.FromSlash(ExportFolder)), 0o755)
	if err == nil {
		s.home, err = os.OpenRoot(s.homeDir())
	}
	if err == nil {
		s.host, _, err = keyFile(filepath.Join(dir, "host_key"))
	}
	if err == nil {
		s.client, s.key, err = keyFile(filepath.Join(dir, "client_key"))
	}
	if err != nil {
		return nil, err
	}
	s.config.PublicKeyCallback = s.admit
	s.config.AddHostKey(s.host)
	s.serving.Go(s.accept)
	return s, nil
}

func (s *SFTP) homeDir() string { return filepath.Join(s.dir, "home") }

// Exports is the folder of the export files on this machine.
func (s *SFTP) Exports() string { return filepath.Join(s.homeDir(), filepath.FromSlash(ExportFolder)) }

// Addr is where the server listens.
func (s *SFTP) Addr() string { return s.listener.Addr().String() }

// ClientKey is the user's private key, and ClientKeyFile the file that holds it.
func (s *SFTP) ClientKey() []byte { return s.key }

// ClientKeyFile is the file that holds ClientKey.
func (s *SFTP) ClientKeyFile() string { return filepath.Join(s.dir, "client_key") }

// HostKey is the server's public key: "ssh-ed25519 AAAA...".
func (s *SFTP) HostKey() string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.host.PublicKey())))
}

// Logins is how often a user was let in.
func (s *SFTP) Logins() int64 { return s.logins.Load() }

// RefuseAuth has the server let nobody in, or its user again.
func (s *SFTP) RefuseAuth(refuse bool) { s.refuse.Store(refuse) }

// CutAfter has every connection break off after so many bytes sent; 0 ends that. It counts from each connection's begin.
func (s *SFTP) CutAfter(bytes int64) { s.cutAfter.Store(bytes) }

// Cut breaks off every connection that there is now.
func (s *SFTP) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.open {
		_ = conn.Close()
	}
}

// Close ends the server and its connections, and waits for them. The files stay.
func (s *SFTP) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	err := s.listener.Close()
	s.Cut()
	s.serving.Wait()
	return errors.Join(err, s.home.Close())
}

// keyFile reads a private key, and makes one where there is none.
func keyFile(path string) (ssh.Signer, []byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if text, err = newKey(); err == nil {
			err = os.WriteFile(path, text, 0o600)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, nil, err
	}
	return signer, text, os.WriteFile(path+".pub", ssh.MarshalAuthorizedKey(signer.PublicKey()), 0o644)
}

func newKey() ([]byte, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "causeway sandbox")
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(block), nil
}

var errNotAdmitted = errors.New("not admitted")

// admit lets the one user with the one key in.
func (s *SFTP) admit(conn ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	known := string(key.Marshal()) == string(s.client.PublicKey().Marshal())
	if s.refuse.Load() || conn.User() != SFTPUser || !known {
		return nil, errNotAdmitted
	}
	return &ssh.Permissions{}, nil
}

func (s *SFTP) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // Close
		}
		limited := &cutting{Conn: conn, server: s}
		if !s.enter(limited) {
			_ = conn.Close()
			return
		}
		s.serving.Go(func() {
			defer s.exit(limited)
			s.serve(limited)
		})
	}
}

func (s *SFTP) enter(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[conn] = struct{}{}
	return !s.closed
}

func (s *SFTP) exit(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
}

// cutting is a connection that breaks off where CutAfter says.
type cutting struct {
	net.Conn
	server *SFTP
	sent   atomic.Int64
}

func (c *cutting) Write(b []byte) (int, error) {
	if limit := c.server.cutAfter.Load(); limit > 0 && c.sent.Add(int64(len(b))) > limit {
		_ = c.Close()
		return 0, io.ErrClosedPipe
	}
	return c.Conn.Write(b)
}

// serve is one connection.
func (s *SFTP) serve(conn net.Conn) {
	session, channels, requests, err := ssh.NewServerConn(conn, &s.config)
	if err != nil {
		return
	}
	s.logins.Add(1)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer func() { _ = session.Close() }()
	parts.Go(func() { answerAll(requests) })
	for asked := range channels {
		if asked.ChannelType() != "session" {
			_ = asked.Reject(ssh.UnknownChannelType, "only sessions")
			continue
		}
		channel, wishes, err := asked.Accept()
		if err != nil {
			return
		}
		parts.Go(func() { s.session(channel, wishes) })
	}
}

// answerAll answers signs of life.
func answerAll(requests <-chan *ssh.Request) {
	for r := range requests {
		if r.WantReply {
			_ = r.Reply(false, nil)
		}
	}
}

// session serves files to a channel that asks for them, and nothing else.
func (s *SFTP) session(channel ssh.Channel, wishes <-chan *ssh.Request) {
	defer func() { _ = channel.Close() }()
	for wish := range wishes {
		files := wish.Type == "subsystem" && string(wish.Payload) == "\x00\x00\x00\x04sftp"
		_ = wish.Reply(files, nil)
		if !files {
			continue
		}
		var rest sync.WaitGroup
		rest.Go(func() { answerAll(wishes) })
		_ = sftp.NewRequestServer(channel, s.handlers()).Serve() // the client went, or the connection was cut
		_ = channel.Close()
		rest.Wait()
		return
	}
}
