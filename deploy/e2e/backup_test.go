package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/deploy/internal/process"
)

const operations = "../../docs/operations.md"

// chapter is what stands below a heading of a handbook, with its commands.
func chapter(t *testing.T, path, heading string) []*step {
	t.Helper()
	text := read(t, path)
	_, below, found := strings.Cut(text, "\n"+heading+"\n")
	below, _, _ = strings.Cut(below, "\n#")
	page, err := parseHandbook(below)
	if err != nil || !found || len(page.steps()) == 0 {
		t.Fatalf("%s has no commands below %q (%v)", path, heading, err)
	}
	return page.steps()
}

// obey runs the commands of a chapter, each of which has to succeed.
func (sh shell) obey(steps []*step) {
	sh.t.Helper()
	for _, s := range steps {
		sh.must(s.command)
	}
}

// endangered is an installation whose connections are stored, sealed, on the bus, so that it depends on its key file as well.
type endangered struct {
	services
	key            string
	admin, ingress *process.Process
}

// around describes its services around a bus.
func (e *endangered) around(natsURL string, admin ...string) {
	key := []string{"--connections-key", e.key}
	e.connections = nil
	e.admin = e.service(program("admin"), natsURL, append(append(key, "--http", strings.TrimPrefix(e.services.admin, "http://")), admin...)...)
	e.ingress = e.service(program("ingress"), natsURL, append(key, "--probes", process.FreeAddress(e.t), "--instance", "ingress-1")...)
}

func (e *endangered) start() {
	e.t.Helper()
	e.admin.Start()
	e.untilReady(e.services.admin)
	e.ingress.Start()
	e.untilAlive("ingress", "ingress-1")
}

// connect stores both connections.
func (e *endangered) connect() {
	e.t.Helper()
	for name, document := range map[string]string{
		"dynamics": fmt.Sprintf(`{"url":%q,"tokenUrl":%q,"tenant":"sandbox","clientId":"causeway","clientSecret":"causeway-sandbox"}`, e.dynamics, e.dynamics+"/sandbox/oauth2/v2.0/token"),
		"campaign": fmt.Sprintf(`{"url":%q,"tokenUrl":%q,"clientId":"causeway","clientSecret":"causeway-sandbox"}`, e.campaign+"/sandbox", e.campaign+"/ims/token/v3"),
	} {
		r, err := ask(http.MethodPut, e.services.admin+"/api/v1/connections/"+name, document, "If-Match", "*", "Content-Type", "application/json")
		if err != nil || r.status != http.StatusOK {
			e.t.Fatalf("connection %s: %d %s %v", name, r.status, r.body, err)
		}
	}
}

// thisUser is who the restored files are to belong to.
func thisUser() string { return fmt.Sprintf("CAUSEWAY_USER=%d:%d", os.Getuid(), os.Getgid()) }

// setBudget sets what is set for the whole installation.
func (s *services) setBudget() {
	s.t.Helper()
	r, err := ask(http.MethodPut, s.admin+"/api/v1/settings", `{"budgets":{"campaignEngineCalls":40000}}`, "If-Match", "*", "Content-Type", "application/json")
	if err != nil || r.status != http.StatusOK {
		s.t.Fatalf("a budget: %d %s %v", r.status, r.body, err)
	}
}

// wantBudget wants it to be there still.
func (s *services) wantBudget(when string) {
	s.t.Helper()
	r, err := ask(http.MethodGet, s.admin+"/api/v1/settings", "")
	if err != nil || r.status != http.StatusOK || !strings.Contains(string(r.body), `"campaignEngineCalls":40000`) {
		s.t.Errorf("the budget %s: %d %s %v", when, r.status, r.body, err)
	}
}

