package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/deploy/internal/process"
)

// TestTheKeyOfTheConnectionsIsLost loses connections.key and does what docs/operations.md says: a new file, the secrets typed in again.
// Nothing else is lost; contacts change meanwhile.
func TestTheKeyOfTheConnectionsIsLost(t *testing.T) {
	e := &endangered{services: newServices(t, 300), key: filepath.Join(process.Folder(t, artifacts), "connections.key")}
	e.around("nats://" + e.nats)
	e.natsServer.Start()
	e.sandbox.Start()
	e.start()
	e.connect()
	e.until(patience, "a start is allowed", func() bool { return e.workflow("ingress").Actions.Start.Enabled })
	e.command("start")
	e.untilEqual(patience)

	e.ingress.Stop()
	e.admin.Stop()
	old, err := os.ReadFile(e.key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(e.key); err != nil {
		t.Fatal(err)
	}
	e.changeSome()
	e.start()
	made, err := os.ReadFile(e.key)
	if err != nil || string(made) == string(old) {
		t.Fatalf("the admin service made no new key: %v", err)
	}
	e.until(patience, "the workflow says what it cannot open", func() bool {
		v := e.workflow("ingress")
		return v.Status == "FAILED" && strings.Contains(v.Reason, "a secret was sealed with another key")
	})
	e.connect()
	e.command("start")
	e.untilStatus(patience, "RUNNING")
	e.untilEqual(patience)
	if v := e.workflow("ingress"); v.Failures != 0 {
		t.Errorf("%d records were rejected", v.Failures)
	}
}
