package admin_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// TestTrendOutlivesTheAdminService: what one admin service has sampled the next one shows, and two that sample the same
// minute leave one sample.
func TestTrendOutlivesTheAdminService(t *testing.T) {
	r := start(t, nil)
	trend, now := bus.NewTrend(r.conn), time.Now().UTC().Truncate(time.Minute)
	for _, s := range []struct {
		minutes int
		backlog uint64
	}{{180, 7}, {59, 0}, {40, 5000}, {40, 1}, {20, 120}} {
		sample := workflow.Sample{At: now.Add(-time.Duration(s.minutes) * time.Minute), Status: workflow.Running, Backlog: s.backlog, Settled: 3}
		if err := trend.Add(t.Context(), workflow.Ingress, sample); err != nil {
			t.Fatal(err)
		}
	}
	// Anybody can publish what is no sample, or one of tomorrow.
	for _, text := range []string{"nonsense", fmt.Sprintf(`{"at":%q,"backlog":99999}`, now.Add(24*time.Hour).Format(time.RFC3339))} {
		if err := r.conn.NATS().Publish(bus.TrendSubject(workflow.Ingress), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.conn.NATS().Flush(); err != nil {
		t.Fatal(err)
	}

	other := r.beside()
	view := into[backend.TrendView](t, other.want(http.StatusOK, "GET", "/api/v1/workflows/ingress/trend", ""))
	var backlogs []uint64
	for _, s := range view.Samples[:len(view.Samples)-1] { // The last one is of now, whoever took it first.
		backlogs = append(backlogs, s.Backlog)
	}
	if got := fmt.Sprint(backlogs); got != "[0 5000 120]" && got != "[0 5000 120 0]" { // A minute may have begun between the two.
		t.Errorf("the last hour: %v", got)
	}
	day := decoded[backend.TrendView](t, r.ask("causeway.api.workflows.ingress.trend", `{"hours":24}`))
	if other := into[backend.TrendView](t, other.get("/api/v1/workflows/ingress/trend?hours=24")); len(other.Samples) < 5 || other.Samples[0].Backlog != 7 || len(day.Samples) == 0 {
		t.Errorf("the day: %+v, over NATS %+v", other, day)
	}

	svg := parse(t, other.want(http.StatusOK, "GET", "/", "")).one("tr", "id", "row-ingress").one("svg", "class", "trend", "role", "img")
	label := fmt.Sprintf("Backlog over the last hour: 0 at %s, 0 now, at most 5,000 at %s UTC", now.Add(-59*time.Minute).Format("15:04"), now.Add(-40*time.Minute).Format("15:04"))
	if got := svg.attr("aria-label"); got != label {
		t.Errorf("label %q, want %q", got, label)
	}
	if line := svg.one("path", "class", "line").attr("d"); strings.Count(line, "M") < 3 {
		t.Errorf("gaps are drawn over: %s", line)
	}

	r.want(http.StatusNotFound, "GET", "/api/v1/workflows/nope/trend", "")
	r.want(http.StatusUnprocessableEntity, "GET", "/api/v1/workflows/ingress/trend?hours=25", "")
	if got := decoded[problems.Problem](t, r.ask("causeway.api.workflows.ingress.trend", `{"hours":25}`)); got.Status != 422 {
		t.Errorf("%+v", got)
	}
}

// TestTwoInstancesAreShown with their parts; a single one is not worth a line.
func TestTwoInstancesAreShown(t *testing.T) {
	r := start(t, nil)
	r.want(http.StatusAccepted, "POST", "/api/v1/workflows/ingress/start", "")
	r.beat(nil)
	r.until("one", workflow.Ingress, func(v workflow.View) bool { return len(v.Instances) == 1 })
	if got := parse(t, r.get("/")).one("tr", "id", "row-ingress").text(); strings.Contains(got, "instances") {
		t.Errorf("one instance: %q", got)
	}
	r.beat(func(hb *workflow.Heartbeat) {
		hb.Instance, hb.Role, hb.Status = "two<b>", workflow.Standby, workflow.Stopped
	})
	r.until("two", workflow.Ingress, func(v workflow.View) bool { return len(v.Instances) == 2 })
	list := parse(t, r.get("/")).one("tr", "id", "row-ingress").one("span", "class", "fact instances")
	if got := list.text(); got != "2 instances one active, RUNNING two<b> standby, STOPPED" {
		t.Errorf("two instances: %q", got)
	}
}
