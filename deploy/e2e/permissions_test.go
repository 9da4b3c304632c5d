package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/deploy/internal/process"
)

// guarded is a NATS server with the configuration and the users that ship, and an admin service that has set the bus up.
type guarded struct {
	t                *testing.T
	address, secrets string
}

func newGuarded(t *testing.T) guarded {
	t.Helper()
	root, admin := process.Folder(t, artifacts), process.FreeAddress(t)
	g := guarded{t: t, address: process.FreeAddress(t), secrets: filepath.Join(root, "run", "secrets")}
	newShell(t, g.address).must("secrets -folder " + g.secrets)
	moved := strings.NewReplacer(`"/run/secrets/`, `"`+g.secrets+"/", `"/data"`, `"`+filepath.Join(root, "data")+`"`,
		"0.0.0.0:4222", g.address, "127.0.0.1:8222", process.FreeAddress(t))
	etc := filepath.Join(root, "etc", "nats")
	if err := os.MkdirAll(etc, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"nats.conf", "server.conf", "accounts.conf"} {
		text := read(t, filepath.Join("..", "nats", name))
		if err := os.WriteFile(filepath.Join(etc, name), []byte(moved.Replace(text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	process.New(t, program("nats-server"), nil, "-c", filepath.Join(etc, "nats.conf")).Start()
	secret := func(name string) string { return filepath.Join(g.secrets, name) }
	process.New(t, program("admin"), nil, "--http", admin, "--nats-url", "tls://"+g.address, "--nats-ca", secret("ca.pem"), "--nats-nkey", secret("admin.nk"),
		"--nats-inbox-prefix", "_INBOX_admin", "--connections-key", secret("connections.key")).Start()
	(&installation{t: t, admin: "http://" + admin}).untilReady("http://" + admin)
	return g
}

// as is a shell that has the context of a user, as the handbook has it made.
func (g guarded) as(user string) shell {
	g.t.Helper()
	sh := newShell(g.t, g.address, "NATS_URL=", "NATS_TIMEOUT=")
	_, port, err := net.SplitHostPort(g.address)
	if err != nil {
		g.t.Fatal(err)
	}
	sh.must(strings.NewReplacer("4222", port, "$PWD/secrets", g.secrets).Replace(contextOf(g.t, user)))
	return sh
}

// contextOf is how the handbook has the context of a user made.
func contextOf(t *testing.T, user string) string {
	t.Helper()
	add := regexp.MustCompile("`(nats context add operator .*) --select`").FindStringSubmatch(read(t, "../../docs/nats.md"))
	if add == nil {
		t.Fatal("the handbook does not say how a context is made")
	}
	return strings.ReplaceAll(add[1], "operator", user) + " --select"
}

// TestBackupAndRestoreUnderThesePermissions: the user that the handbooks name makes the backup, and restores it, with the context that they
// have made.
func TestBackupAndRestoreUnderThesePermissions(t *testing.T) {
	for _, page := range []string{"../../docs/containers.md", operations} {
		if !strings.Contains(read(t, page), contextOf(t, "maintenance")+"\n") {
			t.Errorf("%s does not have the context of maintenance made", page)
		}
	}
	g := newGuarded(t)
	sh := g.as("maintenance")
	sh.env = append(sh.env, "CAUSEWAY_CONNECTIONS_KEY_FILE="+filepath.Join(g.secrets, "connections.key"), thisUser())
	sh.obey(chapter(t, operations, "## Back up"))
	before := sh.must("nats stream ls --names --all")
	sh.must("for stream in $(nats stream ls --names --all); do nats stream rm $stream --force || exit 1; done")
	sh.obey(chapter(t, operations, "## Restore"))
	if after := sh.must("nats stream ls --names --all"); strings.ReplaceAll(before, "KV_CAUSEWAY_LEASES\n", "") != after {
		t.Errorf("there were\n%s\nand are\n%s", before, after)
	}
}

// natsCommand is the NATS CLI's part of a line of a handbook, where it looks at what is stored or works on it.
var natsCommand = regexp.MustCompile(`(?m)^\$ (nats (?:stream|consumer|kv|sub) .*?)(?: \||$)`)

// TestTheHandbooksCommandsAreAllowed runs what the handbooks say at the NATS CLI as the user whom they name for it: an
// operator, and in the chapters that the list of contents marks with it, maintenance. The server refuses none of it.
func TestTheHandbooksCommandsAreAllowed(t *testing.T) {
	g := newGuarded(t)
	// Something to look at, from those who may say it.
	for user, lines := range map[string][]string{
		"operator":    {"commands.ingress.start", "commands.ingress.stop", "commands.ingress.start"},
		"admin":       {"events.ingress.gap", "events.ingress.gap", "events.ingress.gap", "events.ingress.status", "events.ingress.status"},
		"ingress":     {"ingress.records.contact", "ingress.records.contact", "failures.ingress.contact"},
		"optinout":    {"ledger.optinout.one", "ledger.optinout.two"},
		"maintenance": {"commands.egress.stop"},
	} {
		for _, line := range lines {
			g.as(user).must(fmt.Sprintf(`nats pub causeway.%s '{"a":1}' --header 'Causeway-Key: b8238497'`, line))
		}
	}
	text := read(t, "../../docs/nats.md")
	operator, maintenance := g.as("operator"), g.as("maintenance")
	shells := map[string]shell{"operator": operator, "maintenance": maintenance}
	run := map[string]int{}
	for chapter := range strings.SplitSeq(text, "\n## ") {
		title, body, _ := strings.Cut(chapter, "\n")
		user := "operator"
		if regexp.MustCompile(`(?m)^- \[` + regexp.QuoteMeta(title) + "\\].*`maintenance`").MatchString(text) {
			user = "maintenance"
		}
		for _, found := range natsCommand.FindAllStringSubmatch(body, -1) {
			if strings.Contains(found[1], "heartbeats") { // No workflow runs here.
				continue
			}
			if out, err := shells[user].run(found[1]); err != nil {
				t.Errorf("%s, in %q: %s: %v\n%s", user, title, found[1], err, strings.Join(out, "\n"))
			}
			run[user]++
		}
	}
	if run["operator"] < 5 || run["maintenance"] < 8 {
		t.Errorf("commands that were found and run: %v", run)
	}
	for _, line := range []string{
		"nats req --raw causeway.api.workflows ''",
		"nats micro ls",
		"nats stream subjects KV_CAUSEWAY_CONFIG",
		"nats stream info KV_CAUSEWAY_LEASES",
		"nats kv get CAUSEWAY_CONFIG egress",
		"nats sub 'causeway.commands.>' --stream CAUSEWAY_COMMANDS --direct --all --count 4",
	} {
		operator.must(line)
		maintenance.must(line)
	}
	// The other handbooks' repairs.
	for _, line := range []string{
		"nats stream edit CAUSEWAY_FAILURES --max-bytes 4GB --force",
		"nats stream purge CAUSEWAY_LEDGER --subject causeway.ledger.optinout.one --force",
		"nats stream get CAUSEWAY_FAILURES 1",
		"nats stream backup CAUSEWAY_LEDGER backup --consumers --no-progress",
		"nats stream rm CAUSEWAY_LEDGER --force",
		"nats stream restore backup --no-progress",
		"nats consumer rm CAUSEWAY_INGRESS writer --force",
	} {
		if out, err := operator.run(line + " --timeout 1s"); err == nil {
			t.Errorf("an operator may %s:\n%s", line, strings.Join(out, "\n"))
		}
		if strings.HasSuffix(line, "--no-progress") {
			operator.must("rm -rf backup")
		}
		maintenance.must(line)
	}
	if left := maintenance.must("nats stream subjects CAUSEWAY_LEDGER"); strings.Contains(left, "optinout.one") || !strings.Contains(left, "optinout.two") {
		t.Errorf("after the purge and the restore the ledger holds\n%s", left)
	}
}
