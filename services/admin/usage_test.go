package admin_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// used waits until the admin service tells what was used of Campaign.
func (r *rig) used(want uint64) backend.Usage {
	r.t.Helper()
	var usage backend.Usage
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if usage = into[backend.Usage](r.t, r.get("/api/v1/usage")); usage.Systems[0].Used == want {
			return usage
		}
	}
	r.t.Fatalf("never seen: %d; last %+v", want, usage)
	return usage
}

func (r *rig) uses(instance string, started time.Time, campaign uint64) {
	r.beat(func(hb *workflow.Heartbeat) {
		hb.Instance, hb.StartedAt, hb.Usage = instance, started, map[string]uint64{"campaign": campaign, "dynamics": 3}
	})
}

// TestUsageIsCountedOnce by two admin services that hear the same, and goes on after one is restarted.
func TestUsageIsCountedOnce(t *testing.T) {
	r := start(t, nil)
	other := r.beside()
	began := time.Now().Add(-time.Minute)
	r.uses("one", began, 40)
	r.used(40)
	other.used(40)
	r.uses("one", began, 45)
	r.uses("two", began, 5)
	r.used(50)
	usage := other.used(50)
	if usage.Day != time.Now().UTC().Format(time.DateOnly) || usage.Systems[0].Workflows[workflow.Ingress] != 50 || usage.Systems[1].Used != 6 {
		t.Errorf("%+v", usage)
	}
	if err := r.stop(); err != nil { // It stores what it has heard before it ends.
		t.Fatal(err)
	}
	third := other.beside()
	third.used(50)
	r.uses("one", began, 47)
	third.used(52)
	other.used(52)
	if got := decoded[backend.Usage](t, r.ask("causeway.api.usage", "")); got.Systems[0].Used != 52 {
		t.Errorf("over NATS %+v", got)
	}
}

// TestBudgets are set over HTTP, and what is used is shown against them in numbers and in words.
func TestBudgets(t *testing.T) {
	r := start(t, nil)
	const path = "/api/v1/settings"
	if got := r.want(http.StatusOK, "GET", path, ""); got.Header.Get("ETag") != `"0"` || got.text() != `{"budgets":{"campaignEngineCalls":0,"dynamicsRequests":0}}`+"\n" {
		t.Errorf("%s %s", got.Header.Get("ETag"), got.body)
	}
	r.uses("one", time.Now().Add(-time.Minute), 80)
	if usage := r.used(80); usage.Systems[0].Level != backend.UsageNone {
		t.Errorf("without a budget %+v", usage.Systems[0])
	}
	r.want(http.StatusPreconditionRequired, "PUT", path, `{}`)
	first := r.want(http.StatusOK, "PUT", path, `{"budgets":{"campaignEngineCalls":100}}`, "If-Match", `"0"`)
	r.want(http.StatusPreconditionFailed, "PUT", path, `{}`, "If-Match", `"0"`)
	again := r.want(http.StatusOK, "PUT", path, `{"budgets":{"campaignEngineCalls":100,"dynamicsRequests":0}}`, "If-Match", first.Header.Get("ETag"))
	if again.Header.Get("ETag") != first.Header.Get("ETag") {
		t.Error("what says the same is stored again")
	}
	problem := into[problems.Problem](t, r.want(http.StatusUnprocessableEntity, "PUT", path, `{"budgets":{"campaignEngineCalls":-1,"dynamicsRequests":2000000001}}`, "If-Match", "*"))
	if len(problem.Errors) != 2 {
		t.Errorf("not every fault at once: %+v", problem)
	}
	problem = into[problems.Problem](t, r.want(http.StatusUnprocessableEntity, "PUT", path, `{"budgets":{"campaignEngineCalls":"many","calls":1},"x":2}`, "If-Match", "*"))
	if len(problem.Errors) != 3 {
		t.Errorf("not every fault at once: %+v", problem)
	}
	if usage := r.used(80).Systems[0]; usage.Budget != 100 || usage.Percent != 80 || usage.Level != backend.UsageWarning {
		t.Errorf("%+v", usage)
	}
	log := into[backend.CommandList](t, r.get("/api/v1/commands")).Commands
	if len(log) != 3 || log[0].Note != "settings: budgets.campaignEngineCalls changed from 0 to 100" || log[0].By != "127.0.0.1" {
		t.Errorf("history %+v", log)
	}

	system := parse(t, r.want(http.StatusOK, "GET", "/", "")).one("div", "id", "usage-campaign")
	if got := system.text(); !strings.Contains(got, "Campaign engine calls 80 of 100 (80 %) Warning: most of today's budget is used") || !strings.Contains(got, "Dynamics 365 to Campaign 80") {
		t.Errorf("page %q", got)
	}
	if bar := system.one("progress"); bar.attr("value") != "80" || bar.attr("max") != "100" || bar.attr("aria-label") == "" {
		t.Error("no bar")
	}
	metrics := r.want(http.StatusOK, "GET", "/metrics", "").text()
	for _, line := range []string{`causeway_usage_budget{system="campaign"} 100`, `causeway_usage_today{system="campaign",workflow="ingress"} 80`} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no metric %s", line)
		}
	}
	put := fmt.Sprintf(`{"revision":%s,"document":{"budgets":{"campaignEngineCalls":70}}}`, strings.Trim(first.Header.Get("ETag"), `"`))
	if got := decoded[backend.SettingsState](t, r.ask("causeway.api.settings", put)); got.Settings.Budgets.CampaignEngineCalls != 70 || got.By != "unknown" {
		t.Errorf("over NATS %+v", got)
	}
	if usage := r.used(80).Systems[0]; usage.Level != backend.UsageExceeded {
		t.Errorf("%+v", usage)
	}
}

