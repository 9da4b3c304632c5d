package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

// TestPrivacyIsAcknowledgedOnce: an admin is shown the responsibilities first, with one button; who pressed it stands on
// About, in the API and in the history, and nobody is asked again, also not after a restart.
func TestPrivacyIsAcknowledgedOnce(t *testing.T) {
	t.Parallel()
	server := bustest.Server(t, "")
	r := launch(t, server, nil)
	page := parse(t, r.want(http.StatusOK, "GET", "/", ""))
	first := page.one("section", "aria-labelledby", "privacy-title")
	if text := first.text(); !strings.Contains(text, "controller") || !strings.Contains(text, "24 hours") || !strings.Contains(text, "30 days") || !strings.Contains(text, "400 days") || !strings.Contains(text, "90 days") {
		t.Errorf("the text: %s", text)
	}
	if form := first.one("form", "method", "post", "action", "/privacy"); len(form.all("button")) != 1 {
		t.Error("there is not one button")
	}
	if before := into[backend.PrivacyNotice](t, r.get("/api/v1/privacy")); before.Acknowledged || before.By != "" || len(before.Responsibilities) < 5 {
		t.Errorf("before: %+v", before)
	}
	r.want(http.StatusAccepted, "POST", "/api/v1/workflows/ingress/start", "") // Machines are kept from nothing.

	if to := r.want(http.StatusSeeOther, "POST", "/privacy", "").Header.Get("Location"); to != "/" {
		t.Errorf("leads to %q", to)
	}
	after := into[backend.PrivacyNotice](t, r.want(http.StatusOK, "POST", "/api/v1/privacy", ""))
	if !after.Acknowledged || after.By != "127.0.0.1" || after.Via != "page" || after.At.IsZero() {
		t.Errorf("after: %+v", after)
	}
	if len(parse(t, r.get("/")).all("section", "aria-labelledby", "privacy-title")) != 0 {
		t.Error("somebody is asked again")
	}
	entries := 0
	for _, cmd := range into[backend.CommandList](t, r.get("/api/v1/commands")).Commands {
		if cmd.Verb == workflow.PrivacyAcknowledged && cmd.By == "127.0.0.1" && cmd.Via == "page" && !cmd.Ignored {
			entries++
		}
	}
	if entries != len(workflow.All()) {
		t.Errorf("%d entries in the history", entries)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}

	r = launch(t, server, nil)
	if text := parse(t, r.get("/about")).one("dd", "id", "privacy").text(); !strings.Contains(text, "acknowledged by 127.0.0.1") {
		t.Errorf("About says %q", text)
	}
	if got := decoded[backend.PrivacyNotice](t, r.ask("causeway.api.privacy", "")); got.By != "127.0.0.1" {
		t.Errorf("over NATS: %+v", got)
	}
}

// TestPrivacyOverNATS records it for installations that are set up by scripts.
func TestPrivacyOverNATS(t *testing.T) {
	r := start(t, nil)
	if got := decoded[backend.PrivacyNotice](t, r.ask("causeway.api.privacy.acknowledge", "")); !got.Acknowledged || got.By != "unknown" || got.Via != "nats" {
		t.Errorf("%+v", got)
	}
	if len(parse(t, r.get("/")).all("section", "aria-labelledby", "privacy-title")) != 0 {
		t.Error("somebody is asked all the same")
	}
}

// TestViewersAreNotAsked: who cannot acknowledge sees the workflows, and may read the text.
func TestViewersAreNotAsked(t *testing.T) {
	g := startGuarded(t, nil)
	for _, role := range access.Roles() {
		asked := len(parse(t, g.want(http.StatusOK, "GET", "/", "", "Authorization", g.bearer(role))).all("section", "aria-labelledby", "privacy-title")) == 1
		if asked != (role == access.Admin) {
			t.Errorf("%s is asked: %v", role, asked)
		}
		if form := parse(t, g.want(http.StatusOK, "GET", "/privacy", "", "Authorization", g.bearer(role))).all("form", "action", "/privacy"); (len(form) == 1) != (role == access.Admin) {
			t.Errorf("%s has %d buttons", role, len(form))
		}
	}
}

// TestTheTextTellsTheConfiguredTime: decisions are kept as long as the configuration says, and the text says so.
func TestTheTextTellsTheConfiguredTime(t *testing.T) {
	r := start(t, nil)
	doc := config.DefaultOptInOut()
	doc.LedgerDays = 77
	data, err := config.Encode(doc)
	if err != nil {
		t.Fatal(err)
	}
	r.want(http.StatusOK, "PUT", "/api/v1/workflows/optinout/config", string(data), "If-Match", "*")
	if text := r.get("/api/v1/privacy").text(); !strings.Contains(text, "77 days") {
		t.Errorf("%s", text)
	}
}
