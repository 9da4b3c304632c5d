package e2e

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestRejectedRecords finds out in a browser why contacts did not arrive, and does something about each: one is mended and
// retried, the other dropped.
func TestRejectedRecords(t *testing.T) {
	eachWay(t, func(t *testing.T, b *browser) {
		in := newStandalone(t, 20)
		in.rejectLongPhones()
		if r, err := ask(http.MethodPost, in.admin+"/api/v1/workflows/ingress/start", ""); err != nil || r.status != http.StatusAccepted {
			t.Fatalf("start: %d %v", r.status, err)
		}
		in.untilStatus(patience, "RUNNING")
		in.until(patience, "the first load is over", func() bool { return len(in.profiles()) == 20 })
		ids := slices.Sorted(maps.Keys(in.contacts()))[:2]
		for _, id := range ids {
			in.patch(id, map[string]any{"telephone1": strings.Repeat("0123456789 ", 4)})
		}
		in.until(patience, "both are rejected", func() bool { return in.workflow("ingress").Failures >= 2 })

		b.visit(in.admin)
		b.leave(row + `a[href="/failures/ingress"]`)
		b.says("#groups", "column telephone1 does not fit field phone")
		b.leave(`#records a[href^="/failures/ingress/"]:not([download])`)
		b.says(".payload", "telephone1")
		b.leave(`nav a[href="/failures"]`)
		b.leave(`main a[href="/failures/ingress"]`)

		in.patch(ids[0], map[string]any{"telephone1": "0123"})
		b.fill("#key", ids[0])
		b.leave(".find button")
		b.until("one is found", `document.querySelectorAll("#records tbody tr").length === 1`)
		b.leave(`#records button[name=scope][value=matching]:not([formaction])`)
		b.says("#notice", "put back into the queue")
		in.until(patience, "it has arrived", func() bool { return in.profiles()[ids[0]]["phone"] == "0123" })

		b.visit(in.admin + "/failures/ingress")
		b.leave(`#records button[name=scope][value=all][formaction]`)
		b.says("h1", "Drop rejected records?")
		b.leave("main form button.primary")
		b.says("#notice", "dropped.")
		b.says(".empty", "No record was rejected.")
		b.quiet()
	})
}

// rejectLongPhones sets that phones which Campaign cannot take whole are rejected; by default they are cut.
func (in *installation) rejectLongPhones() {
	in.t.Helper()
	document := in.stored("ingress")
	for _, field := range document["mappings"].([]any)[0].(map[string]any)["fields"].([]any) {
		if field := field.(map[string]any); field["column"] == "telephone1" {
			field["tooLong"] = "reject"
		}
	}
	data, err := json.Marshal(document)
	if err != nil {
		in.t.Fatal(err)
	}
	in.configure(string(data), "*")
}
