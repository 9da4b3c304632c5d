package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// shell runs the lines of a handbook as a reader would: bash, a folder of its own, the product's binaries and the NATS CLI on
// the path, and the bus in NATS_URL.
type shell struct {
	t   *testing.T
	dir string
	env []string
}

func newShell(t *testing.T, nats string, env ...string) shell {
	t.Helper()
	for _, needed := range []string{"bash", "jq"} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Fatalf("%s is missing, the handbooks need it: make e2e-setup installs it", needed)
		}
	}
	home := t.TempDir()
	env = append([]string{"PATH=" + programs + string(filepath.ListSeparator) + os.Getenv("PATH"), "NATS_URL=nats://" + nats, "NATS_TIMEOUT=20s",
		"HOME=" + home, "XDG_CONFIG_HOME=" + home, "NATS_CONTEXT=", "NO_COLOR=1", "TZ=UTC", "LC_ALL=C.UTF-8"}, env...)
	return shell{t: t, dir: t.TempDir(), env: env}
}

// run runs a line and returns what it says, stdout and stderr together.
func (sh shell) run(line string) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience) // A line can be a loop over all streams.
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", line)
	cmd.Dir, cmd.Env = sh.dir, append(os.Environ(), sh.env...)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = fmt.Errorf("not within %s: %w", patience, err)
	}
	text := strings.TrimSpace(string(out))
	if text == "" {
		return nil, err
	}
	return strings.Split(text, "\n"), err
}

// must runs a line that has to succeed.
func (sh shell) must(line string) string {
	sh.t.Helper()
	out, err := sh.run(line)
	text := strings.Join(out, "\n")
	if err != nil {
		sh.t.Fatalf("%s: %v\n%s", line, err, text)
	}
	return text
}

// patiently asks until the condition holds or patience is at its end; which of them is for the caller to find out.
func (sh shell) patiently(condition func() bool) {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.After(patience / 2); !condition(); {
		select {
		case <-ticker.C:
		case <-deadline:
			return
		}
	}
}

// settled is the answer of a line that only looks once it has been the same, in shape, for five looks.
func (sh shell) settled(line string, last []string) ([]string, error) {
	var err error
	same := 0
	sh.patiently(func() bool {
		var next []string
		if next, err = sh.run(line); err != nil || !sameShape(last, next) {
			same = 0
		}
		last, same = next, same+1
		return err == nil && same > 5
	})
	return last, err
}

// read is what stands in a file.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
