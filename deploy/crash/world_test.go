package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/deploy/internal/process"
	"github.com/causeway-sync/causeway/deploy/internal/truth"
	"github.com/causeway-sync/causeway/deploy/sandbox"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// binaries builds the product once for all tests of the package.
var binaries = sync.OnceValues(func() (string, error) {
	return process.Build("../standalone/cmd/standalone", "../../services/admin/cmd/admin", "../../services/ingress/cmd/ingress")
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := binaries(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

func binary(t *testing.T, name string) string {
	t.Helper()
	dir, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// world is both remote systems, in this process.
type world struct {
	*sandbox.Sandbox
	t      *testing.T
	env    []string
	random *rand.Rand
	edits  int
}

func newWorld(t *testing.T, contacts int, seed uint64) *world {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	systems, err := sandbox.Listen(ctx, sandbox.Config{Contacts: contacts, Dynamics: "127.0.0.1:0", Campaign: "127.0.0.1:0", Seed: seed, KeepWrites: -1})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- systems.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	d, c := systems.DynamicsConfig(), systems.CampaignConfig()
	return &world{Sandbox: systems, t: t, random: rand.New(rand.NewPCG(seed, 7)), env: []string{
		"CAUSEWAY_DYNAMICS_URL=" + d.URL, "CAUSEWAY_DYNAMICS_TOKEN_URL=" + d.TokenURL, "CAUSEWAY_DYNAMICS_TENANT=" + d.Tenant,
		"CAUSEWAY_DYNAMICS_CLIENT_ID=" + d.ClientID, "CAUSEWAY_DYNAMICS_CLIENT_SECRET=" + d.ClientSecret,
		"CAUSEWAY_CAMPAIGN_URL=" + c.URL, "CAUSEWAY_CAMPAIGN_TOKEN_URL=" + c.TokenURL,
		"CAUSEWAY_CAMPAIGN_CLIENT_ID=" + c.ClientID, "CAUSEWAY_CAMPAIGN_CLIENT_SECRET=" + c.ClientSecret,
		"CAUSEWAY_CAMPAIGN_ORG_ID=" + c.OrgID, "CAUSEWAY_CAMPAIGN_JOURNAL_URL=" + c.JournalURL,
	}}
}

// edit changes contacts as people at work would: updates, creations and deletions. Each written version carries a
// number that grows, so that the order of the writes can be checked at the other side.
func (w *world) edit(n int) {
	ids := make([]string, 0, n)
	for id := range w.Dynamics.Rows("contact") {
		if ids = append(ids, id); len(ids) == cap(ids)*8 {
			break
		}
	}
	for range n {
		w.edits++
		version := fmt.Sprintf("v%09d", w.edits)
		switch dice := w.random.IntN(10); {
		case dice == 0 && len(ids) > 0:
			w.Dynamics.Delete("contact", ids[w.random.IntN(len(ids))])
		case dice <= 2 || len(ids) == 0:
			w.Dynamics.Put("contact", map[string]any{"lastname": "New", "middlename": version})
		default:
			w.Dynamics.Put("contact", map[string]any{"contactid": ids[w.random.IntN(len(ids))], "middlename": version})
		}
	}
}

// traffic edits 250 times a second until the returned function is called.
func (w *world) traffic() (stop func()) {
	return process.Every(20*time.Millisecond, func() { w.edit(5) })
}

// differences compares both sides record by record and names up to ten that differ.
func (w *world) differences() []string {
	return truth.Differences(w.Dynamics.Rows("contact"), w.Campaign.Profiles())
}

// api is the product's HTTP API.
type api struct {
	t    *testing.T
	base string
}

func (a api) get(path string, into any) error {
	response, err := http.Get(a.base + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}

func (a api) ingress() (workflow.View, error) { return a.workflow(workflow.Ingress) }

func (a api) workflow(id workflow.ID) (workflow.View, error) {
	var view workflow.View
	err := a.get("/api/v1/workflows/"+string(id), &view)
	return view, err
}

func (a api) command(verb string) error { return a.commandTo(workflow.Ingress, verb) }

func (a api) commandTo(id workflow.ID, verb string) error {
	response, err := http.Post(a.base+"/api/v1/workflows/"+string(id)+"/"+verb, "application/json", nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		body, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(body)))
	}
	return nil
}