// TestBackupAndRestore backs a running installation up with the very commands of docs/operations.md, lets it go on for a while,
// destroys it, restores it and compares both sides record by record. Then it moves it from the one server to a cluster of three, as the
// page says, and takes one of the three away, then a second for a while. Contacts change all the time.
func TestBackupAndRestore(t *testing.T) {
	const contacts = 6000
	e := &endangered{services: newServices(t, contacts), key: filepath.Join(process.Folder(t, artifacts), "connections.key")}
	e.around("nats://" + e.nats)
	sh := newShell(t, e.nats, "CAUSEWAY_CONNECTIONS_KEY_FILE="+e.key, thisUser())
	e.natsServer.Start()
	e.sandbox.Start()
	e.start()
	e.connect()
	e.setBudget()
	e.until(patience, "a start is allowed", func() bool { return e.workflow("ingress").Actions.Start.Enabled })
	e.command("start")
	e.until(patience, "the table was read once, and is being written", func() bool {
		v := e.workflow("ingress")
		return v.Counters.Read >= contacts && len(v.Loads) == 0 && v.Counters.Written > 300
	})
	stopTraffic := e.traffic(true)
	defer stopTraffic()

	sh.obey(chapter(t, operations, "## Back up"))
	before := e.writes()
	e.until(patience, "it goes on after the backup", func() bool { return e.writes() > before+200 })
	e.destroy()

	e.natsServer.Start()
	sh.untilReached()
	sh.obey(chapter(t, operations, "## Restore"))
	e.around("nats://" + e.nats) // Without what the services kept beside themselves.
	e.start()
	e.untilStatus(2*patience, "RUNNING") // Nobody starts it: the last command was restored too.
	before = e.writes()
	e.until(patience, "it writes again", func() bool { return e.writes() > before+100 })
	e.wantBudget("after the restore")
	e.ingress.Stop()
	e.admin.Stop()
	e.untilMoved(sh)
	e.wantBudget("on the cluster")
	stopTraffic()
	e.untilEqual(2 * patience)
	if v := e.workflow("ingress"); v.Failures != 0 {
		t.Errorf("%d records were rejected", v.Failures)
	}
}

// destroy takes everything away at once: the processes, the bus's folder and the key.
func (e *endangered) destroy() {
	e.t.Helper()
	e.ingress.Kill()
	e.admin.Kill()
	e.natsServer.Kill()
	for _, path := range []string{e.store, e.key} {
		if err := os.RemoveAll(path); err != nil {
			e.t.Fatal(err)
		}
	}
}

// untilReached waits until JetStream answers.
func (sh shell) untilReached() {
	sh.t.Helper()
	process.Until(sh.t, patience, "JetStream answers", func() bool { _, err := sh.run("nats stream ls"); return err == nil }, func() string { return "" })
}

// untilMoved moves the stopped installation to a cluster of three servers, kills the one that leads its stream, and returns when it writes
// again.
func (e *endangered) untilMoved(sh shell) {
	e.t.Helper()
	nodes, url := e.cluster()
	for _, n := range nodes {
		n.Start()
	}
	there := sh
	there.env = append(there.env, "CLUSTER_URL="+url)
	onCluster := there
	onCluster.env = append(onCluster.env, "NATS_URL="+url)
	onCluster.untilWhole()
	there.unlucky("CAUSEWAY_EGRESS").obey(chapter(e.t, operations, "## Move to a cluster"))
	e.natsServer.Kill()
	e.around(url, "--replicas", "3")
	e.start()
	e.untilStatus(2*patience, "RUNNING")
	for _, s := range []string{"CAUSEWAY_INGRESS", "KV_CAUSEWAY_CONFIG", "KV_CAUSEWAY_LEASES"} {
		if copies := onCluster.must("nats stream info " + s + " --json | jq .config.num_replicas"); copies != "3" {
			e.t.Errorf("%s has %s copies", s, copies)
		}
	}
	onCluster.untilCopied() // Before that, the first server's copies are the only ones.
	leader := onCluster.must("nats stream info CAUSEWAY_INGRESS --json | jq -r .cluster.leader")
	nodes[leader].Kill()
	before := e.writes()
	e.until(2*patience, "it writes without "+leader, func() bool { return e.writes() > before+100 })
	e.withoutQuorum(nodes, leader)
}

