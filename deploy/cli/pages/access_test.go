package pages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// TestReadPassword: a line of a file or pipe is the password, whatever ends it; spaces belong to it.
func TestReadPassword(t *testing.T) {
	for text, want := range map[string]string{"secret\n": "secret", "secret\r\n": "secret", " two words ": " two words ", "": "", "first\nsecond\n": "first"} {
		path := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		var prompt strings.Builder
		if got, err := readPassword(in, &prompt); err != nil || got != want || prompt.Len() != 0 {
			t.Errorf("%q is read as %q, %v; asked %q", text, got, err, prompt.String())
		}
		in.Close()
	}
}

// TestAccessConfig: the secret comes from its file, and roles from their flags.
func TestAccessConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("a client's secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := Access{OIDCIssuer: "https://login.example", OIDCSecretFile: path, OIDCAdmins: []string{"Boss"}}.Config()
	if err != nil || cfg.Provider.ClientSecret != "a client's secret" || cfg.Provider.Roles[access.Admin][0] != "Boss" {
		t.Errorf("%+v, %v", cfg.Provider.Roles, err)
	}
	if _, err := (Access{OIDCSecretFile: path + ".none"}).Config(); !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), "--oidc-client-secret-file") {
		t.Errorf("no such file: %v", err)
	}
}
