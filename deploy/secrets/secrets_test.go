package secrets_test

import (
	"crypto/tls"
	"crypto/x509"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/deploy/secrets"
)

func read(t *testing.T, folder string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(text)
		if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", entry.Name(), info.Mode(), err)
		}
	}
	return files
}

// TestNothingIsReplaced: a second run changes nothing, and one after a file was removed makes that one anew, and what
// follows from it.
func TestNothingIsReplaced(t *testing.T) {
	folder := secrets.Folder{Path: filepath.Join(t.TempDir(), "secrets"), UID: os.Getuid(), GID: os.Getgid()}
	if _, err := folder.Make(); err != nil {
		t.Fatal(err)
	}
	password, err := folder.FirstUser("admin")
	if err != nil || len(password) < 12 {
		t.Fatalf("the first user's password has %d characters, %v", len(password), err)
	}
	before := read(t, folder.Path)
	if strings.Contains(before[secrets.Users], password) {
		t.Error("the password stands in the file")
	}
	again := secrets.Folder{Path: folder.Path, UID: os.Getuid(), GID: os.Getgid()}
	made, err := again.Make()
	second, userErr := again.FirstUser("admin")
	if err != nil || userErr != nil || len(made) > 0 || second != "" || !maps.Equal(before, read(t, folder.Path)) {
		t.Errorf("a second run made %q and %q: %v %v", made, second, err, userErr)
	}
	if err := os.Remove(filepath.Join(folder.Path, secrets.Seed("egress"))); err != nil {
		t.Fatal(err)
	}
	if made, err = again.Make(); err != nil || !slices.Equal(made, []string{secrets.Seed("egress"), secrets.PublicKeys}) {
		t.Errorf("a removed seed led to %q, %v", made, err)
	}
	if before[secrets.PublicKeys] == read(t, folder.Path)[secrets.PublicKeys] {
		t.Error("the server still knows the old key")
	}
}

// TestCertificates are good for the names of the compose files and those that were asked for, and for no other.
func TestCertificates(t *testing.T) {
	folder := secrets.Folder{Path: t.TempDir(), UID: os.Getuid(), GID: os.Getgid(), Names: []string{"nats.contoso.com", "10.1.2.3"}}
	if _, err := folder.Certificates(); err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(folder.Path, name) }
	pair, err := tls.LoadX509KeyPair(file(secrets.ServerCert), file(secrets.ServerKey))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file(secrets.AuthorityCert))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	for name, good := range map[string]bool{"nats": true, "nats-3": true, "localhost": true, "127.0.0.1": true, "nats.contoso.com": true, "10.1.2.3": true, "other": false} {
		_, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
		if (err == nil) != good {
			t.Errorf("for %s: %v", name, err)
		}
	}
}

// TestRenewing: a certificate and its key are made anew together, with all that follows from them, and nothing else is.
func TestRenewing(t *testing.T) {
	authority, server := []string{secrets.AuthorityKey, secrets.AuthorityCert}, []string{secrets.ServerKey, secrets.ServerCert}
	for name, c := range map[string]struct{ removed, made []string }{
		"the servers' certificate":               {[]string{secrets.ServerCert}, server},
		"the servers' key":                       {[]string{secrets.ServerKey}, server},
		"both of the servers":                    {server, server},
		"the authority":                          {[]string{secrets.AuthorityCert}, append(slices.Clone(authority), server...)},
		"both of the authority":                  {authority, append(slices.Clone(authority), server...)},
		"everything":                             {append(slices.Clone(authority), server...), append(slices.Clone(authority), server...)},
		"nothing, the authority's key elsewhere": {[]string{secrets.AuthorityKey}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "secrets")
			again := func(names ...string) ([]string, error) {
				folder := secrets.Folder{Path: dir, UID: os.Getuid(), GID: os.Getgid(), Names: names}
				return folder.Make()
			}
			if _, err := again(); err != nil {
				t.Fatal(err)
			}
			before := read(t, dir)
			for _, file := range c.removed {
				if err := os.Remove(filepath.Join(dir, file)); err != nil {
					t.Fatal(err)
				}
			}
			if made, err := again(); err != nil || !slices.Equal(made, c.made) {
				t.Fatalf("made %q, %v, want %q", made, err, c.made)
			}
			for file, text := range read(t, dir) {
				if (text != before[file]) != slices.Contains(c.made, file) {
					t.Errorf("%s is new: %t", file, text != before[file])
				}
			}
			if made, err := again("localhost"); err != nil || len(made) > 0 { // It looks whether they fit.
				t.Errorf("once more: %q, %v", made, err)
			}
		})
	}
}

// TestThePublicHalvesFitTheSeeds, also where an earlier run was cut off between a new seed and their file.
func TestThePublicHalvesFitTheSeeds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "secrets")
	again := func() ([]string, error) {
		folder := secrets.Folder{Path: dir, UID: os.Getuid(), GID: os.Getgid()}
		return folder.Make()
	}
	if _, err := again(); err != nil {
		t.Fatal(err)
	}
	before := read(t, dir)[secrets.PublicKeys]
	if err := os.WriteFile(filepath.Join(dir, secrets.PublicKeys), []byte("NKEY_ADMIN: \"of another seed\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if made, err := again(); err != nil || !slices.Equal(made, []string{secrets.PublicKeys}) || read(t, dir)[secrets.PublicKeys] != before {
		t.Errorf("made %q, %v", made, err)
	}
}

// TestWhatDoesNotFitIsTold, with what is to be done, and nothing is replaced.
func TestWhatDoesNotFitIsTold(t *testing.T) {
	make := func(dir string, names ...string) error {
		folder := secrets.Folder{Path: dir, UID: os.Getuid(), GID: os.Getgid(), Names: names}
		_, err := folder.Certificates()
		return err
	}
	copied := func(from, to string, files ...string) {
		t.Helper()
		for _, file := range files {
			text, err := os.ReadFile(filepath.Join(from, file))
			if err == nil {
				err = os.WriteFile(filepath.Join(to, file), text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	other := t.TempDir()
	if err := make(other); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		foreign, names []string
		want           string
	}{
		"a further name":         {nil, []string{"nats.contoso.com"}, "not made for nats.contoso.com: remove nats-server.pem"},
		"a further address":      {nil, []string{"localhost", "10.1.2.3"}, "not made for 10.1.2.3: remove nats-server.pem"},
		"another authority":      {[]string{secrets.AuthorityCert, secrets.AuthorityKey}, nil, "not good by ca.pem: remove nats-server.pem"},
		"another key of servers": {[]string{secrets.ServerKey}, nil, "cannot be used together: remove nats-server.pem"},
	} {
		dir := t.TempDir()
		if err := make(dir); err != nil {
			t.Fatal(err)
		}
		copied(other, dir, c.foreign...)
		before := read(t, dir)
		if err := make(dir, c.names...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if !maps.Equal(before, read(t, dir)) {
			t.Errorf("%s: something was replaced", name)
		}
		if err := os.Remove(filepath.Join(dir, secrets.ServerCert)); err != nil {
			t.Fatal(err)
		}
		if err := make(dir, c.names...); err != nil {
			t.Errorf("%s, after what was said was done: %v", name, err)
		}
	}
	// The authority's key is kept elsewhere, and wanted.
	for _, file := range []string{secrets.AuthorityKey, secrets.ServerCert} {
		if err := os.Remove(filepath.Join(other, file)); err != nil {
			t.Fatal(err)
		}
	}
	if err := make(other); err == nil || !strings.Contains(err.Error(), "put the key back, or remove ca.pem") {
		t.Errorf("without the authority's key: %v", err)
	}
}
