package seal_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/seal"
)

func created(t *testing.T) (*seal.Key, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data", "connections.key")
	key, err := seal.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	return key, path
}

func TestWhatIsSealedOpensForItsPurposeOnly(t *testing.T) {
	key, _ := created(t)
	rapid.Check(t, func(t *rapid.T) {
		purpose, secret := rapid.String().Draw(t, "purpose"), rapid.StringMatching(`[ -~]{16,64}`).Draw(t, "secret")
		sealed, err := key.Seal(purpose, secret)
		if err != nil || strings.Contains(sealed, secret) {
			t.Fatalf("sealed to %q: %v", sealed, err)
		}
		if got, err := key.Open(purpose, sealed); err != nil || got != secret {
			t.Fatalf("opened to %q: %v", got, err)
		}
		if got, err := key.Open(purpose+"x", sealed); got != "" || !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), "another address") {
			t.Fatalf("it opened for something else: %v", err)
		}
	})
}

func TestTheKeyIsMadeOnceAndForItsOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "connections.key")
	var makers sync.WaitGroup
	sealed := make([]string, 8)
	for i := range sealed {
		makers.Go(func() {
			key, err := seal.Create(path)
			if err == nil {
				sealed[i], err = key.Seal("p", "secret")
			}
			if err != nil {
				t.Errorf("maker %d: %v", i, err)
			}
		})
	}
	makers.Wait()
	for i, text := range sealed {
		if got, err := seal.At(path).Open("p", text); err != nil || got != "secret" {
			t.Errorf("what maker %d sealed opens to %q: %v", i, got, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v: %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v %v", entries, err)
	}
}

// TestFaultsSayWhatToDo: every way in which a key can be wrong has its own instruction, and none shows the key or the
// secret (invariant 9).
func TestFaultsSayWhatToDo(t *testing.T) {
	key, path := created(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := key.Seal("p", "the secret itself")
	if err != nil {
		t.Fatal(err)
	}
	other, _ := created(t)
	broken := filepath.Join(t.TempDir(), "broken.key")
	if err := os.WriteFile(broken, []byte("AGE-SECRET-KEY-1NOTONE"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key    *seal.Key
		sealed string
		want   string
	}{
		"no key":      {nil, sealed, "--connections-key or CAUSEWAY_CONNECTIONS_KEY_FILE"},
		"no path":     {seal.At(""), sealed, "--connections-key or CAUSEWAY_CONNECTIONS_KEY_FILE"},
		"no file":     {seal.At(path + ".lost"), sealed, "cannot be read at " + path + ".lost"},
		"no key file": {seal.At(broken), sealed, "must hold one line AGE-SECRET-KEY-1"},
		"another key": {other, sealed, "sealed with another key"},
		"not sealed":  {key, "plain text", "damaged"},
		"cut":         {key, sealed[:len(sealed)-8], "damaged"},
	} {
		_, err := c.key.Open("p", c.sealed)
		if !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
			continue
		}
		if strings.Contains(err.Error(), "the secret itself") || strings.Contains(err.Error(), "NOTONE") || strings.Contains(string(text), err.Error()) {
			t.Errorf("%s: the message shows too much: %v", name, err)
		}
	}
}
