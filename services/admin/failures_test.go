package admin_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

const failuresPath = "/api/v1/workflows/ingress/failures"

// reject stores a failure as a writer does.
func (r *rig) reject(source, key, reason, row string) {
	r.t.Helper()
	rec := record.Record{Source: source, Key: key, Op: record.Upsert, Version: 1, ReadAt: time.Now(), Data: json.RawMessage(row)}
	if err := bus.NewQueue(r.conn, workflow.Ingress).Reject(r.t.Context(), record.Delivery{Record: rec, Raw: rec.Data, Seq: 7}, reason, 1); err != nil {
		r.t.Fatal(err)
	}
}

// rejected waits until a number of records is listed.
func (r *rig) rejected(want int, query string) backend.FailureList {
	r.t.Helper()
	var list backend.FailureList
	deadline := time.Now().Add(15 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
		list = into[backend.FailureList](r.t, r.want(http.StatusOK, "GET", failuresPath+query, ""))
		if list.Complete && len(list.Failures) == want {
			return list
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("never %d rejected records: %+v", want, list)
		}
	}
}

// some rejects three contacts for one cause, one of them twice, and one for another.
func (r *rig) some() backend.FailureList {
	r.t.Helper()
	for i := range 3 {
		key := fmt.Sprintf("key-000%d", i)
		r.reject("contact", key, "contact "+key+": the text has 70 characters", `{"lastname":"Secret <b>`+key+`</b>"}`)
	}
	r.reject("contact", "key-0001", "contact key-0001: the text has 71 characters", `{"lastname":"Secret"}`)
	r.reject("contact", "=other", "contact =other: no such value", `{"lastname":"Secret"}`)
	r.rejected(1, "?key=%3Dother")
	return r.rejected(4, "")
}

func (r *rig) retries() []string {
	r.t.Helper()
	retries, err := bus.NewQueue(r.conn, workflow.Ingress).Retries(r.t.Context(), "contact", 100)
	if err != nil {
		r.t.Fatal(err)
	}
	keys := []string{}
	for _, retry := range retries {
		keys = append(keys, retry.Key)
	}
	return keys
}

func TestFailuresOverHTTP(t *testing.T) {
	r := start(t, nil)
	r.rejected(0, "")
	list := r.some()
	if f := list.Failures[1]; f.Key != "key-0001" || f.Times != 2 || f.Payload != nil || list.Newest != list.Failures[0].Seq {
		t.Errorf("%+v", list)
	}
	if a := r.get(failuresPath); strings.Contains(a.text(), "Secret") {
		t.Errorf("the list holds a payload: %s", a.body)
	}
	groups := into[backend.FailureGroups](t, r.get(failuresPath+"/groups")).Groups
	if len(groups) != 2 || groups[0].Count != 4 || groups[0].Cause != "contact …: the text has N characters" {
		t.Fatalf("groups %+v", groups)
	}
	first := into[backend.FailureList](t, r.get(failuresPath+"?limit=3"))
	rest := into[backend.FailureList](t, r.get(fmt.Sprintf("%s?limit=3&before=%d", failuresPath, first.Next)))
	if len(first.Failures) != 3 || len(rest.Failures) != 1 || rest.Next != 0 || rest.Failures[0].Key != "key-0000" {
		t.Errorf("pages %+v and %+v", first, rest)
	}
	one := r.want(http.StatusOK, "GET", fmt.Sprintf("%s/%d", failuresPath, list.Failures[0].Seq), "")
	if f := into[workflow.Failure](t, one); f.Key != "=other" || !strings.Contains(one.text(), `"payload":{"lastname":"Secret"}`) {
		t.Errorf("one: %s", one.body)
	}

	retry := fmt.Sprintf("%s/%d/retry", failuresPath, list.Failures[1].Seq)
	job := into[backend.FailureJob](t, r.want(http.StatusAccepted, "POST", retry, ""))
	if want := (backend.FailureJob{Action: "retry", By: "127.0.0.1", Selected: 2, Removed: 2, Queued: 1, Done: true}); job != want {
		t.Errorf("retry %+v, want %+v", job, want)
	}
	r.want(http.StatusNotFound, "POST", retry, "")
	if keys := r.retries(); !reflect.DeepEqual(keys, []string{"key-0001"}) {
		t.Errorf("retries %q", keys)
	}
	r.want(http.StatusAccepted, "POST", failuresPath+"/retry?group="+groups[0].ID, "")
	if keys := r.retries(); len(keys) != 3 {
		t.Errorf("retries %q", keys)
	}
	r.rejected(1, "")
	r.reject("contact", "late", "contact late: no such value", `{}`)
	r.rejected(2, "")
	job = into[backend.FailureJob](t, r.want(http.StatusOK, "DELETE", fmt.Sprintf("%s?through=%d", failuresPath, list.Newest), ""))
	if job.Removed != 1 || job.Action != "drop" {
		t.Errorf("drop %+v", job)
	}
	late := r.rejected(1, "").Failures[0]
	r.want(http.StatusOK, "DELETE", fmt.Sprintf("%s/%d", failuresPath, late.Seq), "")
	r.rejected(0, "")
	if view := into[workflow.View](t, r.get("/api/v1/workflows/ingress")); view.Failures != 0 || view.Backlog != 3 { // The three retries.
		t.Errorf("%d failures, backlog %d", view.Failures, view.Backlog)
	}
	log := r.get("/api/v1/commands")
	entries := into[backend.CommandList](t, log).Commands
	if len(entries) != 4 || entries[3].Verb != workflow.FailuresRetried || entries[3].Note != "2 refusals" || entries[0].Verb != workflow.FailuresDropped ||
		entries[0].By != "127.0.0.1" || entries[2].Note != "2 refusals: contact …: the text has N characters" {
		t.Errorf("log %+v", entries)
	}
	if strings.Contains(log.text(), "key-00") || strings.Contains(log.text(), "Secret") { // invariant 9
		t.Errorf("the log names records: %s", log.body)
	}
}

