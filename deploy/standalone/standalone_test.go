package standalone_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/deploy/sandbox"
	"github.com/causeway-sync/causeway/deploy/standalone"
	"github.com/causeway-sync/causeway/pkg/catalog"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

// product is the standalone process with the sandbox, in this process, and its HTTP API.
type product struct {
	t    *testing.T
	base string
	stop func()
}

func start(t *testing.T, dir, dynamics string, contacts int) *product {
	t.Helper()
	listener := listen(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- standalone.Run(ctx, standalone.Config{Data: dir, AllowTemporary: true, HTTPListener: listener, Version: "test",
			Sandbox: &sandbox.Config{Contacts: contacts, Dynamics: dynamics, Campaign: "127.0.0.1:0", Seed: 1}})
	}()
	p := &product{t: t, base: "http://" + listener.Addr().String(), stop: func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the process ended with %v", err)
		}
	}}
	return p
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// call sends a request and decodes the answer of an expected status.
func (p *product) call(method, path string, body []byte, status int, into any) {
	p.t.Helper()
	request, err := http.NewRequest(method, p.base+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode != status {
		p.t.Fatalf("%s %s: %s %s, want %d", method, path, response.Status, text, status)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			p.t.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
}

func (p *product) ingress() workflow.View {
	p.t.Helper()
	var view workflow.View
	p.call("GET", "/workflows/ingress", nil, 200, &view)
	return view
}

func (p *product) until(what string, condition func(workflow.View) bool) {
	p.t.Helper()
	ticker := time.NewTicker(30 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(90 * time.Second)
	for !condition(p.ingress()) {
		select {
		case <-ticker.C:
		case <-deadline:
			p.t.Fatalf("never: %s; %+v", what, p.ingress())
		}
	}
}

// TestTheProductInOneProcess: start, load, preview, catalog, replay and its guardrails, restart on the same data.
func TestTheProductInOneProcess(t *testing.T) {
	dir := t.TempDir()
	environment := listen(t) // Its address is the environment's name, and stays the same over the restart.
	dynamics := environment.Addr().String()
	_ = environment.Close()
	p := start(t, dir, dynamics, 1500)
	p.call("POST", "/workflows/ingress/start", nil, 202, nil)
	p.until("all contacts are written", func(v workflow.View) bool { return v.Counters.Written >= 1500 && v.Backlog == 0 })

	var tables backend.TableList
	p.call("GET", "/catalog/dynamics/tables", nil, 200, &tables)
	var contact catalog.Table
	p.call("GET", "/catalog/dynamics/tables/contact", nil, 200, &contact)
	var profile catalog.Resource
	p.call("GET", "/catalog/campaign/resources/profile", nil, 200, &profile)
	if len(tables.Tables) == 0 || contact.PrimaryKey != "contactid" || len(contact.Columns) < 20 || len(profile.Fields) < 20 {
		t.Errorf("catalog: %d tables, contact %s with %d columns, profile with %d fields", len(tables.Tables), contact.PrimaryKey, len(contact.Columns), len(profile.Fields))
	}
	p.call("GET", "/catalog/dynamics/tables/nothing", nil, 404, nil)

	var preview catalog.Preview
	p.call("POST", "/workflows/ingress/mappings/contact/preview", nil, 200, &preview)
	if len(preview.Rows) != 5 || preview.Rows[0].Action != "unchanged" {
		t.Errorf("preview: %+v", preview)
	}
	p.call("POST", "/workflows/ingress/mappings/account/preview", nil, 404, nil)
	p.call("POST", "/workflows/ingress/mappings/contact/preview", []byte(`{"mapping":{"table":"contact","resource":"profile"}}`), 422, nil)
	p.call("POST", "/workflows/ingress/mappings/contact/preview", []byte(`nonsense`), 422, nil)

	var replay backend.Replay
	p.call("POST", "/workflows/ingress/mappings/contact/replay", nil, 202, &replay)
	p.call("POST", "/workflows/ingress/mappings/contact/replay", nil, 409, nil)
	p.call("POST", "/workflows/ingress/mappings/account/replay", nil, 404, nil)
	view := p.ingress()
	if replay.Rows != 1500 || !view.RestartRequired || !strings.Contains(strings.Join(view.PendingChanges, " "), "replayRequested") {
		t.Errorf("replay %+v, pending %v", replay, view.PendingChanges)
	}
	for path, want := range map[string]string{"/workflows/ingress/edit": "Replay queued", "/workflows/ingress/mappings/contact/preview": "unchanged"} {
		response, err := http.Get(p.base + path)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK || !strings.Contains(string(text), want) {
			t.Errorf("%s: %s, without %q", path, response.Status, want)
		}
	}
	p.call("POST", "/workflows/ingress/stop", nil, 202, nil)
	p.until("it is stopped", func(v workflow.View) bool { return v.Status == workflow.Stopped })
	p.call("POST", "/workflows/ingress/start", nil, 202, nil)
	p.until("the replay is done", func(v workflow.View) bool {
		return v.Status == workflow.Running && v.Counters.Read >= 3000 && v.Backlog == 0 && !v.RestartRequired
	})
	p.stop()

	p = start(t, dir, dynamics, 1500)
	defer p.stop()
	p.until("it runs again by itself", func(v workflow.View) bool { return v.Status == workflow.Running && v.Backlog == 0 })
}

func TestABadDataFolderOrAddressIsSaid(t *testing.T) {
	for name, cfg := range map[string]standalone.Config{
		"temporary folder": {Data: t.TempDir(), HTTP: "127.0.0.1:0"},
		"no folder":        {HTTP: "127.0.0.1:0"},
		"NATS address":     {Data: t.TempDir(), AllowTemporary: true, NATS: "nonsense", HTTP: "127.0.0.1:0"},
	} {
		if err := standalone.Run(t.Context(), cfg); !fault.Is(err, fault.Fatal) || fault.Message(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What is refused leaves nothing behind, least of all a key in the folder that the process was started from.
	if _, err := os.Stat("connections.key"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key was made without a data folder: %v", err)
	}
}

// TestStrangersAreNotLetIn: without users, an address that others can reach is refused before anything is opened.
func TestStrangersAreNotLetIn(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	err := standalone.Run(t.Context(), standalone.Config{Data: data, AllowTemporary: true, HTTP: "0.0.0.0:0"})
	if !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), "--users-file") {
		t.Errorf("said %v", err)
	}
	if _, err := os.Stat(data); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was opened all the same: %v", err)
	}
}
