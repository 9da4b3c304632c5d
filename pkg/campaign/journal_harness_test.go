package campaign_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// withJournal sets the simulated journal.
func withJournal(cfg *campaign.Config) {
	cfg.OrgID, cfg.JournalURL = "sandbox@AdobeOrg", "http://campaign.test/events/organizations/1/integrations/2/3"
}

func appendEvents(t testing.TB, h *house, n int) {
	t.Helper()
	if _, err := h.AppendEvents(campaigntest.EventBatch{Count: n}); err != nil {
		t.Fatal(err)
	}
}

// journalReader reads a journal as a pump does: what a page brought and the position behind it are kept together.
type journalReader struct {
	t        testing.TB
	journal  *campaign.Journal
	position record.Position
	ids      []string // of the events, in the order of their coming
	gaps     []campaign.JournalGap
	pages    []int // sizes
}

func readJournal(t testing.TB, c *campaign.Client, cfg campaign.JournalConfig) *journalReader {
	return &journalReader{t: t, journal: c.Journal(cfg)}
}

func (f *journalReader) step() (campaign.JournalPage, error) {
	page, err := f.journal.Read(f.t.Context(), f.position)
	if err != nil {
		return page, err
	}
	f.position = page.Next
	f.pages = append(f.pages, len(page.Events))
	for _, e := range page.Events {
		f.ids = append(f.ids, idOf(e))
	}
	if page.Gap != nil {
		f.gaps = append(f.gaps, *page.Gap)
	}
	return page, nil
}

// drain reads while there is more.
func (f *journalReader) drain() {
	f.t.Helper()
	for range 10_000 {
		page, err := f.step()
		if err != nil {
			f.t.Fatal(err)
		}
		if !page.More {
			return
		}
	}
	f.t.Fatal("the journal has no end")
}

func (f *journalReader) distinct() map[string]bool {
	all := map[string]bool{}
	for _, id := range f.ids {
		all[id] = true
	}
	return all
}

func idOf(e campaign.JournalEvent) string {
	var said struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(e.Body, &said) // an event without an id is ""
	return said.ID
}

// vendor is a journal that a test writes itself, behind a token endpoint.
func vendor(t *testing.T, answer http.HandlerFunc) (*campaign.Client, *httptest.Server) {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ims/token/v3" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"access_token":"t","token_type":"bearer","expires_in":86399}`))
			return
		}
		answer(w, r)
	}))
	t.Cleanup(web.Close)
	c, err := campaign.New(campaign.Config{
		URL: web.URL + "/sandbox", TokenURL: web.URL + "/ims/token/v3", ClientID: "causeway", ClientSecret: "causeway-sandbox",
		OrgID: "sandbox@AdobeOrg", JournalURL: web.URL + "/events/organizations/1/integrations/2/3",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, web
}

// body is a page of events by their positions; the time of each is the n-th second of a day.
func body(positions ...int) string {
	var events []string
	for _, n := range positions {
		events = append(events, fmt.Sprintf(`{"position":"p%d","event":{"id":"e%d","time":%q}}`, n, n, second(n).Format(time.RFC3339)))
	}
	joined := ""
	for i, e := range events {
		if i > 0 {
			joined += ","
		}
		joined += e
	}
	return `{"events":[` + joined + `],"_page":{"last":"","count":1}}`
}

func second(n int) time.Time { return time.Date(2026, 5, 1, 0, 0, n, 0, time.UTC) }

func isKind(t testing.TB, err error, kind fault.Kind) {
	t.Helper()
	if fault.KindOf(err) != kind || err == nil {
		t.Errorf("%v %v, want %v", fault.KindOf(err), err, kind)
	}
}