func TestFailureProblems(t *testing.T) {
	r := start(t, nil)
	r.reject("account", "key-0001", "account key-0001: the table is not mapped any more", `{}`)
	r.reject("contact", "", "the record in the queue cannot be read", `garbage`)
	list := r.rejected(2, "")
	for _, tc := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/api/v1/workflows/nope/failures", 404},
		{"GET", "/api/v1/workflows/nope/failures/groups", 404},
		{"GET", failuresPath + "/999", 404},
		{"GET", failuresPath + "/x", 422},
		{"GET", failuresPath + "?limit=0", 422},
		{"POST", failuresPath + "/999/retry", 404},
		{"POST", fmt.Sprintf("%s/%d/retry", failuresPath, list.Failures[0].Seq), 409},
		{"POST", fmt.Sprintf("%s/%d/retry", failuresPath, list.Failures[1].Seq), 409},
		{"POST", failuresPath + "/retry", 409},
		{"DELETE", failuresPath + "/999", 404},
		{"DELETE", fmt.Sprintf("/api/v1/workflows/egress/failures/%d", list.Failures[0].Seq), 404},
	} {
		if a := r.do(tc.method, tc.path, ""); a.StatusCode != tc.status || into[problems.Problem](t, a).Detail == "" {
			t.Errorf("%s %s: %d %s, want %d", tc.method, tc.path, a.StatusCode, a.body, tc.status)
		}
	}
	if job := into[backend.FailureJob](t, r.want(http.StatusOK, "DELETE", failuresPath+"?key=nobody", "")); job.Selected != 0 || !job.Done {
		t.Errorf("nothing matches: %+v", job)
	}
	r.rejected(2, "")
}

