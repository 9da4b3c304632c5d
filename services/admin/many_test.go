package admin_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// mappings is a document of many mappings, each with faults of its own.
func mappings(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`{"table":"t%d","resource":"r%d","fields":[]}`, i, i)
	}
	return `{"mappings":[` + strings.Join(all, ",") + `]}`
}

// TestTenThousandMappings: a document far beyond what is allowed is refused with its faults, as many as somebody can read
// and the number of the rest, over HTTP, over NATS and on the page.
func TestTenThousandMappings(t *testing.T) {
	r := start(t, nil)
	const path = "/api/v1/workflows/ingress/config"
	before := r.get(path)
	tag, document := before.Header.Get("ETag"), mappings(10_000)
	judge := func(where string, p problems.Problem, size int) {
		t.Helper()
		if p.Status != http.StatusUnprocessableEntity || len(p.Errors) != 100 || p.More < 10_000 || !strings.Contains(p.Detail, backend.Counted(uint64(p.More+100), "fault")) || size > 64<<10 {
			t.Errorf("%s: %d bytes, status %d, %d errors and %d more, %s", where, size, p.Status, len(p.Errors), p.More, p.Detail)
		}
	}
	a := r.do("PUT", path, document, "If-Match", tag)
	judge("HTTP", into[problems.Problem](t, a), len(a.body))
	request := fmt.Sprintf(`{"revision":%s,"document":%s}`, strings.Trim(tag, `"`), document)
	msg, err := r.conn.NATS().Request("causeway.api.workflows.ingress.config", []byte(request), time.Minute) // The race detector takes its time.
	if err != nil {
		t.Fatal(err)
	}
	if judge("NATS", decoded[problems.Problem](t, msg), len(msg.Data)); msg.Header.Get(micro.ErrorCodeHeader) != "422" {
		t.Errorf("NATS: %v", msg.Header)
	}
	page := r.send(http.StatusUnprocessableEntity, "/workflows/ingress/document", url.Values{"revision": {strings.Trim(tag, `"`)}, "document": {document}})
	if shown := parse(t, page); len(shown.all("li")) > 400 || !strings.Contains(shown.text(), "faults") || len(page.body) > 3<<20 {
		t.Errorf("the page has %d bytes and %d lines", len(page.body), len(shown.all("li")))
	}
	if after := r.get(path); after.Header.Get("ETag") != tag || after.text() != before.text() {
		t.Error("something was stored all the same")
	}
}

// TestManyMappingsThatAreStored: who can write to the bus can put such a document there. It is shown, it can be
// mended, and nothing starts with it.
func TestManyMappingsThatAreStored(t *testing.T) {
	r := start(t, nil)
	configs := bus.NewConfigs(r.conn)
	latest, err := configs.Latest(t.Context(), workflow.Ingress)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := configs.Put(t.Context(), workflow.Ingress, []byte(mappings(*scaleMappings)), latest.Number, "somebody"); err != nil {
		t.Fatal(err)
	}
	tag := r.want(http.StatusOK, "GET", "/api/v1/workflows/ingress/config", "").Header.Get("ETag")
	for _, path := range []string{"/", "/workflows/ingress/edit", "/workflows/ingress/document", "/workflows/ingress/mappings/t1/edit", "/api/v1/workflows", "/api/v1/workflows/ingress/config/revisions", "/history"} {
		if a := r.want(http.StatusOK, "GET", path, ""); len(a.body) > 24<<20 {
			t.Errorf("%s answers with %d KB", path, len(a.body)>>10)
		}
	}
	r.want(http.StatusOK, "PUT", "/api/v1/workflows/ingress/config", string(latest.Document), "If-Match", tag)
}
