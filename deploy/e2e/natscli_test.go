package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// natsCLI is the real NATS CLI, as an operator has it, without anybody's contexts and credentials.
type natsCLI struct {
	t    *testing.T
	nats string
	env  []string
}

func (in *installation) cli() natsCLI {
	home := in.t.TempDir()
	return natsCLI{in.t, in.nats, append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "NATS_URL=", "NATS_CONTEXT=", "NO_COLOR=1")}
}

// try runs a command and returns both outputs: answers stand in the first, headers and messages in the second.
func (c natsCLI) try(args ...string) (out, messages string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program("nats"), append([]string{"--server", "nats://" + c.nats, "--timeout", "10s"}, args...)...)
	cmd.Env = c.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// run wants the command to succeed.
func (c natsCLI) run(args ...string) (out, messages string) {
	c.t.Helper()
	out, messages, err := c.try(args...)
	if err != nil {
		c.t.Fatalf("nats %s: %v\n%s%s", strings.Join(args, " "), err, out, messages)
	}
	return out, messages
}

// json runs a command that answers with JSON.
func (c natsCLI) json(into any, args ...string) {
	c.t.Helper()
	out, _ := c.run(args...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		c.t.Fatalf("nats %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// request sends an empty request to the NATS API and decodes the answer.
func (c natsCLI) request(into any, subject string) {
	c.t.Helper()
	c.json(into, "request", "--raw", subject, "")
}
