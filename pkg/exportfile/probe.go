package exportfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// Probe is how far somebody comes who tries a Config, for a person who sets it up. Each step is nil where it worked, and
// a *fault.Error where it did not; the steps behind it were not tried and have none.
type Probe struct {
	// Reached: something answers at the address.
	Reached error
	// Host: the server is the one in the settings. Shown is the key that it presented, as it would stand in the settings,
	// and Fingerprint that key's SHA-256; both are empty where it presented none. A Config without a host key fails here,
	// with the presented key for the person to compare.
	Host               error
	Shown, Fingerprint string
	// User: the server lets the user in.
	User error
	// Folder: the folder was listed. Files is how many plain files stand in it.
	Folder error
	Files  int
}

// Try opens a connection, looks around and closes it. A Config that cannot work is an error of its own and nothing is
// tried, but for a missing host key.
func Try(ctx context.Context, cfg Config) (Probe, error) {
	cfg = cfg.withDefaults()
	id, err := cfg.identifyAnyHost()
	if err != nil {
		return Probe{}, err
	}
	t := &trial{Client: Client{cfg: cfg, id: id}}
	p := t.run(ctx)
	if p.Host != nil && p.Shown == "" { // It has no key of the kind in the settings: the one that it has is what helps.
		t.Client.id.hostKeys = nil
		p.Shown, p.Fingerprint = t.shown(ctx)
	}
	return p, nil
}

// identifyAnyHost is identify for a Config that may lack the host key.
func (cfg Config) identifyAnyHost() (identity, error) {
	return cfg.identifyWith(func(text string) ([]ssh.PublicKey, error) {
		if strings.TrimSpace(text) == "" {
			return nil, nil
		}
		return parseHostKeys(text)
	})
}

// trial is one try.
type trial struct {
	Client
	presented ssh.PublicKey
}

// shown is the key that the server presents to somebody who takes any kind.
func (t *trial) shown(ctx context.Context) (line, fingerprint string) {
	p := t.run(ctx)
	return p.Shown, p.Fingerprint
}

func (t *trial) run(ctx context.Context) (p Probe) {
	dialer := net.Dialer{Timeout: t.cfg.Timeout}
	raw, err := dialer.DialContext(ctx, "tcp", t.cfg.Addr)
	if err != nil {
		p.Reached = t.unreachable(ctx, err)
		return p
	}
	defer func() { _ = raw.Close() }()
	if err := raw.SetDeadline(time.Now().Add(t.cfg.Timeout)); err != nil {
		p.Reached = t.unreachable(ctx, err)
		return p
	}
	cut := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer cut()
	conn, channels, requests, err := ssh.NewClientConn(raw, t.cfg.Addr, &ssh.ClientConfig{
		User: t.cfg.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(t.id.signer)}, HostKeyCallback: t.look, HostKeyAlgorithms: t.algorithms(),
	})
	if t.presented != nil {
		p.Shown, p.Fingerprint = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(t.presented))), ssh.FingerprintSHA256(t.presented)
	}
	if err != nil {
		t.blame(&p, t.refused(ctx, err), err)
		return p
	}
	client := ssh.NewClient(conn, channels, requests)
	defer func() { _ = client.Close() }()
	p.Files, p.Folder = t.count(ctx, client)
	return p
}

// look notes the key that the server presents, and compares it with those in the settings.
func (t *trial) look(_ string, _ net.Addr, shown ssh.PublicKey) error {
	t.presented = shown
	for _, known := range t.id.hostKeys {
		if bytes.Equal(known.Marshal(), shown.Marshal()) {
			return nil
		}
	}
	return wrongHost{ssh.FingerprintSHA256(shown)}
}

// blame puts the fault of a handshake to the step that failed.
func (t *trial) blame(p *Probe, said, err error) {
	var host wrongHost
	var negotiation *ssh.AlgorithmNegotiationError
	switch {
	case errors.As(err, &host) && len(t.id.hostKeys) == 0:
		p.Host = fault.Wrap(fault.Fatal, err, fmt.Sprintf("no host key is set; the SFTP server at %s presented one with the fingerprint %s; ask its operator whether that is right, and put it into the settings then", t.cfg.Addr, host.shown))
	case errors.As(err, &host), errors.As(err, &negotiation):
		p.Host = said
	case t.presented == nil: // It hung up before it said who it is.
		p.Reached = said
	default:
		p.User = said
	}
}

// count lists the folder.
func (t *trial) count(ctx context.Context, client *ssh.Client) (files int, err error) {
	channel, err := sftp.NewClient(client)
	if err != nil {
		return 0, t.refused(ctx, noFiles{err})
	}
	defer func() { _ = channel.Close() }()
	subject := remoteFolder{&t.Client}.subject()
	infos, err := channel.ReadDir(t.cfg.Folder)
	if err != nil {
		err = t.explain(ctx, subject, err)
		switch {
		case fault.Is(err, fault.NotFound):
			return 0, fault.Wrap(fault.Fatal, err, subject+" does not exist; create it, or correct the folder in the settings")
		case fault.Is(err, fault.Rejected):
			return 0, fault.Wrap(fault.Fatal, err, fault.Message(err)+"; let the user list and read it")
		}
		return 0, err
	}
	for _, info := range infos {
		if info.Mode().IsRegular() {
			files++
		}
	}
	return files, nil
}
