package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/deploy/internal/process"
)

// previousRelease is the commit that the upgrade is tested from and the roll back goes to. This is the only place that names it; at a
// release it becomes the tag of the one before.
const previousRelease = "ff4ae964179ced20b18f487626069368f18460a1"

// formerPrograms builds the binaries of the previous release from the history of this checkout, once for all tests, into the
// folder that TestMain removes.
var formerPrograms = sync.OnceValues(func() (string, error) {
	source, dir := filepath.Join(programs, "previous-source"), filepath.Join(programs, "previous")
	for _, made := range []string{source, dir} {
		if err := os.Mkdir(made, 0o755); err != nil {
			return "", err
		}
	}
	steps := []*exec.Cmd{
		exec.Command("bash", "-o", "pipefail", "-c", `git -C "$(git rev-parse --show-toplevel)" archive "$0" | tar -x -C "$1"`, previousRelease, source),
		exec.Command("go", "build", "-o", dir+"/", "./deploy/standalone/cmd/standalone", "./services/admin/cmd/admin", "./services/ingress/cmd/ingress", "./services/egress/cmd/egress"),
	}
	steps[1].Dir, steps[1].Env = source, append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false")
	for _, step := range steps {
		if out, err := step.CombinedOutput(); err != nil {
			return "", &buildError{step.String(), string(out), err}
		}
	}
	return dir, nil
})

// buildError is a step of a build that failed, with what it said.
type buildError struct {
	step, said string
	err        error
}

func (e *buildError) Error() string { return e.step + ": " + e.err.Error() + "\n" + e.said }

func (e *buildError) Unwrap() error { return e.err }

// former is the path of one of the previous release's binaries, or of this one's where the checkout has no history.
func former(t *testing.T, name string) string {
	t.Helper()
	if said, err := exec.Command("git", "cat-file", "-e", previousRelease+"^{commit}").CombinedOutput(); err != nil {
		t.Logf("NOT TESTED FROM THE PREVIOUS RELEASE: the history of this checkout does not hold %s, so this release is both (git fetch --unshallow). git says: %v %s", previousRelease, err, said)
		return program(name)
	}
	began := time.Now()
	dir, err := formerPrograms()
	if err != nil {
		t.Fatalf("the previous release cannot be built: %v", err)
	}
	if took := time.Since(began); took > time.Second {
		t.Logf("building the previous release took %s", took.Round(time.Second))
	}
	return filepath.Join(dir, name)
}

// service describes another process of an installation: the binary at a path, around a bus.
func (s *services) service(path, natsURL string, args ...string) *process.Process {
	p := process.New(s.t, path, s.connections, append([]string{"--nats-url", natsURL}, args...)...)
	s.processes = append(s.processes, p)
	return p
}

// workflowService describes one instance of a workflow's service.
func (s *services) workflowService(path, natsURL, instance string) *process.Process {
	return s.service(path, natsURL, "--probes", process.FreeAddress(s.t), "--instance", instance)
}
