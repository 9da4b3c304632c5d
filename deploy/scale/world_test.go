package scale

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/deploy/internal/process"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

var binaries = sync.OnceValues(func() (string, error) { return process.Build("../standalone/cmd/standalone") })

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := binaries(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// world is an installation of the product between two simulated systems.
type world struct {
	t        *testing.T
	dynamics *dynamicstest.Server
	campaign *campaigntest.Server
	process  *process.Process
	base     string
}

func newWorld(t *testing.T, tables []dynamicstest.Table, resources []campaigntest.Resource) *world {
	t.Helper()
	dir, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	const tenant, client, secret = "sandbox", "causeway", "causeway-sandbox"
	w := &world{t: t, dynamics: dynamicstest.New(dynamicstest.Options{Tenant: tenant, ClientID: client, ClientSecret: secret, Tables: tables}),
		campaign: campaigntest.New(campaigntest.Options{Org: tenant, ClientID: client, ClientSecret: secret})}
	for _, r := range resources {
		w.campaign.DefineResource(r)
	}
	d, c := httptest.NewServer(w.dynamics), httptest.NewServer(w.campaign.Handler())
	t.Cleanup(d.Close)
	t.Cleanup(c.Close)
	address := process.FreeAddress(t)
	w.base = "http://" + address
	w.process = process.New(t, filepath.Join(dir, "standalone"), []string{
		"CAUSEWAY_DYNAMICS_URL=" + d.URL, "CAUSEWAY_DYNAMICS_TOKEN_URL=" + d.URL + "/" + tenant + "/oauth2/v2.0/token", "CAUSEWAY_DYNAMICS_TENANT=" + tenant,
		"CAUSEWAY_DYNAMICS_CLIENT_ID=" + client, "CAUSEWAY_DYNAMICS_CLIENT_SECRET=" + secret,
		"CAUSEWAY_CAMPAIGN_URL=" + c.URL + "/" + tenant, "CAUSEWAY_CAMPAIGN_TOKEN_URL=" + c.URL + "/ims/token/v3",
		"CAUSEWAY_CAMPAIGN_CLIENT_ID=" + client, "CAUSEWAY_CAMPAIGN_CLIENT_SECRET=" + secret,
	}, "--allow-temporary-data", "--data", process.Folder(t, "."), "--http", address, "--nats", process.FreeAddress(t))
	w.process.Start()
	t.Cleanup(w.process.Stop)
	return w
}

// until waits for a condition, and tells how long it took.
func (w *world) until(limit time.Duration, what string, condition func() bool) time.Duration {
	w.t.Helper()
	return process.Until(w.t, limit, what, condition, func() string {
		view, err := w.view()
		return fmt.Sprintf("%+v, %v\n%s", view, err, w.process.Tail())
	})
}

// send makes a request of the product's HTTP API.
func (w *world) send(method, path string, body any, headers ...string) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, w.base+"/api/v1/workflows/ingress"+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		text, _ := io.ReadAll(response.Body)
		return errors.New(response.Status + ": " + string(text))
	}
	return nil
}

func (w *world) command(verb string) {
	w.t.Helper()
	w.until(30*time.Second, verb, func() bool { return w.send(http.MethodPost, "/"+verb, struct{}{}) == nil })
}

// configure stores a document, which must be taken.
func (w *world) configure(doc *config.IngressDoc) {
	w.t.Helper()
	w.until(30*time.Second, "the product answers", func() bool { _, err := w.view(); return err == nil })
	if err := w.send(http.MethodPut, "/config", doc, "If-Match", "*"); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) view() (workflow.View, error) {
	var view workflow.View
	response, err := http.Get(w.base + "/api/v1/workflows/ingress")
	if err != nil {
		return view, err
	}
	defer response.Body.Close()
	return view, json.NewDecoder(response.Body).Decode(&view)
}

// settled reports whether the workflow runs and nothing waits.
func (w *world) settled() bool {
	view, err := w.view()
	return err == nil && view.Status == workflow.Running && view.Backlog == 0 && len(view.Loads) == 0
}