func TestFailuresOverNATSAreThoseOverHTTP(t *testing.T) {
	r := start(t, nil)
	list := r.some()
	const root = "causeway.api.workflows.ingress.failures"
	if got := decoded[backend.FailureList](t, r.ask(root, `{"limit":3}`)); len(got.Failures) != 3 || !reflect.DeepEqual(got.Failures, into[backend.FailureList](t, r.get(failuresPath+"?limit=3")).Failures) {
		t.Errorf("list %+v", got)
	}
	if got := decoded[backend.FailureGroups](t, r.ask(root+".groups", "")); !reflect.DeepEqual(got, into[backend.FailureGroups](t, r.get(failuresPath+"/groups"))) {
		t.Errorf("groups %+v", got)
	}
	if got := decoded[backend.FailureList](t, r.ask(root, `{"key":"key-0002"}`)); len(got.Failures) != 1 {
		t.Errorf("by key %+v", got)
	}
	if got := r.ask(root, fmt.Sprintf(`{"seq":%d}`, list.Failures[0].Seq)); !strings.Contains(string(got.Data), "Secret") {
		t.Errorf("one %s", got.Data)
	}
	for _, tc := range []struct{ subject, body, code string }{
		{root + ".retry", "", "422"}, {root + ".drop", "{}", "422"}, {root + ".drop", `{"everything":true}`, "422"}, {root, "[", "422"},
		{root + ".retry", `{"seq":999}`, "404"}, {"causeway.api.workflows.nope.failures", "", "404"},
	} {
		if got := r.ask(tc.subject, tc.body).Header.Get(micro.ErrorCodeHeader); got != tc.code {
			t.Errorf("%s %s: code %q, want %s", tc.subject, tc.body, got, tc.code)
		}
	}
	if job := decoded[backend.FailureJob](t, r.ask(root+".retry", `{"key":"key-0002"}`)); job.Removed != 1 || job.By != "unknown" {
		t.Errorf("retry %+v", job)
	}
	if job := decoded[backend.FailureJob](t, r.ask(root+".drop", `{"all":true}`)); job.Removed != 4 || !job.Done {
		t.Errorf("drop %+v", job)
	}
	r.rejected(0, "")
}

