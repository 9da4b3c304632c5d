package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/deploy/internal/process"
)

// artifacts holds the data folders of running tests; it is not kept.
const artifacts = "artifacts"

// patience is how long a thing may take before a test gives up on it. It is generous, because a test that fails on a busy
// machine teaches nobody; what has a budget is measured.
const patience = time.Minute

// installation is the product as its users see it: addresses, and what can be asked there.
type installation struct {
	t *testing.T
	// admin is the origin of pages and API, nats the address of the bus.
	admin, nats string
	*systems
	processes []*process.Process
}

// report is what everybody's log ends with.
func (in *installation) report() string {
	var text strings.Builder
	for _, p := range in.processes {
		text.WriteString(p.Tail() + "\n")
	}
	return text.String()
}

func (in *installation) until(limit time.Duration, what string, condition func() bool) time.Duration {
	in.t.Helper()
	return process.Until(in.t, limit, what, condition, in.report)
}

// standalone is an installation of one process with the sandbox in it, ready to be asked.
type standalone struct {
	*installation
	*process.Process
}

// newStandalone starts one. Traffic is off unless extra flags say otherwise, so that both sides can be compared.
func newStandalone(t *testing.T, contacts int, extra ...string) standalone {
	t.Helper()
	http, nats := process.FreeAddress(t), process.FreeAddress(t)
	dynamics, campaign := process.FreeAddress(t), process.FreeAddress(t)
	args := append([]string{"--data", process.Folder(t, artifacts), "--http", http, "--nats", nats, "--instance-name", "Contoso", "--sandbox",
		"--sandbox-contacts", fmt.Sprint(contacts), "--sandbox-dynamics", dynamics, "--sandbox-campaign", campaign, "--sandbox-sftp", "127.0.0.1:0", "--sandbox-traffic", "0"}, extra...)
	p := process.New(t, program("standalone"), nil, args...)
	in := &installation{t: t, admin: "http://" + http, nats: nats, systems: newSystems(t, dynamics, campaign), processes: []*process.Process{p}}
	p.Start()
	in.untilReady(in.admin)
	return standalone{in, p}
}

// untilReady waits for a process to answer /readyz with 200.
func (in *installation) untilReady(origin string) {
	in.t.Helper()
	in.until(patience, origin+" is ready", func() bool { status, _ := probe(origin + "/readyz"); return status == http.StatusOK })
}

// services is an installation of single processes around an external nats-server.
type services struct {
	*installation
	natsServer, sandbox, adminService, ingress, egress, optinout *process.Process
	// connections are both remote systems as the environment of a service names them.
	connections []string
	// store is the folder of the bus.
	store string
	// probes are the origins of the workflow services' probes.
	probes map[string]string
}

// newServices describes one; nothing is started.
func newServices(t *testing.T, contacts int) services {
	t.Helper()
	admin, nats, dynamics, campaign := process.FreeAddress(t), process.FreeAddress(t), process.FreeAddress(t), process.FreeAddress(t)
	bus := []string{"--nats-url", "nats://" + nats}
	env := []string{
		"CAUSEWAY_DYNAMICS_URL=http://" + dynamics, "CAUSEWAY_DYNAMICS_TOKEN_URL=http://" + dynamics + "/sandbox/oauth2/v2.0/token",
		"CAUSEWAY_DYNAMICS_TENANT=sandbox", "CAUSEWAY_DYNAMICS_CLIENT_ID=causeway", "CAUSEWAY_DYNAMICS_CLIENT_SECRET=causeway-sandbox",
		"CAUSEWAY_CAMPAIGN_URL=http://" + campaign + "/sandbox", "CAUSEWAY_CAMPAIGN_TOKEN_URL=http://" + campaign + "/ims/token/v3",
		"CAUSEWAY_CAMPAIGN_CLIENT_ID=causeway", "CAUSEWAY_CAMPAIGN_CLIENT_SECRET=causeway-sandbox", "CAUSEWAY_CAMPAIGN_ORG_ID=sandbox@AdobeOrg",
		"CAUSEWAY_CAMPAIGN_JOURNAL_URL=http://" + campaign + "/events/organizations/sandbox/integrations/causeway/events",
	}
	s := services{installation: &installation{t: t, admin: "http://" + admin, nats: nats, systems: newSystems(t, dynamics, campaign)}, probes: map[string]string{}, connections: env}
	config := natsConfig(t, nats)
	s.store = filepath.Join(filepath.Dir(config), "jetstream")
	s.natsServer = process.New(t, program("nats-server"), nil, "-c", config)
	s.sandbox = process.New(t, program("sandbox"), nil, "--contacts", fmt.Sprint(contacts), "--dynamics", dynamics, "--campaign", campaign, "--sftp", "127.0.0.1:0", "--traffic", "0")
	s.adminService = process.New(t, program("admin"), nil, append(bus, "--http", admin)...)
	workflow := func(name string, env []string) *process.Process {
		address := process.FreeAddress(t)
		s.probes[name] = "http://" + address
		return process.New(t, program(name), env, append(bus, "--probes", address, "--instance", name+"-1")...)
	}
	s.ingress, s.egress, s.optinout = workflow("ingress", env), workflow("egress", env), workflow("optinout", nil)
	s.processes = []*process.Process{s.natsServer, s.sandbox, s.adminService, s.ingress, s.egress, s.optinout}
	return s
}

// natsConfig is what an operator writes: JetStream in a folder, every write synced.
func natsConfig(t *testing.T, address string) string {
	t.Helper()
	dir := process.Folder(t, artifacts)
	text := fmt.Sprintf("listen: %q\njetstream { store_dir: %q, sync_interval: always }\n", address, filepath.Join(dir, "jetstream"))
	path := filepath.Join(dir, "nats.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
