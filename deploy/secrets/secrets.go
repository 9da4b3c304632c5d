// Package secrets makes what an installation in containers keeps secret: certificates of a small authority of its own for
// the NATS servers and their clients, an nkey for each user of the bus, the key that the stored messages are encrypted
// with, the key of the connections' secrets, and a first user of the pages.
//
// It promises never to replace a file that is there, but for what follows from another: to renew one, remove it and run
// again. A certificate and its key are one: to renew them remove the certificate. What is derived is made anew with its
// source: the servers' certificate with the authority, the file of public keys with a seed. Files are readable by their owner
// only, and belong to the user that the containers run as.
//
// Callers must not renew StoreKey and Connections in this way: what was stored with the old ones would be lost.
//
// The authority is meant for trials and for installations without one of their own. Where there is one, put its
// certificates in place of these: the names are those of the constants.
package secrets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The files of a folder of secrets.
const (
	AuthorityCert = "ca.pem"
	AuthorityKey  = "ca.key"
	ServerCert    = "nats-server.pem"
	ServerKey     = "nats-server.key"
	PublicKeys    = "nats-nkeys.conf"
	StoreKey      = "nats-store-key.conf"
	Connections   = "connections.key"
	Users         = "users"
)

// BusUsers are the users of the bus, each with a seed in a file of its name and ".nk".
func BusUsers() []string {
	return []string{"admin", "ingress", "egress", "optinout", "operator", "maintenance", "sys"}
}

// Seed is the file of a bus user's seed.
func Seed(user string) string { return user + ".nk" }

// Folder is where secrets are, and who owns them.
type Folder struct {
	Path string
	// UID and GID own the files where this process may give them away, as root may.
	UID, GID int
	// Names are further names and addresses of the NATS servers, beside those that the compose files use.
	Names []string
	made  []string
}

// Make makes everything that is missing and returns the names of what it made.
func (f *Folder) Make() (made []string, err error) {
	if err := os.MkdirAll(f.Path, 0o700); err != nil {
		return nil, fmt.Errorf("the folder of secrets cannot be made: %w", err)
	}
	for _, make := range []func() error{f.certificates, f.nkeys, f.storeKey, f.connectionsKey} {
		if err := make(); err != nil {
			return f.made, err
		}
	}
	return f.made, nil
}

func (f *Folder) file(name string) string { return filepath.Join(f.Path, name) }

func (f *Folder) has(name string) bool {
	_, err := os.Stat(f.file(name))
	return err == nil
}

// remove has a file be gone.
func (f *Folder) remove(name string) error {
	if err := os.Remove(f.file(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s cannot be replaced: %w", name, err)
	}
	return nil
}

// write makes a file that is not there.
func (f *Folder) write(name string, content []byte) error {
	file, err := os.OpenFile(f.file(name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("%s cannot be made: %w", name, err)
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("%s cannot be written: %w", name, err)
	}
	return f.own(name)
}

// own gives a file to the user of the containers, and notes that it was made.
func (f *Folder) own(name string) error {
	f.made = append(f.made, name)
	if os.Geteuid() != 0 {
		return nil
	}
	if err := os.Chown(f.file(name), f.UID, f.GID); err != nil && !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s cannot be given to user %d: %w", name, f.UID, err)
	}
	return nil
}
