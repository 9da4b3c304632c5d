package access_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// replace writes a file as an editor or a secret store does: beside it, then renamed over it.
func replace(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	next := path + ".next"
	if err := os.WriteFile(next, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(next, mode); err != nil { // Whatever the umask is.
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}

func TestAFileIsFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	core, logs := observer.New(zap.InfoLevel)
	replace(t, path, person(t, "anna", "viewer", "x"), 0o600)
	file, err := access.OpenFile(path, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	role := func() access.Role { who, _ := file.Users().Password("anna", "x"); return who.Role }
	told := func() string {
		var all []string
		for _, entry := range logs.TakeAll() {
			all = append(all, entry.Level.String()+" "+entry.Message)
			for _, field := range entry.Context {
				all = append(all, field.String)
			}
		}
		return strings.Join(all, "; ")
	}
	first := file.Users()
	if role() != access.Viewer || file.Users() != first {
		t.Error("the file is not what it says, or is read again and again")
	}
	told()
	replace(t, path, person(t, "anna", "admin", "x"), 0o600)
	if got := told(); role() != access.Admin || got != "" || !strings.Contains(told(), "has changed") {
		t.Errorf("a change is not in force: %s", got)
	}
	for name, spoil := range map[string]func(){
		"a wrong line":          func() { replace(t, path, "anna:king:secret1", 0o600) },
		"others may write":      func() { replace(t, path, person(t, "eve", "admin", "x"), 0o602) },
		"the group may write":   func() { replace(t, path, person(t, "eve", "admin", "x"), 0o620) },
		"it is gone":            func() { _ = os.Remove(path) },
		"it is larger than any": func() { replace(t, path, strings.Repeat("#\n", 1<<20), 0o600) },
	} {
		spoil()
		for range 2 { // It is told once.
			if role() != access.Admin {
				t.Errorf("%s: what it said before is not in force", name)
			}
		}
		if got := told(); strings.Count(got, "error ") != 1 || strings.Contains(got, "secret1") {
			t.Errorf("%s: told %q", name, got)
		}
		replace(t, path, person(t, "anna", "admin", "x"), 0o600)
		file.Users()
		told()
	}
}

func TestOpenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	if _, err := access.OpenFile(path, zap.NewNop()); !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("missing: %v", err)
	}
	for mode, want := range map[os.FileMode]string{0o600: "", 0o400: "", 0o644: "read by others", 0o640: "read by others"} {
		core, logs := observer.New(zap.WarnLevel)
		replace(t, path, strings.Replace(person(t, "anna", "viewer", "x"), "$04$", "$12$", 1), mode)
		if _, err := access.OpenFile(path, zap.New(core)); err != nil {
			t.Errorf("%o: %v", mode, err)
		}
		if n := logs.FilterMessageSnippet("read by others").Len(); n != min(1, len(want)) || logs.Len() != n {
			t.Errorf("%o: %v", mode, logs.All())
		}
	}
	replace(t, path, person(t, "anna", "viewer", "x"), 0o666)
	if _, err := access.OpenFile(path, zap.NewNop()); !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("anybody may write: %v", err)
	}
	core, logs := observer.New(zap.WarnLevel)
	replace(t, path, person(t, "anna", "viewer", "x"), 0o600)
	if _, err := access.OpenFile(path, zap.New(core)); err != nil || logs.FilterMessageSnippet("cheap to guess").Len() != 1 {
		t.Errorf("a cheap hash is not told: %v %v", err, logs.All())
	}
}
