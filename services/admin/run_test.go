package admin_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

func TestProbes(t *testing.T) {
	r := start(t, nil)
	r.want(http.StatusOK, "GET", "/healthz", "")
	if got := r.want(http.StatusOK, "GET", "/readyz", "").text(); !strings.Contains(got, `"ingress":"STOPPED"`) {
		t.Errorf("ready: %s", got)
	}
	if _, err := r.conn.JetStream().Publish(t.Context(), bus.RecordsSubject(workflow.Ingress, "contact"), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	r.until("the record", workflow.Ingress, func(v workflow.View) bool { return v.Backlog == 1 })
	metrics := r.want(http.StatusOK, "GET", "/metrics", "").text()
	for _, line := range []string{`causeway_backlog_records{state="pending",workflow="ingress"} 1`, `causeway_workflow_status{status="STOPPED",workflow="egress"} 1`,
		`causeway_workflow_status{status="RUNNING",workflow="egress"} 0`, `causeway_failed_records{workflow="optinout"} 0`} {
		if !strings.Contains(metrics, line) {
			t.Errorf("%s is missing", line)
		}
	}
}

// TestAPanicCostsOneRequest, wherever it comes from.
func TestAPanicCostsOneRequest(t *testing.T) {
	r := start(t, func(c *admin.Config) {
		c.Probes = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a secret in here") })
	})
	p := into[problems.Problem](t, r.want(http.StatusInternalServerError, "GET", "/metrics", ""))
	if strings.Contains(p.Detail, "secret") {
		t.Errorf("the cause got out: %+v", p)
	}
	r.want(http.StatusOK, "GET", "/", "")
}

func TestHostsAreChecked(t *testing.T) {
	r := start(t, func(c *admin.Config) { c.Hosts = []string{"Causeway.example"} })
	for host, status := range map[string]int{"causeway.example": 200, "causeway.example:8080": 200, "localhost:1": 200, "[::1]:8080": 200, "10.0.0.1": 200,
		"causeway.example.evil.example": 421, "": 200} {
		if host == "" {
			continue // The client's own.
		}
		if got := r.get("/", "Host", host).StatusCode; got != status {
			t.Errorf("%s: %d, want %d", host, got, status)
		}
	}
}

// TestMonitoringComesUnderAnyName: a scraper and a prober know the service by names of their own network. Metrics want their
// token all the same, and where nobody has to show one they stay behind the check.
func TestMonitoringComesUnderAnyName(t *testing.T) {
	t.Run("with users", func(t *testing.T) {
		g := startGuarded(t, func(c *admin.Config) { c.Hosts = []string{"causeway.example"} })
		g.want(http.StatusOK, "GET", "/metrics", "", "Host", "admin:8080", "Authorization", g.bearer(access.Viewer))
		g.want(http.StatusUnauthorized, "GET", "/metrics", "", "Host", "admin:8080")
		g.want(http.StatusOK, "GET", "/healthz", "", "Host", "admin:8080")
		g.want(http.StatusOK, "GET", "/readyz", "", "Host", "admin:8080")
		for _, path := range []string{"/", "/api/v1/workflows", "/metrics/", "/healthz/x"} {
			g.want(http.StatusMisdirectedRequest, "GET", path, "", "Host", "admin:8080", "Authorization", g.bearer(access.Viewer))
		}
	})
	t.Run("without users", func(t *testing.T) {
		r := start(t, nil)
		r.want(http.StatusOK, "GET", "/healthz", "", "Host", "causeway.internal")
		r.want(http.StatusMisdirectedRequest, "GET", "/metrics", "", "Host", "causeway.internal")
		r.want(http.StatusOK, "GET", "/metrics", "", "Host", "localhost")
	})
}

// TestTheBusGoesAway: the pages go on and say so, nothing is claimed to be done, and the service still stops.
func TestTheBusGoesAway(t *testing.T) {
	var lost func()
	r := start(t, func(c *admin.Config) {
		server := bustest.Server(t, "")
		c.NATS = bus.Options{InProcess: server.InProcess()}
		lost = server.Stop
	})
	lost()
	v := r.until("the trouble", workflow.Ingress, func(v workflow.View) bool { return strings.Contains(v.Reason, "NATS") })
	if v.Status != workflow.Stopped {
		t.Errorf("%+v", v)
	}
	p := into[problems.Problem](t, r.want(http.StatusServiceUnavailable, "POST", "/api/v1/workflows/ingress/start", ""))
	if !strings.Contains(p.Detail, "NATS") {
		t.Errorf("%+v", p)
	}
	r.want(http.StatusOK, "GET", "/", "")
	parse(t, r.want(http.StatusServiceUnavailable, "GET", "/workflows/ingress/edit", "")).one("p", "role", "alert")
	r.want(http.StatusServiceUnavailable, "GET", "/readyz", "")
	r.want(http.StatusOK, "GET", "/healthz", "")
}

func TestRunSaysWhyItCannot(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	err = admin.Run(t.Context(), admin.Config{Listen: taken.Addr().String()})
	if !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("an address that is taken: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	err = admin.Run(ctx, admin.Config{Listen: "127.0.0.1:0", NATS: bus.Options{URL: "nats://" + taken.Addr().String()}})
	if err == nil || errors.Is(err, http.ErrServerClosed) {
		t.Errorf("no NATS there: %v", err)
	}
}
