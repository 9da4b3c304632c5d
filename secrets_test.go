package causeway_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestNoSecretIsInTheTree: nothing that is kept with the source is a key that something made while it ran, and no test
// leaves one where it could be added by mistake.
func TestNoSecretIsInTheTree(t *testing.T) {
	list, err := exec.CommandContext(t.Context(), "git", "ls-files", "--cached", "--others", "--exclude-standard", "-z").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	marks := []string{"AGE-SECRET-KEY-" + "1", "-----BEGIN " + "PRIVATE KEY", "-----BEGIN OPENSSH " + "PRIVATE KEY"}
	for name := range strings.SplitSeq(strings.TrimRight(string(list), "\x00"), "\x00") {
		if strings.HasSuffix(name, ".go") { // Source names these marks; it is read by people before it is kept.
			continue
		}
		content, err := os.ReadFile(name)
		if err != nil { // Removed in the work tree, still in the index.
			continue
		}
		for _, mark := range marks {
			if bytes.Contains(content, []byte(mark)) {
				t.Errorf("%s holds a secret (%s…): remove it, and have what made it use t.TempDir", name, mark)
			}
		}
	}
}
