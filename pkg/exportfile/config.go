package exportfile

import (
	"bytes"
	"cmp"
	"errors"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// DefaultFolder is where Adobe's own integration has its customers put the files (Campaign Standard documentation,
// "Dynamics 365 integration, settings").
const DefaultFolder = "d365_loads/exports"

// Config says how to reach the folder.
type Config struct {
	// Addr is host or host:port of the SFTP server; the port is 22 where there is none.
	Addr string
	User string
	// Key is the user's private key in PEM form, without a passphrase.
	Key []byte
	// HostKey is the key that the server must prove to hold: "ssh-ed25519 AAAA...", as ssh-keyscan or a known_hosts file
	// shows it. Several lines allow several keys, for the days on which a server changes its own.
	HostKey string
	// Folder holds the files. It begins at the user's home unless it begins with a slash; empty is DefaultFolder.
	Folder string
	// Timeout bounds a connection's beginning, and the silence of the server later; 0 means 30 s.
	Timeout time.Duration
}

func (cfg Config) withDefaults() Config {
	cfg.Folder = cmp.Or(strings.TrimSpace(cfg.Folder), DefaultFolder)
	cfg.Timeout = cmp.Or(cfg.Timeout, 30*time.Second)
	cfg.Addr = strings.TrimSpace(cfg.Addr)
	if _, _, err := net.SplitHostPort(cfg.Addr); err != nil && cfg.Addr != "" {
		cfg.Addr = net.JoinHostPort(strings.Trim(cfg.Addr, "[]"), "22")
	}
	return cfg
}

// identity is what both sides show each other.
type identity struct {
	signer   ssh.Signer
	hostKeys []ssh.PublicKey
}

// identify reads the keys of a completed Config and reports what makes it unusable, all at once.
func (cfg Config) identify() (identity, error) { return cfg.identifyWith(parseHostKeys) }

func (cfg Config) identifyWith(hostKeys func(text string) ([]ssh.PublicKey, error)) (identity, error) {
	var id identity
	var findings []string
	if cfg.Addr == "" {
		findings = append(findings, "the address of the SFTP server is empty; it should look like host:22")
	}
	if cfg.User == "" {
		findings = append(findings, "the user of the SFTP server is empty")
	}
	var err error
	if id.signer, err = ssh.ParsePrivateKey(cfg.Key); err != nil {
		findings = append(findings, keyAdvice(cfg.Key, err))
	}
	if id.hostKeys, err = hostKeys(cfg.HostKey); err != nil {
		findings = append(findings, err.Error())
	}
	if len(findings) > 0 {
		return id, fault.New(fault.Fatal, strings.Join(findings, "; "))
	}
	return id, nil
}

// keyAdvice says what is wrong with a private key without showing any of it.
func keyAdvice(key []byte, err error) string {
	locked := (*ssh.PassphraseMissingError)(nil)
	switch {
	case len(bytes.TrimSpace(key)) == 0:
		return "the private key of the SFTP user is missing"
	case errors.As(err, &locked):
		return "the private key of the SFTP user is locked with a passphrase; give one without (ssh-keygen -p removes it)"
	case isPublic(key):
		return "the private key of the SFTP user is a public key; give the other half of the pair"
	}
	return "the private key of the SFTP user cannot be understood; it must be in PEM form, as ssh-keygen writes it"
}

func isPublic(key []byte) bool {
	_, _, _, _, err := ssh.ParseAuthorizedKey(key)
	return err == nil
}

// parseHostKeys reads keys in the form of authorized_keys or known_hosts, one a line.
func parseHostKeys(text string) ([]ssh.PublicKey, error) {
	var keys []ssh.PublicKey
	rest := []byte(text)
	for len(bytes.TrimSpace(rest)) > 0 {
		key, _, _, remaining, err := ssh.ParseAuthorizedKey(rest)
		if err != nil {
			return nil, errors.New("the host key of the SFTP server cannot be understood; it should look like \"ssh-ed25519 AAAA...\", one a line")
		}
		keys, rest = append(keys, key), remaining
	}
	if len(keys) == 0 {
		return nil, errors.New("the host key of the SFTP server is missing; ask its operator for it, or compare what ssh-keyscan shows with what they tell you")
	}
	return keys, nil
}
