// Package process runs binaries for tests as a stranger would: they are built once, started, asked to end or killed, and
// started again on the same addresses.
//
// A process that is still alive at the end of its test is killed, and a test that is itself killed takes its processes
// with it. It would be a bug if one outlived the test binary.
package process

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a process may take to end after SIGTERM.
const patience = 20 * time.Second

// Build builds the named packages into a new folder and returns it. The caller removes it.
func Build(packages ...string) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "causeway-bin-"); err != nil {
		return "", err
	}
	build := exec.Command("go", append([]string{"build", "-o", dir + "/"}, packages...)...)
	if out, err := build.CombinedOutput(); err != nil {
		_ = os.RemoveAll(dir)
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return dir, nil
}

// Process is a program with its arguments, running or not.
type Process struct {
	t    testing.TB
	path string
	args []string
	env  []string
	cmd  *exec.Cmd
	// ended is closed when the present life is over, of which err then tells.
	ended chan struct{}
	err   error
	log   log
}

// log keeps what a process writes, over all its lives.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// New describes a process; Start starts it. env is added to the test's own environment.
func New(t testing.TB, path string, env []string, args ...string) *Process {
	// What a service keeps beside itself stays from life to life, and out of the source.
	env = append([]string{"CAUSEWAY_STATE=" + t.TempDir()}, env...)
	p := &Process{t: t, path: path, args: args, env: env}
	t.Cleanup(func() {
		if p.Alive() {
			p.Kill()
		}
	})
	return p
}

// Start starts the process, for the first time or again.
func (p *Process) Start() {
	p.t.Helper()
	p.cmd = exec.Command(p.path, p.args...)
	p.cmd.Env = append(os.Environ(), p.env...)
	p.cmd.Stdout, p.cmd.Stderr = io.Discard, &p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	ended := make(chan struct{})
	p.ended = ended
	go func(cmd *exec.Cmd) {
		p.err = cmd.Wait()
		close(ended)
	}(p.cmd)
}

// Alive reports whether the process has been started and has not ended.
func (p *Process) Alive() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Signal sends a signal.
func (p *Process) Signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Errorf("%s: %v", p.name(), err)
	}
}

// Kill ends the process as a power cut would, and waits until it is gone.
func (p *Process) Kill() {
	p.t.Helper()
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// Stop asks the process to end with SIGTERM and fails the test where it does not end with exit code 0 in time.
func (p *Process) Stop() {
	p.t.Helper()
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		if p.err != nil {
			p.t.Errorf("%s ended with %v\n%s", p.name(), p.err, p.Tail())
		}
	case <-time.After(patience):
		p.Kill()
		p.t.Errorf("%s did not end within %s\n%s", p.name(), patience, p.Tail())
	}
}

// Tail is the end of what the process wrote to its log.
func (p *Process) Tail() string {
	p.log.mu.Lock()
	defer p.log.mu.Unlock()
	text := p.log.text.String()
	return p.name() + ":\n" + text[max(0, len(text)-4000):]
}

func (p *Process) name() string { return filepath.Base(p.path) }
