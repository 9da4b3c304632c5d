package host

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/exportfile"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/seal"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// store puts a connection to Dynamics into the bucket, its secret sealed with key.
func store(t *testing.T, conn *bus.Conn, key *seal.Key, document string) uint64 {
	t.Helper()
	edit, err := config.DecodeConnection(config.ConnectionDynamics, []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	latest, err := bus.NewConnections(conn).Latest(t.Context(), config.ConnectionDynamics)
	if err != nil {
		t.Fatal(err)
	}
	next, err := edit.Apply(config.ConnectionDynamics, latest.Connection, time.Now(), key.Seal)
	if err != nil {
		t.Fatal(err)
	}
	put, err := bus.NewConnections(conn).Put(t.Context(), config.ConnectionDynamics, next, latest.Number, "test")
	if err != nil {
		t.Fatal(err)
	}
	return put.Number
}

func newKey(t *testing.T) *seal.Key {
	t.Helper()
	key, err := seal.Create(filepath.Join(t.TempDir(), "connections.key"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

const stored = `{"url":"https://contoso.crm4.dynamics.com","tenant":"t","clientId":"a","clientSecret":"the-secret"}`

// TestARunKeepsItsConnection (invariant 7): what is edited counts for the next loan, and a heartbeat tells what the run uses.
func TestARunKeepsItsConnection(t *testing.T) {
	conn, key := bustest.New(t), newKey(t)
	s := NewSystems(Connections{Key: key})
	s.conn = conn
	defer s.Close()
	if _, err := s.Borrow().Dynamics(t.Context()); !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), "Dynamics 365 is not set up") {
		t.Errorf("nothing is stored: %v", err)
	}
	first := store(t, conn, key, stored)
	run := s.Borrow()
	defer run.Return()
	before, err := run.Dynamics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.begin(run)
	store(t, conn, key, strings.Replace(stored, `"a"`, `"b"`, 1))
	question := s.Borrow()
	defer question.Return()
	after, err := question.Dynamics(t.Context())
	if err != nil || after.Client == before.Client || after.Writer == before.Writer {
		t.Errorf("after the edit it is the same client: %v", err)
	}
	want := map[string]workflow.ConnectionUse{"dynamics": {Revision: first}, "campaign": {}, "sftp": {}}
	if diff := cmp.Diff(want, s.uses()); diff != "" {
		t.Error(diff)
	}
	s.end()
	if use := s.uses()["dynamics"]; use != (workflow.ConnectionUse{}) {
		t.Errorf("after the run: %+v", use)
	}
}

// TestTheEnvironmentWinsAsAWhole: one setting of it is enough, and what is stored does not fill its gaps.
func TestTheEnvironmentWinsAsAWhole(t *testing.T) {
	conn, key := bustest.New(t), newKey(t)
	store(t, conn, key, stored)
	s := NewSystems(Connections{Key: key, Dynamics: dynamics.Config{ClientID: "from the environment", ClientSecret: "its secret"},
		Campaign: campaign.Config{Lookup: campaign.Lookup{Mode: "key"}}, SFTP: exportfile.Config{Folder: "default"}})
	s.conn = conn
	defer s.Close()
	if _, err := s.Borrow().Dynamics(t.Context()); !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), "URL of Dynamics 365 is empty") {
		t.Errorf("gaps of the environment: %v", err)
	}
	want := map[string]workflow.ConnectionUse{"dynamics": {Environment: true}, "campaign": {}, "sftp": {}}
	if diff := cmp.Diff(want, s.uses()); diff != "" {
		t.Error(diff)
	}
	shown, err := json.Marshal(s.inUse("ingress (one)"))
	if err != nil || strings.Contains(string(shown), "its secret") || !strings.Contains(string(shown), `"secrets":["clientSecret"]`) {
		t.Errorf("shown: %s %v", shown, err)
	}
}

// TestSecretsThatCannotBeOpened: without a key, with another, and of a document that was altered beside the admin service.
func TestSecretsThatCannotBeOpened(t *testing.T) {
	conn, key := bustest.New(t), newKey(t)
	store(t, conn, key, stored)
	want := func(what string, key *seal.Key, says string) {
		t.Helper()
		s := NewSystems(Connections{Key: key})
		s.conn = conn
		defer s.Close()
		_, err := s.Borrow().Dynamics(t.Context())
		if !fault.Is(err, fault.Fatal) || !strings.Contains(fault.Message(err), says) || strings.Contains(err.Error(), "the-secret") {
			t.Errorf("%s: %v, want %q", what, err, says)
		}
	}
	want("no key", nil, "CAUSEWAY_CONNECTIONS_KEY_FILE")
	want("another key", newKey(t), "sealed with another key")
	bucket, err := conn.JetStream().KeyValue(t.Context(), bus.BucketConnections)
	if err != nil {
		t.Fatal(err)
	}
	entry, err := bucket.Get(t.Context(), "dynamics")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.Put(t.Context(), "dynamics", []byte(strings.Replace(string(entry.Value()), "contoso.crm4", "evil", 1))); err != nil {
		t.Fatal(err)
	}
	want("another address", key, "was given for another address")
}