// send posts a form.
func (r *rig) send(status int, path string, form url.Values) answer {
	r.t.Helper()
	return r.want(status, "POST", path, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

func TestFailuresPage(t *testing.T) {
	r := start(t, nil)
	page := parse(t, r.want(http.StatusOK, "GET", "/failures/ingress", ""))
	if got := page.one("p", "class", "empty").text(); got != "No record was rejected." {
		t.Errorf("empty: %q", got)
	}
	list := r.some()
	a := r.want(http.StatusOK, "GET", "/failures/ingress", "")
	checkPage(t, "/failures/ingress", a, parse(t, a))
	page = parse(t, a)
	if strings.Contains(a.text(), "Secret") {
		t.Error("the list shows payloads")
	}
	if n := len(page.one("table", "id", "groups").one("tbody").all("tr")); n != 2 {
		t.Errorf("%d groups", n)
	}
	rows := page.one("form", "id", "records").one("tbody").all("tr")
	if len(rows) != 4 || !strings.Contains(rows[1].text(), "in 2 refusals") {
		t.Errorf("%d rows", len(rows))
	}
	link := rows[3].one("a").attr("href")
	a = r.want(http.StatusOK, "GET", link, "")
	checkPage(t, link, a, parse(t, a))
	if got := parse(t, a).one("pre").text(); !strings.Contains(got, "Secret <b>key-0000</b>") {
		t.Errorf("payload %q", got)
	}
	found := parse(t, r.want(http.StatusOK, "GET", "/failures/ingress?key=KEY-0002", ""))
	if n := len(found.one("form", "id", "records").one("tbody").all("tr")); n != 1 || found.one("input", "id", "key").attr("value") != "KEY-0002" {
		t.Errorf("%d rows found", n)
	}
	r.until("they are counted", workflow.Ingress, func(v workflow.View) bool { return v.Failures == 5 })
	front := parse(t, r.want(http.StatusOK, "GET", "/", ""))
	r.want(http.StatusOK, "GET", front.one("tr", "id", "row-ingress").one("span", "class", "fact bad").one("a").attr("href"), "")
	r.want(http.StatusOK, "GET", "/failures", "")
	r.want(http.StatusNotFound, "GET", "/failures/nope", "")
	r.want(http.StatusNotFound, "GET", "/failures/ingress/999", "")
	r.want(http.StatusNotFound, "GET", "/failures/ingress/nope", "")

	// Nothing ticked is not everything.
	if got := parse(t, r.send(http.StatusUnprocessableEntity, "/failures/ingress/retry", url.Values{"scope": {"selected"}})).one("*", "id", "notice").text(); !strings.HasPrefix(got, "Nothing was selected") {
		t.Errorf("notice %q", got)
	}
	r.send(http.StatusBadRequest, "/failures/ingress/drop", url.Values{})
	r.rejected(4, "")
	seq := fmt.Sprint(list.Failures[1].Seq)
	a = r.send(http.StatusSeeOther, "/failures/ingress/retry", url.Values{"scope": {"selected"}, "seq": {seq}})
	page = parse(t, r.want(http.StatusOK, "GET", a.Header.Get("Location"), ""))
	if got := page.one("*", "id", "notice").text(); got != "2 refusals put back into the queue." {
		t.Errorf("notice %q", got)
	}
	if got := parse(t, r.send(http.StatusNotFound, "/failures/ingress/retry", url.Values{"scope": {"selected"}, "seq": {seq}})).one("*", "id", "notice").text(); !strings.Contains(got, "retried, dropped or has expired") {
		t.Errorf("a second time: %q", got)
	}
	r.want(http.StatusForbidden, "POST", "/failures/ingress/retry", "scope=all", "Sec-Fetch-Site", "cross-site", "Content-Type", "application/x-www-form-urlencoded")
	r.send(http.StatusNotFound, "/failures/nope/retry", url.Values{"scope": {"all"}})
}

// TestDroppingAsksOnce and repeats the form in its confirmation.
func TestDroppingAsksOnce(t *testing.T) {
	r := start(t, nil)
	r.some()
	page := parse(t, r.want(http.StatusOK, "GET", "/failures/ingress", ""))
	form := page.one("table", "id", "groups").one("tbody").all("tr")[0].one("form")
	values := url.Values{}
	for _, input := range form.all("input") {
		values.Add(input.attr("name"), input.attr("value"))
	}
	ask := parse(t, r.send(http.StatusOK, "/failures/ingress/drop", values))
	if got := ask.one("p", "role", "alert").text(); !strings.HasPrefix(got, "4 refusals of Dynamics 365 to Campaign (contact …") {
		t.Errorf("question %q", got)
	}
	r.rejected(4, "")
	confirmed := url.Values{}
	for _, input := range ask.one("main").all("input") {
		confirmed.Add(input.attr("name"), input.attr("value"))
	}
	a := r.send(http.StatusSeeOther, ask.one("main").one("form").attr("action"), confirmed)
	if got := parse(t, r.get(a.Header.Get("Location"))).one("*", "id", "notice").text(); got != "4 refusals dropped." {
		t.Errorf("notice %q", got)
	}
	if left := r.rejected(1, ""); left.Failures[0].Key != "=other" {
		t.Errorf("left %+v", left)
	}
}

func TestFailuresAsCSV(t *testing.T) {
	r := start(t, nil)
	r.some()
	a := r.want(http.StatusOK, "GET", "/failures/ingress/export.csv", "")
	lines, err := csv.NewReader(strings.NewReader(a.text())).ReadAll()
	if err != nil || len(lines) != 6 || lines[0][3] != "key" || lines[1][3] != "key-0000" || lines[5][3] != "'=other" {
		t.Errorf("%q, %v", lines, err)
	}
	if strings.Contains(a.text(), "Secret") || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%s %v", a.body, a.Header)
	}
	if a := r.want(http.StatusOK, "GET", "/failures/ingress/export.csv?key=key-0002", ""); strings.Count(a.text(), "\n") != 2 {
		t.Errorf("by key: %s", a.body)
	}
	r.want(http.StatusNotFound, "GET", "/failures/nope/export.csv", "")
}

// TestAMistypedChoiceIsNotEverything: what is dropped is gone for good.
func TestAMistypedChoiceIsNotEverything(t *testing.T) {
	r := start(t, nil)
	for _, query := range []string{"?grup=5d93", "?group=", "?key=&source=contact", "?all=true", "?key=%20", "?source=%20&key=a", "?through=0"} {
		for _, request := range [][2]string{{http.MethodDelete, "/api/v1/workflows/ingress/failures"}, {http.MethodPost, "/api/v1/workflows/ingress/failures/retry"}} {
			r.want(http.StatusUnprocessableEntity, request[0], request[1]+query, "")
		}
	}
	r.want(http.StatusOK, http.MethodDelete, "/api/v1/workflows/ingress/failures", "")
}
