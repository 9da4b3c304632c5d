package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"filippo.io/age"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// Key is a key file. It is read when it is first needed, so that a process may start before its key is there. A nil Key
// is that of a process that was given none: it seals and opens nothing and says what to do. It is safe for concurrent use.
type Key struct {
	path string

	mu       sync.Mutex
	identity *age.X25519Identity // nil until it was read, guarded by mu
}

// At is the key in a file; nil for an empty path. Nothing is opened.
func At(path string) *Key {
	if path == "" {
		return nil
	}
	return &Key{path: path}
}

// Create makes the key file where there is none, readable by its owner only. Of several processes that do it at the same
// time one makes it, and all use that one.
func Create(path string) (*Key, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = write(path)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fault.Wrap(fault.Fatal, err, "the key file of the connections cannot be made at "+path+": give another place with --connections-key")
	}
	key := At(path)
	_, err = key.load()
	return key, err
}

// write makes a whole file or none: it gets its name when its content is safe.
func write(path string) error {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	draft, err := os.CreateTemp(filepath.Dir(path), ".connections-key-*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(draft.Name()) }()
	_, err = fmt.Fprintf(draft, "# The key of Causeway's connections. Keep a copy: without it their secrets have to be given again.\n# public key: %s\n%s\n", identity.Recipient(), identity)
	err = errors.Join(err, draft.Sync(), draft.Close())
	if err != nil {
		return err
	}
	return os.Link(draft.Name(), path)
}

// ErrNoKey is the cause of every fault of a process that was given no key.
var ErrNoKey = errors.New("no key file")

// load reads the file once.
func (k *Key) load() (*age.X25519Identity, error) {
	if k == nil {
		return nil, fault.Wrap(fault.Fatal, ErrNoKey, "this process has no key for the secrets of connections: give it the key file of the admin service with --connections-key or CAUSEWAY_CONNECTIONS_KEY_FILE")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.identity != nil {
		return k.identity, nil
	}
	text, err := os.ReadFile(k.path)
	if err != nil {
		return nil, fault.Wrap(fault.Fatal, err, "the key file of the connections cannot be read at "+k.path+": put the admin service's key file there, readable by this process")
	}
	// The cause of a parse error quotes the file: it stays out (invariant 9).
	identities, err := age.ParseIdentities(bytes.NewReader(text))
	if err == nil && len(identities) == 1 {
		k.identity, _ = identities[0].(*age.X25519Identity)
	}
	if k.identity == nil {
		return nil, fault.New(fault.Fatal, "the key file of the connections at "+k.path+" is none: it must hold one line AGE-SECRET-KEY-1..., as the admin service or age-keygen makes it")
	}
	return k.identity, nil
}

// envelope is what is encrypted.
type envelope struct {
	For    string `json:"for"`
	Secret string `json:"secret"`
}

// Seal makes a text of a secret that opens for the same purpose only.
func (k *Key) Seal(purpose, secret string) (string, error) {
	identity, err := k.load()
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(envelope{For: purpose, Secret: secret})
	if err != nil {
		return "", fault.New(fault.Fatal, "a secret cannot be written down to be sealed")
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, identity.Recipient())
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return "", fault.Wrap(fault.Fatal, err, "a secret cannot be sealed")
	}
	return base64.StdEncoding.EncodeToString(out.Bytes()), nil
}

// Open is the secret. Every fault is Fatal: a person has to bring the right key, or to give the secret again.
func (k *Key) Open(purpose, sealed string) (string, error) {
	identity, err := k.load()
	if err != nil {
		return "", err
	}
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return "", damaged(err)
	}
	r, err := age.Decrypt(bytes.NewReader(raw), identity)
	if other := (*age.NoIdentityMatchError)(nil); errors.As(err, &other) {
		return "", fault.Wrap(fault.Fatal, err, "a secret was sealed with another key than that in "+k.path+": give this process the key file of the admin service, or set the secret again on the page Settings")
	}
	if err != nil {
		return "", damaged(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return "", damaged(err)
	}
	var e envelope
	if json.Unmarshal(plain, &e) != nil {
		return "", damaged(errors.New("not an envelope"))
	}
	if e.For != purpose {
		return "", fault.New(fault.Fatal, "a secret was given for another address than the one that is stored now: somebody changed the stored connection beside the admin service; set the secret again on the page Settings")
	}
	return e.Secret, nil
}

func damaged(err error) error {
	return fault.Wrap(fault.Fatal, err, "a sealed secret is damaged: set it again on the page Settings")
}
