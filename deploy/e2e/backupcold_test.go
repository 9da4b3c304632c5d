package e2e

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/deploy/internal/process"
)

// TestBackupOfTheStandaloneProcess makes both kinds of backup that docs/operations.md names, one over the bus and a cold copy, and comes
// back from either with an empty data folder. Contacts change and vanish between backup and loss.
func TestBackupOfTheStandaloneProcess(t *testing.T) {
	const contacts = 1500
	s := newServices(t, contacts)
	data := process.Folder(t, artifacts)
	one := process.New(t, program("standalone"), s.connections, "--allow-temporary-data", "--data", data, "--http", strings.TrimPrefix(s.admin, "http://"), "--nats", s.nats)
	s.processes = append(s.processes, one)
	sh := newShell(t, s.nats, "CAUSEWAY_DATA="+data, "CAUSEWAY_CONNECTIONS_KEY_FILE="+filepath.Join(data, "connections.key"), thisUser())
	s.sandbox.Start()
	one.Start()
	s.untilReady(s.admin)
	s.setBudget()
	s.command("start")
	s.untilEqual(patience)

	sh.obey(chapter(t, operations, "## Back up"))
	s.follow()
	one.Stop()
	sh.obey(chapter(t, operations, "### A cold copy"))
	one.Start()
	s.untilReady(s.admin)
	s.untilStatus(patience, "RUNNING")

	for name, restore := range map[string]func(){
		"from a cold copy": func() { sh.obey(chapter(t, operations, "### From a cold copy")) },
		"over the bus":     func() { s.restoreInto(data, sh) },
	} {
		s.follow()
		one.Kill()
		if err := os.RemoveAll(data); err != nil {
			t.Fatal(err)
		}
		s.changeSome()
		restore()
		one.Start()
		s.untilReady(s.admin)
		s.untilStatus(patience, "RUNNING")
		s.untilEqual(patience)
		s.wantBudget(name)
		t.Logf("%s: both sides are equal", name)
	}
	one.Stop()
}

// restoreInto restores a backup into the folder of a standalone process.
func (s *services) restoreInto(data string, sh shell) {
	s.t.Helper()
	_, port, err := net.SplitHostPort(s.nats)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.Mkdir(data, 0o700); err != nil {
		s.t.Fatal(err)
	}
	server := process.New(s.t, program("nats-server"), nil, "-js", "-sd", data, "-a", "127.0.0.1", "-p", port)
	server.Start()
	sh.untilReached()
	sh.obey(chapter(s.t, operations, "## Restore"))
	server.Stop()
}

// changeSome changes and deletes contacts while nobody looks.
func (s *systems) changeSome() {
	s.t.Helper()
	ids := s.someContacts(30)
	for _, id := range ids[:20] {
		s.patch(id, map[string]any{"middlename": "after the loss"})
	}
	for _, id := range ids[20:] {
		s.delete(id)
	}
}