// TestBudgetsOnThePage: faults stand beside their fields with what was typed, and who comes second is told.
func TestBudgetsOnThePage(t *testing.T) {
	g := startGuarded(t, nil)
	session := g.session(access.Admin)
	send := func(status int, form string) answer {
		return g.want(status, "POST", "/settings/budgets", form, "Cookie", session, "Content-Type", formType)
	}
	page := parse(t, send(http.StatusUnprocessableEntity, "revision=0&campaignEngineCalls=many&dynamicsRequests=-5"))
	section := page.one("section", "id", "budgets")
	for id, text := range map[string]string{"budget-campaignEngineCalls": "many", "budget-dynamicsRequests": "-5"} {
		if field := section.one("input", "id", id); field.attr("value") != text {
			t.Errorf("%s became %q", id, field.attr("value"))
		}
	}
	if field := section.one("input", "id", "budget-campaignEngineCalls"); field.attr("aria-invalid") != "true" {
		t.Error("no fault beside the field")
	}
	to := send(http.StatusSeeOther, "revision=0&campaignEngineCalls=40,000&dynamicsRequests=").Header.Get("Location")
	page = parse(t, g.want(http.StatusOK, "GET", strings.Split(to, "#")[0], "", "Cookie", session))
	if page.one("*", "id", "notice").text() != "The budgets are saved." || page.one("input", "id", "budget-campaignEngineCalls").attr("value") != "40000" {
		t.Error("not saved")
	}
	stale := parse(t, send(http.StatusPreconditionFailed, "revision=0&campaignEngineCalls=1,000&dynamicsRequests=")).one("section", "id", "budgets")
	if got := stale.one("p", "class", "notice warn").text(); !strings.Contains(got, "Save replaces it") || !strings.Contains(got, "saved by admin") {
		t.Errorf("stale: %q", got)
	}
	if diff := cmp.Diff([][]string{{"Campaign engine calls a day", "40000", "1000"}}, differing(stale)); diff != "" {
		t.Error(diff)
	}
	same := parse(t, send(http.StatusPreconditionFailed, "revision=0&campaignEngineCalls=40000")).one("section", "id", "budgets")
	if got := same.one("p", "class", "notice warn").text(); !strings.Contains(got, "The two say the same") {
		t.Errorf("the same: %q", got)
	}
	wrong := valuesOf(parse(t, send(http.StatusPreconditionFailed, "revision=0&campaignEngineCalls=1")).one("form", "action", "/settings/budgets"))
	wrong.Set("campaignEngineCalls", "many")
	send(http.StatusUnprocessableEntity, wrong.Encode())
	send(http.StatusBadRequest, "campaignEngineCalls=1")
	viewer := parse(t, g.want(http.StatusOK, "GET", "/settings", "", "Cookie", g.session(access.Viewer))).one("section", "id", "budgets")
	if len(viewer.all("form")) != 0 || !strings.Contains(viewer.text(), "40000") {
		t.Errorf("a viewer sees %q", viewer.text())
	}
}
