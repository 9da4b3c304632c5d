package optinout_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/consent"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/exportfile"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/host/hosttest"
	"github.com/causeway-sync/causeway/services/optinout"
)

// house is a real bus, both remote systems simulated over HTTP and SFTP, and as many services as a test starts.
type house struct {
	*hosttest.House
	t        *testing.T
	dynamics *dynamicstest.Server
	campaign *campaigntest.Server
	sftp     *campaigntest.SFTP
	cfg      optinout.Config
	ids      []string // of the contacts, each with a profile
}

// mappings of every test here.
func mappings() []config.OptOutMapping {
	return []config.OptOutMapping{{Column: "donotbulkemail", Field: "blackListEmail"}, {Column: "donotphone", Field: "blackListPhone"}}
}

func newHouse(t *testing.T, contacts int) *house {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	files, err := campaigntest.NewSFTP(t.TempDir(), listener)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := files.Close(); err != nil {
			t.Log(err)
		}
	})
	h := &house{t: t, House: hosttest.New(t, workflow.OptInOut, bus.Sizes{}), sftp: files,
		dynamics: dynamicstest.New(dynamicstest.Options{Tenant: "sandbox", ClientID: "causeway", ClientSecret: "causeway-sandbox"}),
		campaign: campaigntest.New(campaigntest.Options{Exports: files.Exports()})}
	h.dynamics.Seed(contacts, 1)
	h.ids = h.dynamics.IDs("contact")
	for _, id := range h.ids {
		if err := h.campaign.Put("profile", map[string]any{"externalId": id}); err != nil {
			t.Fatal(err)
		}
	}
	d, c := httptest.NewServer(h.dynamics), httptest.NewServer(h.campaign.Handler())
	t.Cleanup(d.Close)
	t.Cleanup(c.Close)
	h.cfg = optinout.Config{
		Dynamics:  dynamics.Config{URL: d.URL, TokenURL: d.URL + "/sandbox/oauth2/v2.0/token", Tenant: "sandbox", ClientID: "causeway", ClientSecret: "causeway-sandbox"},
		Campaign:  campaign.Config{URL: c.URL + "/sandbox", TokenURL: c.URL + "/ims/token/v3", ClientID: "causeway", ClientSecret: "causeway-sandbox"},
		SFTP:      exportfile.Config{Addr: files.Addr(), User: campaigntest.SFTPUser, Key: files.ClientKey(), HostKey: files.HostKey(), Folder: campaigntest.ExportFolder},
		LookEvery: 50 * time.Millisecond,
		Tuning:    pump.Config{PollInterval: 50 * time.Millisecond},
	}
	return h
}

// configure stores a document in which files are read as soon as they stand still for a second.
func (h *house) configure(edit func(*config.OptInOutDoc)) {
	h.t.Helper()
	doc := config.DefaultOptInOut()
	doc.Direction, doc.Mappings = config.Bidirectional, mappings()
	doc.Export.SettleSeconds, doc.API.PollSeconds = 1, 1
	edit(doc)
	h.Store(workflow.OptInOut, doc)
}

func (h *house) serve(instance string) (stop func()) {
	cfg := h.cfg
	cfg.Host = h.Host(instance)
	return h.Background(func(ctx context.Context) error { return optinout.Run(ctx, cfg) })
}

// run starts the workflow and waits until it runs.
func (h *house) run() {
	h.t.Helper()
	h.serve("a")
	h.Command(workflow.Start)
	h.Status("a", workflow.Running, "")
}

// contact edits a contact as a person in Dynamics.
func (h *house) contact(id string, values map[string]any) {
	values["contactid"] = id
	h.dynamics.Put("contact", values)
}

// profile edits a profile as a person in Campaign.
func (h *house) profile(id string, values map[string]any) {
	h.t.Helper()
	if err := h.campaign.Edit("profile", id, values); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) export(opt campaigntest.ExportOptions) campaigntest.Export {
	h.t.Helper()
	done, err := h.campaign.Export(opt)
	if err != nil {
		h.t.Fatal(err)
	}
	return done
}

// edit has people on both sides change n values, and returns the newest statements that are opt-outs.
func (h *house) edit(random *rand.Rand, n int, newest map[string]bool) {
	h.t.Helper()
	for range n {
		id, m, out := h.ids[random.IntN(len(h.ids))], mappings()[random.IntN(2)], random.IntN(2) == 0
		if random.IntN(2) == 0 {
			row, _ := h.dynamics.Row("contact", id)
			h.contact(id, map[string]any{m.Column: out})
			if row[m.Column] != out {
				newest[id+" "+m.Field] = out
			}
			continue
		}
		row, _ := h.campaign.Find("profile", id)
		h.profile(id, map[string]any{m.Field: out})
		if was, _ := row[m.Field].(bool); was != out {
			newest[id+" "+m.Field] = out
		}
	}
}

// differences names what the two sides do not say alike.
func (h *house) differences() []string {
	var list []string
	profiles := h.campaign.Profiles()
	for id, row := range h.dynamics.Rows("contact") {
		for _, m := range mappings() {
			in, _ := row[m.Column].(bool)
			out, _ := profiles[id][m.Field].(bool)
			if in != out {
				list = append(list, fmt.Sprintf("%s %s: Dynamics %v, Campaign %v", id, m.Field, in, out))
			}
		}
	}
	return list
}

// agreed waits until both sides say the same and nothing waits.
func (h *house) agreed() {
	h.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	h.Until("both sides are equal", func() bool {
		if time.Now().After(deadline) {
			h.t.Fatalf("backlog %d, %v", h.Backlog().Total(), h.differences())
		}
		return h.Backlog().Total() == 0 && len(h.differences()) == 0
	})
}

// entries is the ledger of a contact.
func (h *house) entries(id string) []consent.Entry {
	h.t.Helper()
	ledger, err := bus.OpenLedger(h.Context(), h.Conn, workflow.OptInOut)
	if err != nil {
		h.t.Fatal(err)
	}
	stored, err := ledger.History(h.Context(), id, 0, 100)
	if err != nil {
		h.t.Fatal(err)
	}
	entries := make([]consent.Entry, len(stored))
	for i, s := range stored {
		if err := json.Unmarshal(s.Data, &entries[i]); err != nil {
			h.t.Fatal(err)
		}
	}
	return entries
}

// writes counts the writing requests on both sides.
func (h *house) writes() int { return len(h.dynamics.Writes()) + int(h.campaign.WriteCount()) }
