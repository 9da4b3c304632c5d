package admin_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

const ada, bob = "0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"

func row(key string, version int64) record.Record {
	return record.Record{Source: "contact", Key: key, Op: record.Upsert, Version: version, ReadAt: time.Now(), Data: []byte(`{"lastname":"Lovelace"}`)}
}

// fill queues records of ingress.
func fill(t *testing.T, conn *bus.Conn, records ...record.Record) *bus.Queue {
	t.Helper()
	q := bus.NewQueue(conn, workflow.Ingress)
	on, err := q.Checkpoint(t.Context(), "contact")
	if err == nil {
		_, err = q.Append(t.Context(), "contact", records, on, record.Position("1"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// steps asks for the trace of a key in ingress.
func (r *rig) steps(key string) backend.WorkflowTrace {
	r.t.Helper()
	trace := into[backend.Trace](r.t, r.want(http.StatusOK, "GET", "/api/v1/trace?workflow=ingress&key="+key, ""))
	if len(trace.Workflows) != 1 || trace.Workflows[0].Workflow != workflow.Ingress {
		r.t.Fatalf("%+v", trace)
	}
	return trace.Workflows[0]
}

func states(w backend.WorkflowTrace) string {
	var words []string
	for _, s := range w.Steps {
		words = append(words, string(s.State))
	}
	return strings.Join(words, " ")
}

// TestWhereIsThisRecord follows one contact through the queue: waiting with its place, in the writer's hands, settled,
// parked, rejected.
func TestWhereIsThisRecord(t *testing.T) {
	r := start(t, nil)
	q := fill(t, r.conn, row(bob, 1), row(ada, 2), row(ada, 3))
	waiting := r.steps(ada)
	if got := states(waiting); got != "waiting waiting" || waiting.Steps[0].Version != 3 || waiting.Steps[0].Place != 3 || waiting.Steps[1].Place != 2 {
		t.Fatalf("%+v", waiting)
	}
	if waiting.Steps[1].Newer != waiting.Steps[0].Seq || !waiting.Search.Complete || waiting.Search.Of != 3 || !strings.Contains(waiting.Summary, "in place 3") {
		t.Errorf("%+v", waiting)
	}

	window, err := q.Open(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	var held []record.Delivery
	for len(held) < 3 {
		some, err := window.Next(t.Context(), 3-len(held))
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, some...)
	}
	if got := states(r.steps(ada)); got != "in-flight in-flight" {
		t.Errorf("handed out: %s", got)
	}

	// The first version is settled, the second rejected, the third parked.
	if err := q.Reject(t.Context(), held[2], "Campaign refused: lastName is too long", 1); err != nil {
		t.Fatal(err)
	}
	if err := q.Park(t.Context(), held[0], "its parent has not arrived"); err != nil {
		t.Fatal(err)
	}
	for _, d := range held {
		if err := d.Ack(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := window.Close(ctx); err != nil {
		t.Fatal(err)
	}
	r.until("all is settled but the parked one", workflow.Ingress, func(v workflow.View) bool { return v.Backlog == 1 && v.Failures == 1 })
	done := r.steps(ada)
	if got := states(done); got != "rejected settled" {
		t.Fatalf("settled: %+v", done)
	}
	if s := done.Steps[0]; s.Failure == 0 || s.Reason != "Campaign refused: lastName is too long" || s.Seq != held[2].Seq {
		t.Errorf("rejected %+v", s)
	}
	if s := done.Steps[1]; s.Newer != held[2].Seq || !s.SettledAfter.Equal(s.At) || !strings.HasPrefix(s.Text, "is settled") {
		t.Errorf("settled %+v", s)
	}
	parked := r.steps("{" + strings.ToUpper(bob) + "}")
	if got := states(parked); got != "parked put-aside" || parked.Steps[0].DueAt.IsZero() || !strings.HasPrefix(parked.Summary, "it waits for another record; it is looked at again at about ") {
		t.Errorf("parked: %s %+v", got, parked)
	}

	// The page says the same, leads to the rejected record, and tells no payload; so does NATS.
	page := parse(t, r.want(http.StatusOK, "GET", "/trace?key="+ada, ""))
	section := page.one("section", "id", "trace-ingress")
	section.one("a", "href", fmt.Sprintf("/failures/ingress/%d", done.Steps[0].Failure))
	if rows := section.one("tbody").all("tr"); len(rows) != 2 || !strings.Contains(rows[0].text(), "Was rejected. Campaign refused: lastName is too long.") {
		t.Errorf("page: %q", section.text())
	}
	over := decoded[backend.Trace](t, r.ask("causeway.api.trace", `{"key":"`+ada+`"}`))
	if len(over.Workflows) != 3 || states(over.Workflows[0]) != "rejected settled" || over.Workflows[1].Summary != "nothing is known of it; no record is kept" {
		t.Errorf("over NATS %+v", over)
	}
	for _, text := range []string{page.text(), r.get("/api/v1/trace?key=" + ada).text()} {
		if strings.Contains(text, "Lovelace") {
			t.Error("a payload is told")
		}
	}
}

// TestTracesOfNonsense: every bad question gets a good answer, on the page beside the field.
func TestTracesOfNonsense(t *testing.T) {
	r := start(t, nil)
	for query, status := range map[string]int{"": 422, "?key=": 422, "?key=%00": 422, "?key=" + strings.Repeat("x", 600): 422, "?key=%ff": 422, "?key=a&workflow=nope": 404} {
		r.want(status, "GET", "/api/v1/trace"+query, "")
	}
	page := parse(t, r.want(http.StatusUnprocessableEntity, "GET", "/trace?key="+strings.Repeat("x", 600), ""))
	if got := page.one("p", "id", "problem").text(); !strings.HasPrefix(got, "The key is longer than 512 bytes") || page.one("input", "id", "key").attr("aria-invalid") != "true" {
		t.Errorf("%q", got)
	}
	page = parse(t, r.want(http.StatusOK, "GET", "/trace?key=%3Cscript%3Ealert(1)%3C/script%3E", ""))
	if len(page.all("script")) != 1 || page.one("input", "id", "key").attr("value") != "<script>alert(1)</script>" {
		t.Error("a key put a script on the page")
	}
	if got := decoded[problems.Problem](t, r.ask("causeway.api.trace", `{"contact":"x"}`)); got.Status != 422 {
		t.Errorf("%+v", got)
	}
}

// TestViewersTrace sees where a record is; what leads to a payload, or to what was decided about a contact, is for operators.
func TestViewersTrace(t *testing.T) {
	g := startGuarded(t, nil)
	q := fill(t, g.conn, row(ada, 1))
	if err := q.Reject(t.Context(), record.Delivery{Record: row(ada, 1), Seq: 77}, "refused", 1); err != nil {
		t.Fatal(err)
	}
	ledger, err := bus.OpenLedger(t.Context(), g.conn, workflow.OptInOut)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Append(t.Context(), ada, []byte(`{"contact":"`+ada+`","phase":"note"}`), 0); err != nil {
		t.Fatal(err)
	}
	for role, leads := range map[access.Role]bool{access.Viewer: false, access.Operator: true} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var page node
		for found := false; !found; { // The failures are counted in the background.
			page = parse(t, g.want(http.StatusOK, "GET", "/trace?key="+ada, "", "Cookie", g.session(role)))
			found = strings.Contains(page.text(), "Was rejected") || ctx.Err() != nil
		}
		section := page.one("section", "id", "trace-ingress")
		if payload := len(section.all("a", "href", "/failures/ingress/1")) == 1; payload != leads {
			t.Errorf("%s: leads to the payload: %v", role, payload)
		}
		decided := page.one("section", "id", "trace-optinout")
		if !strings.Contains(decided.text(), "Opt-in or opt-out: noted.") || (len(decided.all("a")) == 1) != leads {
			t.Errorf("%s: %q", role, decided.text())
		}
	}
}
