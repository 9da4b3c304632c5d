package secrets

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"strings"

	"github.com/nats-io/nkeys"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/seal"
)

// nkeys makes the missing seeds, and the file of the public halves that the server reads, anew when it does not fit them.
func (f *Folder) nkeys() error {
	var public bytes.Buffer
	public.WriteString("# The public halves of the bus users' nkeys.\n")
	for _, user := range BusUsers() {
		if !f.has(Seed(user)) {
			if err := f.seed(user); err != nil {
				return err
			}
		}
		key, err := f.publicKey(user)
		if err != nil {
			return err
		}
		fmt.Fprintf(&public, "NKEY_%s: %q\n", strings.ToUpper(user), key)
	}
	// Compared and not noted: an earlier run may have been cut off between a seed and this file.
	if there, err := os.ReadFile(f.file(PublicKeys)); err == nil && bytes.Equal(there, public.Bytes()) {
		return nil
	}
	if err := f.remove(PublicKeys); err != nil {
		return err
	}
	return f.write(PublicKeys, public.Bytes())
}

func (f *Folder) seed(user string) error {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return fmt.Errorf("make the nkey of %s: %w", user, err)
	}
	seed, err := pair.Seed()
	if err != nil {
		return fmt.Errorf("make the nkey of %s: %w", user, err)
	}
	return f.write(Seed(user), append(seed, '\n'))
}

func (f *Folder) publicKey(user string) (string, error) {
	text, err := os.ReadFile(f.file(Seed(user)))
	if err != nil {
		return "", fmt.Errorf("the seed of %s cannot be read: %w", user, err)
	}
	pair, err := nkeys.FromSeed(bytes.TrimSpace(text))
	if err != nil {
		return "", fmt.Errorf("%s holds no seed of an nkey: remove it to have a new one made", Seed(user))
	}
	public, err := pair.PublicKey()
	if err != nil {
		return "", fmt.Errorf("the public half of %s: %w", Seed(user), err)
	}
	return public, nil
}

// storeKey is what nats-server encrypts its streams with.
func (f *Folder) storeKey() error {
	if f.has(StoreKey) {
		return nil
	}
	return f.write(StoreKey, fmt.Appendf(nil, "# Whoever loses this loses what is stored. Keep a copy apart from the data.\nkey: %q\n", rand.Text()+rand.Text()))
}

func (f *Folder) connectionsKey() error {
	if f.has(Connections) {
		return nil
	}
	if _, err := seal.Create(f.file(Connections)); err != nil {
		return err
	}
	return f.own(Connections)
}

// FirstUser makes the users file with one admin, where there is none, and returns the password, which is stored nowhere.
func (f *Folder) FirstUser(name string) (password string, err error) {
	if f.has(Users) {
		return "", nil
	}
	password = rand.Text()
	line, err := access.PasswordLine(name, access.Admin.String(), password)
	if err != nil {
		return "", err
	}
	return password, f.write(Users, []byte(line+"\n"))
}
