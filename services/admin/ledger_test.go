package admin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/micro"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/consent"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

const (
	decidedContact = "0f8fad5b-d9cb-469f-a165-70867728950e"
	ledgerPath     = "/api/v1/workflows/optinout/ledger?contact="
)

// decide stores decisions about a contact; the last one was tampered with.
func (r *rig) decide(n int) {
	r.t.Helper()
	ledger, err := bus.OpenLedger(r.t.Context(), r.conn, workflow.OptInOut)
	if err != nil {
		r.t.Fatal(err)
	}
	rule := consent.Rule{Direction: consent.BothWays, ToleranceSeconds: 300}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	on := uint64(0)
	for i := range n {
		d := rule.Judge("blackListEmail", consent.Side{Value: false, At: at}, consent.Side{Value: true, At: at.Add(time.Duration(i) * time.Hour)})
		if i == n-1 {
			d.Value = !d.Value
		}
		data, err := json.Marshal(consent.Entry{Contact: decidedContact, Phase: consent.Outcome, Source: "export", Origin: "optout_1.csv:2",
			Decisions: []consent.Decision{d}, Written: []consent.Winner{consent.Campaign}})
		if err != nil {
			r.t.Fatal(err)
		}
		if on, err = ledger.Append(r.t.Context(), decidedContact, data, on); err != nil {
			r.t.Fatal(err)
		}
	}
}

// What was decided about a contact is listed over HTTP, over NATS and on a page, and decided again.
func TestLedger(t *testing.T) {
	r := start(t, nil)
	r.decide(3)
	list := into[backend.Ledger](t, r.get(ledgerPath+strings.ToUpper(decidedContact)))
	if len(list.Entries) != 3 || list.Differing != 1 || list.Entries[2].Differing[0] != "blackListEmail" || list.Entries[0].Decisions[0].Ground != consent.OptOutWins {
		t.Errorf("%+v", list)
	}
	behind := into[backend.Ledger](t, r.get(ledgerPath+decidedContact+fmt.Sprintf("&after=%d", list.Entries[0].Revision)))
	if len(behind.Entries) != 2 {
		t.Errorf("%+v", behind)
	}
	if got := decoded[backend.Ledger](t, r.ask("causeway.api.workflows.optinout.ledger", `{"contact":"`+decidedContact+`"}`)); len(got.Entries) != 3 {
		t.Errorf("%+v", got)
	}
	if got := r.ask("causeway.api.workflows.optinout.ledger", `{"key":1}`).Header.Get(micro.ErrorCodeHeader); got != "422" {
		t.Errorf("a request that is not understood is answered with %s", got)
	}
	r.want(http.StatusUnprocessableEntity, "GET", ledgerPath+"ada@example.com", "")

	page := r.get("/workflows/optinout/ledger?contact=" + decidedContact)
	for _, want := range []string{"denyListEmail", "opted out", "an opt-out wins", "1 decisions are others", "optout_1.csv:2"} {
		if !strings.Contains(page.text(), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	unknown := r.get("/workflows/optinout/ledger?contact=7c9e6679-7425-40de-944b-e07fc1f90ae7")
	if !strings.Contains(unknown.text(), "Nothing was decided") {
		t.Error("the page does not say that nothing was decided")
	}
	r.want(http.StatusUnprocessableEntity, "GET", "/workflows/optinout/ledger?contact=%3Cscript%3E", "")
}

// The page begins with the decision that is in force and leads back to the first one; the API goes the other way.
func TestLedgerOfManyEntries(t *testing.T) {
	const entries = 250
	r := start(t, nil)
	r.decide(entries)
	var forward []string
	for after := uint64(0); ; {
		list := into[backend.Ledger](t, r.get(ledgerPath+decidedContact+fmt.Sprintf("&after=%d", after)))
		for _, entry := range list.Entries {
			forward = append(forward, fmt.Sprintf("Entry %d", entry.Revision))
		}
		if after = list.Next; after == 0 {
			break
		}
	}
	if len(forward) != entries {
		t.Fatalf("the API lists %d", len(forward))
	}

	var backward []string
	var sizes []int
	for path := "/workflows/optinout/ledger?contact=" + decidedContact; path != ""; {
		page := parse(t, r.want(http.StatusOK, "GET", path, ""))
		cards := page.all("section", "class", "card ledger")
		for _, card := range cards {
			place, _, _ := strings.Cut(card.one("p").text(), ",")
			backward = append(backward, place)
		}
		if alarms := page.all("p", "role", "alert"); (len(alarms) == 1) != (len(sizes) == 0) {
			t.Errorf("%d alarms on page %d", len(alarms), len(sizes)+1) // The newest entry was tampered with.
		}
		if back := page.all("a", "rel", "first"); (len(back) == 1) != (len(sizes) > 0) {
			t.Errorf("%d ways back on page %d", len(back), len(sizes)+1)
		}
		sizes, path = append(sizes, len(cards)), ""
		if older := page.all("a", "rel", "next"); len(older) == 1 {
			path = older[0].attr("href")
		}
	}
	slices.Reverse(backward)
	if diff := cmp.Diff(forward, backward); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{100, 100, 50}, sizes); diff != "" {
		t.Error(diff)
	}
	r.want(http.StatusBadRequest, "GET", "/workflows/optinout/ledger?contact="+decidedContact+"&before=x", "")
	if page := r.want(http.StatusOK, "GET", "/workflows/optinout/ledger?contact="+decidedContact+"&before=1", "").text(); !strings.Contains(page, "No entry is older") {
		t.Error("the end is taken for an empty ledger")
	}
}

// How long decisions are kept is applied when it is saved.
func TestLedgerIsKeptAsConfigured(t *testing.T) {
	r := start(t, nil)
	path := "/api/v1/workflows/optinout/config"
	etag := r.get(path).Header.Get("ETag")
	r.want(http.StatusOK, "PUT", path, `{"direction":"disabled","mappings":[],"ledgerDays":7}`, "If-Match", etag)
	stream, err := r.conn.JetStream().Stream(t.Context(), bus.StreamLedger)
	if err != nil {
		t.Fatal(err)
	}
	if got := stream.CachedInfo().Config.MaxAge; got != 7*24*time.Hour {
		t.Errorf("kept for %s", got)
	}
}
