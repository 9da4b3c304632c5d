package exportfile_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/exportfile"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// ecdsaKey is the public key of nobody.
const ecdsaKey = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBDqARpTzkilR99iFVtbrxWlZG6D6n50vsWc7Y5MIirrNDxkGkzJWQfNRLuQw4BsYAXaArA4tdUgqOJIGiyTSN1g="

func sftpServer(t *testing.T) (*campaigntest.SFTP, exportfile.Config) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, err := campaigntest.NewSFTP(t.TempDir(), listener)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server, exportfile.Config{Addr: server.Addr(), User: campaigntest.SFTPUser, Key: server.ClientKey(), HostKey: server.HostKey(),
		Folder: campaigntest.ExportFolder, Timeout: 5 * time.Second}
}

// TestTry: each step that fails says so and ends the try there, and the presented host key is shown in every case in which
// the server presented one.
func TestTry(t *testing.T) {
	other, _ := sftpServer(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for name, c := range map[string]struct {
		change func(*exportfile.Config)
		failed string
		shown  bool
		says   string
	}{
		"all well":         {func(*exportfile.Config) {}, "", true, ""},
		"nobody there":     {func(cfg *exportfile.Config) { cfg.Addr = closed.Addr().String() }, "reached", false, "refused"},
		"another host key": {func(cfg *exportfile.Config) { cfg.HostKey = other.HostKey() }, "host", true, "another host key (SHA256:"},
		"no host key":      {func(cfg *exportfile.Config) { cfg.HostKey = "" }, "host", true, "no host key is set"},
		"another user":     {func(cfg *exportfile.Config) { cfg.User = "nobody" }, "user", true, "does not let the user in"},
		"another key":      {func(cfg *exportfile.Config) { cfg.Key = other.ClientKey() }, "user", true, "does not let the user in"},
		"another folder":   {func(cfg *exportfile.Config) { cfg.Folder = "elsewhere" }, "folder", true, "folder elsewhere of the SFTP server does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			server, cfg := sftpServer(t)
			if err := os.WriteFile(filepath.Join(server.Exports(), "one.csv"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			c.change(&cfg)
			p, err := exportfile.Try(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			steps := map[string]error{"reached": p.Reached, "host": p.Host, "user": p.User, "folder": p.Folder}
			for step, err := range steps {
				if (err != nil) != (step == c.failed) {
					t.Errorf("%s: %v", step, err)
				}
			}
			if c.failed != "" && !strings.Contains(fault.Message(steps[c.failed]), c.says) {
				t.Errorf("%s says %q, want %q in it", c.failed, fault.Message(steps[c.failed]), c.says)
			}
			if c.shown && (p.Shown != server.HostKey() || !strings.HasPrefix(p.Fingerprint, "SHA256:")) {
				t.Errorf("shown %q with %q", p.Shown, p.Fingerprint)
			}
			if c.failed == "" && p.Files != 1 {
				t.Errorf("%d files", p.Files)
			}
		})
	}
}

// TestTryAnotherKindOfHostKey: a server without a key of the kind in the settings is asked once more for the one it has.
func TestTryAnotherKindOfHostKey(t *testing.T) {
	server, cfg := sftpServer(t)
	cfg.HostKey = ecdsaKey
	p, err := exportfile.Try(t.Context(), cfg)
	if err != nil || p.Host == nil || p.Shown != server.HostKey() {
		t.Errorf("host %v, shown %q: %v", p.Host, p.Shown, err)
	}
}

func TestTryRefusesWhatCannotWork(t *testing.T) {
	if _, err := exportfile.Try(t.Context(), exportfile.Config{}); !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), "private key") {
		t.Errorf("an empty configuration: %v", err)
	}
}
