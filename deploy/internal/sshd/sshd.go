// Package sshd runs a real OpenSSH server for a test: the one that is installed (Debian's openssh-server), as the user who
// runs the test, with keys of its own, on a port of its own, and for files only.
//
// It promises to touch nothing of the machine's own SSH, and to say what is missing instead of skipping.
package sshd

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/deploy/internal/process"
	"github.com/causeway-sync/causeway/pkg/exportfile"
)

// Server is an OpenSSH server that may be stopped and started again.
type Server struct {
	*process.Process
	// Config is how a client reaches it.
	Config exportfile.Config

	log string
}

// Tail is what the server has to say about itself.
func (s *Server) Tail() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return "OpenSSH has said nothing: " + err.Error()
	}
	return string(text)
}

// New makes keys and a configuration, and starts nothing. Clients see folder, a folder of this machine.
func New(t testing.TB, folder string) *Server {
	t.Helper()
	binary := find(t, "sshd")
	dir := t.TempDir()
	host, client := keyPair(t, dir, "host"), keyPair(t, dir, "client")
	address := process.FreeAddress(t)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if me.Uid == "0" { // where it separates privileges, which it does for root only
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	config := write(t, dir, "sshd_config", fmt.Sprintf(`
ListenAddress %s
HostKey %s
AuthorizedKeysFile %s.pub
AuthenticationMethods publickey
PermitRootLogin yes
StrictModes no
UsePAM no
PidFile none
LogLevel ERROR
Subsystem sftp internal-sftp
ForceCommand internal-sftp
AllowTcpForwarding no
`, address, host, client))
	log := filepath.Join(dir, "log")
	// Its sessions outlive the server, and must not keep the test waiting for their last word.
	quiet := fmt.Sprintf("exec %s -D -E %s -f %s >/dev/null 2>&1", binary, log, config)
	return &Server{
		Process: process.New(t, "/bin/sh", nil, "-c", quiet), log: log,
		Config: exportfile.Config{Addr: address, User: me.Username, Key: []byte(read(t, client)), HostKey: read(t, host+".pub"), Folder: folder},
	}
}

// find finds a program where it may be outside of the path of a user.
func find(t testing.TB, program string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin") {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path
		}
	}
	t.Fatalf("%s is not installed: run `make e2e-setup`, or install openssh-server", program)
	return ""
}

// keyPair makes a pair of keys with OpenSSH's own tool and returns the private one's file.
func keyPair(t testing.TB, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if out, err := exec.Command(find(t, "ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	return path
}

func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(strings.TrimSpace(text)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
