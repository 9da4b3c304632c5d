package containers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/deploy/secrets"
)

// TestAnotherStoreKeyStartsNoServer: with another key than the volume's the NATS server does not start, so that nothing is
// made anew in place of what was stored, and with the right one it goes on.
func TestAnotherStoreKeyStartsNoServer(t *testing.T) {
	in := install(t, 0)
	key := filepath.Join(in.folder, "secrets", secrets.StoreKey)
	right, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	up := func(content []byte) {
		t.Helper()
		if err := os.WriteFile(key, content, 0o600); err != nil {
			t.Fatal(err)
		}
		in.compose("up", "-d", "nats")
	}
	healthy := func() bool {
		return docker(t, "inspect", "--format", "{{.State.Health.Status}}", in.container("nats")) == "healthy"
	}
	up(right)
	in.until(patience, "the server is healthy", healthy)
	in.compose("stop", "nats")
	up([]byte("key: \"another-key-than-the-one-before\"\n"))
	in.until(patience, "the log says why it does not start", func() bool {
		return strings.Contains(in.compose("logs", "--no-color", "nats"), "was stored with another key")
	})
	if healthy() {
		t.Error("the server is healthy with another key")
	}
	in.compose("stop", "nats")
	up(right)
	in.until(patience, "the server is healthy again", healthy)
}
