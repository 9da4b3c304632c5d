package cli

import "github.com/causeway-sync/causeway/pkg/seal"

// ConnectionsKey is the flag of the key file that the secrets of stored connections are sealed with.
type ConnectionsKey struct {
	File string `name:"connections-key" help:"File with the key of the connections' secrets, the same for the admin service, which makes it where there is none, and the workflow services." env:"CAUSEWAY_CONNECTIONS_KEY_FILE"`
}

// Key is the key in the file; nil where no file is given.
func (k ConnectionsKey) Key() *seal.Key { return seal.At(k.File) }

// Create is Key, with the file made where there is none.
func (k ConnectionsKey) Create() (*seal.Key, error) {
	if k.File == "" {
		return nil, nil //nolint:nilnil // A process without a key has a nil one.
	}
	return seal.Create(k.File)
}
