package ingress_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/host/hosttest"
	"github.com/causeway-sync/causeway/services/ingress"
)

// house is a real bus, both remote systems simulated over HTTP, and as many ingress services as a test starts.
type house struct {
	*hosttest.House
	t        *testing.T
	dynamics *dynamicstest.Server
	campaign *campaigntest.Server
	cfg      ingress.Config
	folder   string // for what was last written

	schema sync.RWMutex // held by every request, and by who changes tables and resources
	denied string       // what the path of a request has that is refused with 403; guarded by schema
}

func newHouse(t *testing.T, contacts int) *house {
	t.Helper()
	return sized(t, contacts, bus.Sizes{})
}

func sized(t *testing.T, contacts int, sizes bus.Sizes) *house {
	t.Helper()
	h := &house{t: t, House: hosttest.New(t, workflow.Ingress, sizes),
		dynamics: dynamicstest.New(dynamicstest.Options{Tenant: "sandbox", ClientID: "causeway", ClientSecret: "causeway-sandbox"}),
		campaign: campaigntest.New(campaigntest.Options{})}
	h.Patience += time.Duration(*records) * 10 * time.Millisecond
	h.folder = t.TempDir()
	h.dynamics.Seed(contacts, 1)
	d, c := httptest.NewServer(h.guarded(h.dynamics)), httptest.NewServer(h.guarded(h.campaign.Handler()))
	t.Cleanup(d.Close)
	t.Cleanup(c.Close)
	h.cfg = ingress.Config{
		Dynamics: dynamics.Config{URL: d.URL, TokenURL: d.URL + "/sandbox/oauth2/v2.0/token", Tenant: "sandbox", ClientID: "causeway", ClientSecret: "causeway-sandbox"},
		Campaign: campaign.Config{URL: c.URL + "/sandbox", TokenURL: c.URL + "/ims/token/v3", ClientID: "causeway", ClientSecret: "causeway-sandbox"},
		State:    h.folder,
		Tuning:   pump.Config{PollInterval: 50 * time.Millisecond},
	}
	return h
}

// guarded lets no request be under way while the schema is changed.
func (h *house) guarded(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.schema.RLock()
		defer h.schema.RUnlock()
		if h.denied != "" && strings.Contains(r.URL.Path, h.denied) {
			http.Error(w, `{"error_code":"403","message":"Access denied"}`, http.StatusForbidden)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// alter changes the schema of either side.
func (h *house) alter(change func()) {
	h.schema.Lock()
	defer h.schema.Unlock()
	change()
}

// serve starts an ingress service.
func (h *house) serve(instance string) (stop func()) {
	cfg := h.cfg
	cfg.Host = h.Host(instance)
	return h.Background(func(ctx context.Context) error { return ingress.Run(ctx, cfg) })
}

// soon is long enough for a machine that does other work too. The promises, 2 s for a stop and one for a standby, are
// asserted in deploy/e2e and by make e2e.
const soon = 10 * time.Second

// synced waits until Campaign has exactly the contacts of Dynamics and nothing waits.
func (h *house) synced() {
	h.t.Helper()
	h.Until("both sides are equal", func() bool { return h.equal() && h.Backlog().Total() == 0 })
}

// equal compares keys and last names of both sides; the crash tests compare every field.
func (h *house) equal() bool {
	profiles := h.campaign.Profiles()
	count := 0
	for id, row := range h.dynamics.Rows("contact") {
		count++
		profile, there := profiles[id]
		if !there {
			return false
		}
		last, _ := row["lastname"].(string)
		first, _ := row["firstname"].(string)
		gotLast, _ := profile["lastName"].(string)
		gotFirst, _ := profile["firstName"].(string)
		if gotLast != cut(last, 50) || gotFirst != cut(first, 30) {
			return false
		}
	}
	return count == len(profiles)
}

func cut(s string, length int) string {
	runes := []rune(s)
	return string(runes[:min(len(runes), length)])
}

// edit stores a changed configuration and returns its revision.
func (h *house) edit(change func(*config.IngressDoc)) uint64 {
	h.t.Helper()
	return hosttest.Edit(h.House, change)
}
