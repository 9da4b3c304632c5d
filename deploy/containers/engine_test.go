package containers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/deploy/internal/process"
	"github.com/causeway-sync/causeway/deploy/secrets"
	"github.com/causeway-sync/causeway/pkg/access"
)

const (
	project = "causewaytest"
	top     = "../.."
	// patience is how long a thing may take before a test gives up on it; what has a budget is measured.
	patience = 90 * time.Second
)

func TestMain(m *testing.M) {
	if err := forget(); err != nil { // Of a run that was killed.
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := forget(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// forget removes every container, network and volume of the project, whatever made them.
func forget() error {
	const of = "label=com.docker.compose.project=" + project
	for _, kind := range []struct{ list, remove []string }{
		{[]string{"ps", "-aq", "--filter", of}, []string{"rm", "-fv"}},
		{[]string{"network", "ls", "-q", "--filter", of}, []string{"network", "rm"}},
		{[]string{"volume", "ls", "-q", "--filter", of}, []string{"volume", "rm", "-f"}},
	} {
		ids, err := run(nil, "docker", kind.list...)
		if err != nil {
			return err
		}
		if len(strings.Fields(ids)) == 0 {
			continue
		}
		if _, err := run(nil, "docker", append(kind.remove, strings.Fields(ids)...)...); err != nil {
			return err
		}
	}
	return nil
}

// run runs a program and returns what it says; an error holds that too.
func run(env []string, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	var out, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &messages
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out.String(), messages.String())
	}
	return out.String(), nil
}

func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := run(nil, "docker", args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// composeProgram is docker-compose 1.29, or the docker command's own compose where that is what there is.
func composeProgram() []string {
	if path, err := exec.LookPath("docker-compose"); err == nil {
		return []string{path}
	}
	return []string{"docker", "compose"}
}

// installation is a folder as an operator has it, with secrets of its own, and what runs of it.
type installation struct {
	t      *testing.T
	folder string
	files  []string
	env    []string
	// page, nats, dynamics and campaign are addresses on this machine.
	page, nats string
	// machine is the token of a viewer.
	machine string
	*systems
}

// install makes the folder, as `make compose-init` does. Nothing runs yet.
func install(t *testing.T, contacts int, overrides ...string) *installation {
	t.Helper()
	in := &installation{t: t, folder: t.TempDir(), page: process.FreeAddress(t), nats: process.FreeAddress(t)}
	dynamics, campaign := process.FreeAddress(t), process.FreeAddress(t)
	in.systems = newSystems(t, dynamics, campaign)
	for _, pattern := range []string{"docker-compose.yml", "deploy/*.yml", "deploy/nats/*.conf"} {
		in.copy(pattern)
	}
	folder := secrets.Folder{Path: filepath.Join(in.folder, "secrets"), UID: 65532, GID: 65532}
	if _, err := folder.Make(); err != nil {
		t.Fatal(err)
	}
	if _, err := folder.FirstUser("admin"); err != nil {
		t.Fatal(err)
	}
	in.addMachine(filepath.Join(folder.Path, secrets.Users))
	in.write("test.yml", `{version: "3.8", services: {sandbox: {ports: ["`+dynamics+`:8365", "`+campaign+`:8366"]}}}`)
	for _, file := range append([]string{"docker-compose.yml", "deploy/compose.nats-port.yml", "test.yml"}, overrides...) {
		in.files = append(in.files, "-f", filepath.Join(in.folder, file))
	}
	user := "65532:65532"
	if os.Getuid() != 0 { // The files are this user's.
		user = fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid())
	}
	in.env = []string{"CAUSEWAY_USER=" + user, "CAUSEWAY_PAGE=" + in.page, "CAUSEWAY_NATS_PORT=" + in.nats,
		fmt.Sprint("CAUSEWAY_SANDBOX_CONTACTS=", contacts), "CAUSEWAY_SANDBOX_TRAFFIC=0"}
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := run(in.env, composeProgram()[0], in.args("logs", "--no-color", "--tail", "40")...)
			t.Logf("the end of the logs:\n%s", out)
		}
		if err := forget(); err != nil {
			t.Error(err)
		}
	})
	return in
}

func (in *installation) copy(pattern string) {
	in.t.Helper()
	paths, err := filepath.Glob(filepath.Join(top, pattern))
	if err != nil || len(paths) == 0 {
		in.t.Fatalf("no file is like %s: %v", pattern, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			in.t.Fatal(err)
		}
		relative, err := filepath.Rel(top, path)
		if err != nil {
			in.t.Fatal(err)
		}
		in.write(relative, string(text))
	}
}

func (in *installation) write(name, text string) {
	in.t.Helper()
	path := filepath.Join(in.folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		in.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		in.t.Fatal(err)
	}
}

// addMachine lets the test read the API over HTTP, which answers also while the bus is away.
func (in *installation) addMachine(users string) {
	in.t.Helper()
	token, line, err := access.TokenLine("test", access.Viewer.String())
	if err != nil {
		in.t.Fatal(err)
	}
	file, err := os.OpenFile(users, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		in.t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(line + "\n"); err != nil {
		in.t.Fatal(err)
	}
	in.machine = token
}

func (in *installation) args(args ...string) []string {
	all := append(composeProgram()[1:], "-p", project, "--project-directory", in.folder)
	return append(append(append(all, in.files...), "--profile", "sandbox"), args...)
}

func (in *installation) compose(args ...string) string {
	in.t.Helper()
	out, err := run(in.env, composeProgram()[0], in.args(args...)...)
	if err != nil {
		in.t.Fatal(err)
	}
	return out
}

// containers are the ids of a service's containers, running or not.
func (in *installation) containers(service string) []string {
	in.t.Helper()
	return strings.Fields(docker(in.t, "ps", "-aq", "--no-trunc", "--filter", "label=com.docker.compose.project="+project, "--filter", "label=com.docker.compose.service="+service))
}

func (in *installation) container(service string) string {
	in.t.Helper()
	ids := in.containers(service)
	if len(ids) != 1 {
		in.t.Fatalf("%s has %d containers", service, len(ids))
	}
	return ids[0]
}

// cutOff takes a service off a network, and the returned function puts it back.
func (in *installation) cutOff(service, network string) (repair func()) {
	in.t.Helper()
	id := in.container(service)
	docker(in.t, "network", "disconnect", project+"_"+network, id)
	return func() {
		in.t.Helper()
		docker(in.t, "network", "connect", "--alias", service, project+"_"+network, id)
	}
}

// kill kills a service's container as `docker kill` does, after which the engine leaves it dead.
func (in *installation) kill(service string) (repair func()) {
	in.t.Helper()
	id := in.container(service)
	docker(in.t, "kill", id)
	return func() {
		in.t.Helper()
		docker(in.t, "start", id)
	}
}

func (in *installation) until(limit time.Duration, what string, condition func() bool) time.Duration {
	in.t.Helper()
	return process.Until(in.t, limit, what, condition, in.report)
}