// unlucky is a shell in which the first restore of a stream into the cluster is begun and comes to nothing, as it does where the server's
// answer overtakes its subscription.
func (sh shell) unlucky(stream string) shell {
	sh.t.Helper()
	folder := sh.t.TempDir()
	script := fmt.Sprintf(`#!/bin/bash
if [[ "$*" == *"stream restore moving/%[1]s"* && ! -e %[2]s/failed ]]; then
	touch %[2]s/failed
	%[3]s --server "$CLUSTER_URL" request '$JS.API.STREAM.RESTORE.%[1]s' "$(cat moving/%[1]s/backup.json)" --raw
	exit 1
fi
exec %[3]s "$@"
`, stream, folder, program("nats"))
	if err := os.WriteFile(filepath.Join(folder, "nats"), []byte(script), 0o700); err != nil {
		sh.t.Fatal(err)
	}
	sh.env = append(slices.Clone(sh.env), "PATH="+folder+string(filepath.ListSeparator)+programs+string(filepath.ListSeparator)+os.Getenv("PATH"))
	sh.t.Cleanup(func() {
		if _, err := os.Stat(filepath.Join(folder, "failed")); err != nil {
			sh.t.Errorf("no restore of %s has failed: %v", stream, err)
		}
	})
	return sh
}

// withoutQuorum kills a second server of three and brings it back: nothing is stored meanwhile, the status says so, and everything goes
// on by itself.
func (e *endangered) withoutQuorum(nodes map[string]*process.Process, dead string) {
	e.t.Helper()
	var second string
	for name := range nodes {
		if name != dead {
			second = name
		}
	}
	nodes[second].Kill()
	said := e.until(patience, "it is said that the bus stores nothing", func() bool { return strings.Contains(e.workflow("ingress").Reason, "NATS") })
	e.t.Logf("one server left: said after %s: %s", said, e.workflow("ingress").Reason)
	nodes[second].Start()
	before := e.writes()
	e.until(2*patience, "it writes again with two servers", func() bool { return e.writes() > before+100 })
	e.until(patience, "nobody complains", func() bool { v := e.workflow("ingress"); return v.Status == "RUNNING" && v.Reason == "" })
}

// untilWhole waits until the three servers of a cluster know of each other: a stream of three copies can be made.
func (sh shell) untilWhole() {
	sh.t.Helper()
	process.Until(sh.t, patience, "three servers hold a stream", func() bool {
		if _, err := sh.run("nats stream info WHOLE --json >/dev/null || nats stream add WHOLE --subjects whole --replicas 3 --defaults"); err != nil {
			return false
		}
		_, err := sh.run("nats stream info WHOLE --json | jq -e '[.cluster.replicas[] | .current] == [true, true]' && nats stream rm -f WHOLE")
		return err == nil
	}, func() string { return "" })
}

// untilCopied waits until every stream and every writer has all its copies.
func (sh shell) untilCopied() {
	sh.t.Helper()
	const behind = `for s in $(nats stream ls --names --all); do nats stream info $s --json | jq -r 'select([.cluster.replicas[]? | .current] != [true, true]) | .config.name'; done; ` +
		`for s in INGRESS EGRESS OPTINOUT; do nats consumer info CAUSEWAY_$s writer --json | jq -r 'select([.cluster.replicas[]? | .current] != [true, true]) | .name'; done`
	process.Until(sh.t, patience, "every copy is complete", func() bool { out, err := sh.run(behind); return err == nil && len(out) == 0 }, func() string {
		out, err := sh.run(behind)
		return fmt.Sprint(out, err)
	})
}

// cluster describes three servers, by name, and their address.
func (e *endangered) cluster() (nodes map[string]*process.Process, url string) {
	e.t.Helper()
	nodes = map[string]*process.Process{}
	var clients, routes, peers []string
	for range 3 {
		clients, peers = append(clients, process.FreeAddress(e.t)), append(peers, process.FreeAddress(e.t))
		routes = append(routes, fmt.Sprintf("%q", "nats://"+peers[len(peers)-1]))
	}
	for i := range clients {
		name, dir := fmt.Sprintf("n%d", i+1), process.Folder(e.t, artifacts)
		text := fmt.Sprintf("server_name: %s\nlisten: %q\njetstream { store_dir: %q, sync_interval: always }\ncluster { name: causeway, listen: %q, routes: [%s] }\n",
			name, clients[i], filepath.Join(dir, "jetstream"), peers[i], strings.Join(routes, ", "))
		path := filepath.Join(dir, "nats.conf")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			e.t.Fatal(err)
		}
		nodes[name] = process.New(e.t, program("nats-server"), nil, "-c", path)
		e.processes = append(e.processes, nodes[name])
	}
	return nodes, "nats://" + strings.Join(clients, ",nats://")
}
