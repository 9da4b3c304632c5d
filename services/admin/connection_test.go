package admin_test

import (
	"context"
	"encoding/json"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/catalog"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/seal"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

const (
	dynamicsDocument = `{"url":"https://contoso.crm4.dynamics.com","tenant":"contoso","clientId":"app","clientSecret":"very-secret-indeed"}`
	theSecret        = "very-secret-indeed"
)

// keyed is a service with a key of its own.
func keyed(t *testing.T) (*rig, *seal.Key) {
	t.Helper()
	key, err := seal.Create(filepath.Join(t.TempDir(), "connections.key"))
	if err != nil {
		t.Fatal(err)
	}
	return start(t, func(cfg *admin.Config) { cfg.Key = key }), key
}

// TestConnectionsOverHTTP: revisions and faults as for configurations; the secret is sealed where it is stored, is kept
// when it is not given, and is shown nowhere (invariant 9).
func TestConnectionsOverHTTP(t *testing.T) {
	r, key := keyed(t)
	const path = "/api/v1/connections/dynamics"
	if got := r.want(200, "GET", path, "").Header.Get("ETag"); got != `"0"` {
		t.Errorf("nothing is stored: ETag %s", got)
	}
	r.want(404, "GET", "/api/v1/connections/ftp", "")
	r.want(428, "PUT", path, dynamicsDocument)
	problem := into[problems.Problem](t, r.want(422, "PUT", path, `{"url":"x","tenant":"t"}`, "If-Match", `"0"`))
	var places []string
	for _, one := range problem.Errors {
		places = append(places, one.Location)
	}
	if diff := cmp.Diff([]string{"url", "clientId", "clientSecret"}, places); diff != "" {
		t.Error(diff)
	}
	stored := r.want(200, "PUT", path, dynamicsDocument, "If-Match", `"0"`)
	r.want(412, "PUT", path, dynamicsDocument, "If-Match", `"0"`)
	if strings.Contains(stored.text(), theSecret) || !strings.Contains(stored.text(), `"clientSecret":{"set":true`) {
		t.Errorf("the answer is %s", stored.text())
	}
	raw, err := bus.NewConnections(r.conn).Latest(t.Context(), "dynamics")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(raw.Connection)
	if strings.Contains(string(text), theSecret) {
		t.Errorf("the bucket holds the secret: %s", text)
	}
	if opened, err := key.Open(raw.Connection.Purpose("dynamics", "clientSecret"), raw.Connection.Secrets["clientSecret"].Sealed); err != nil || opened != theSecret {
		t.Errorf("it opens to %q: %v", opened, err)
	}
	// What a GET shows can be sent back: nothing changes. An edit keeps the secret, another address asks for it.
	same := r.want(200, "PUT", path, stored.text(), "If-Match", "*")
	if same.Header.Get("ETag") != stored.Header.Get("ETag") {
		t.Error("the same was stored again")
	}
	edited := r.want(200, "PUT", path, strings.Replace(stored.text(), `"app"`, `"other"`, 1), "If-Match", stored.Header.Get("ETag"))
	if !strings.Contains(edited.text(), `"set":true`) {
		t.Errorf("the secret was not kept: %s", edited.text())
	}
	moved := r.want(422, "PUT", path, strings.Replace(stored.text(), "contoso.crm4", "evil", 1), "If-Match", "*")
	if !strings.Contains(moved.text(), `"location":"clientSecret"`) {
		t.Errorf("another address: %s", moved.text())
	}
	history := r.get("/api/v1/commands").text() + r.get("/history").text() + r.get("/settings").text() + r.get("/api/v1/connections").text()
	if strings.Contains(history, theSecret) || !strings.Contains(history, "dynamics.clientSecret set") {
		t.Error("the history does not tell who set the secret, or something shows it")
	}
	r.want(200, "PUT", path, `{"clientSecret":""}`, "If-Match", "*")
	if list := into[backend.ConnectionList](t, r.get("/api/v1/connections")); len(list.Connections) != 3 || list.Connections[0].SetUp {
		t.Errorf("after it was removed: %+v", list)
	}
}

func TestConnectionsWithoutAKey(t *testing.T) {
	r := start(t, nil)
	answer := r.want(409, "PUT", "/api/v1/connections/dynamics", dynamicsDocument, "If-Match", `"0"`)
	if !strings.Contains(answer.text(), "CAUSEWAY_CONNECTIONS_KEY_FILE") || strings.Contains(answer.text(), theSecret) {
		t.Errorf("it says %s", answer.text())
	}
}

// answers lets the test answer questions as a workflow's service would.
func (r *rig) answers(id workflow.ID, questions map[string]bus.Question) {
	r.t.Helper()
	stop, err := bus.AnswerQuestions(r.t.Context(), r.conn, id, questions)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(stop)
}

// TestConnectionTests: a draft reaches the service with its secret sealed, faults of it are told without asking anybody,
// and the report comes back as it is.
func TestConnectionTests(t *testing.T) {
	r, key := keyed(t)
	const path = "/api/v1/connections/dynamics/test"
	r.want(503, "POST", path, "")
	asked := make(chan string, 10)
	report := catalog.TestReport{Steps: []catalog.TestStep{{Name: "Sign-in", Detail: "refused", Fix: "give another"}}}
	r.answers(workflow.Egress, map[string]bus.Question{catalog.AskTestConnection: func(_ context.Context, request []byte) (any, error) {
		asked <- string(request)
		return report, nil
	}})
	if diff := cmp.Diff(report, into[catalog.TestReport](t, r.want(200, "POST", path, ""))); diff != "" {
		t.Error(diff)
	}
	if q := <-asked; strings.Contains(q, "draft") {
		t.Errorf("without a draft it asked %s", q)
	}
	r.want(200, "POST", path, dynamicsDocument)
	q := <-asked
	var question catalog.ConnectionTest
	if err := json.Unmarshal([]byte(q), &question); err != nil || question.Draft == nil || strings.Contains(q, theSecret) {
		t.Fatalf("asked %s: %v", q, err)
	}
	if opened, err := key.Open(question.Draft.Purpose("dynamics", "clientSecret"), question.Draft.Secrets["clientSecret"].Sealed); err != nil || opened != theSecret {
		t.Errorf("the draft's secret opens to %q: %v", opened, err)
	}
	wrong := into[catalog.TestReport](t, r.want(200, "POST", path, `{"url":"x"}`))
	if wrong.OK || len(wrong.Steps) < 2 || len(asked) > 0 {
		t.Errorf("a draft with faults: %+v, %d asked", wrong, len(asked))
	}
	r.want(422, "POST", path, `{"nonsense":1}`)
	if stored, err := bus.NewConnections(r.conn).Latest(t.Context(), "dynamics"); err != nil || stored.Number != 0 {
		t.Errorf("a test stored something: %+v %v", stored, err)
	}
}

// TestConnectionsOverNATS: the same answers and checks.
func TestConnectionsOverNATS(t *testing.T) {
	r, _ := keyed(t)
	ask := func(subject, body string) (string, string) {
		t.Helper()
		reply, err := r.conn.NATS().Request(subject, []byte(body), 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return string(reply.Data), reply.Header.Get("Nats-Service-Error-Code")
	}
	if _, code := ask("causeway.api.connections.dynamics", `{"revision":0,"document":`+dynamicsDocument+`}`); code != "" {
		t.Errorf("storing: %s", code)
	}
	if _, code := ask("causeway.api.connections.dynamics", `{"revision":0,"document":`+dynamicsDocument+`}`); code != "412" {
		t.Errorf("storing on an old revision: %s", code)
	}
	if _, code := ask("causeway.api.connections.ftp", ""); code != "404" {
		t.Errorf("no such connection: %s", code)
	}
	if _, code := ask("causeway.api.connections.dynamics.test", ""); code != "503" {
		t.Errorf("a test that nobody can do: %s", code)
	}
	for _, subject := range []string{"causeway.api.connections", "causeway.api.connections.dynamics"} {
		if text, code := ask(subject, ""); code != "" || strings.Contains(text, theSecret) || !strings.Contains(text, `"set":true`) {
			t.Errorf("%s: %s %s", subject, text, code)
		}
	}
}

// TestStartNeedsItsConnections: a start is disabled while a living service says that a connection is set up nowhere, and
// an edit of one that a run uses awaits a restart.
func TestStartNeedsItsConnections(t *testing.T) {
	r, _ := keyed(t)
	say := func(uses map[string]workflow.ConnectionUse) {
		r.beat(func(hb *workflow.Heartbeat) { hb.Connections = uses })
	}
	say(map[string]workflow.ConnectionUse{"dynamics": {}, "campaign": {}, "sftp": {}})
	view := r.until("a start without connections is disabled", workflow.Ingress, func(v workflow.View) bool {
		return strings.Contains(v.Actions.Start.Reason, "the connections to Dynamics 365 and Adobe Campaign are not set up")
	})
	if view.Actions.Start.Enabled {
		t.Error("it is enabled")
	}
	r.want(409, "POST", "/api/v1/workflows/ingress/start", "")
	if !strings.Contains(r.get("/").text(), "First steps") {
		t.Error("the front page does not lead through")
	}
	r.want(200, "PUT", "/api/v1/connections/dynamics", dynamicsDocument, "If-Match", "*")
	say(map[string]workflow.ConnectionUse{"campaign": {Environment: true}})
	r.until("connected by bucket and environment", workflow.Ingress, func(v workflow.View) bool { return v.Actions.Start.Enabled })
	if !strings.Contains(r.get("/").text(), `class="done"`) {
		t.Error("the front page does not say that the first step is done")
	}
	stored, err := bus.NewConnections(r.conn).Latest(t.Context(), config.ConnectionDynamics)
	if err != nil {
		t.Fatal(err)
	}
	use := map[string]workflow.ConnectionUse{"campaign": {Environment: true}, "dynamics": {Revision: stored.Number}}
	say(use)
	r.until("runs on what is stored", workflow.Ingress, func(v workflow.View) bool { return len(v.PendingChanges) == 0 })
	r.want(200, "PUT", "/api/v1/connections/dynamics", strings.Replace(dynamicsDocument, "app", "other", 1), "If-Match", "*")
	say(use)
	view = r.until("the edit awaits a restart", workflow.Ingress, func(v workflow.View) bool { return len(v.PendingChanges) > 0 })
	if diff := cmp.Diff([]string{"connection dynamics changed"}, view.PendingChanges); diff != "" || !view.RestartRequired {
		t.Error(diff)
	}
}

// TestSettingsPage: a form works without a script, shows faults beside their fields, keeps what was typed but for secrets,
// and shows what the environment sets read-only.
func TestSettingsPage(t *testing.T) {
	r, _ := keyed(t)
	r.answers(workflow.Ingress, map[string]bus.Question{
		catalog.AskConnections: func(context.Context, []byte) (any, error) {
			return []catalog.ConnectionInUse{{Name: "campaign", Process: "ingress (one)", Settings: map[string]string{"url": "https://mc.adobe.io/acme"}, Secrets: []string{"clientSecret"}}}, nil
		},
		catalog.AskTestConnection: func(context.Context, []byte) (any, error) {
			return catalog.TestReport{OK: true, Steps: []catalog.TestStep{{Name: "Sign-in", OK: true, Detail: "a token was granted"}}}, nil
		},
	})
	page := r.get("/settings").text()
	for _, want := range []string{`action="/settings/dynamics"`, `type="password"`, "Set by the environment of ingress (one)", "https://mc.adobe.io/acme"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, `action="/settings/campaign"`) {
		t.Error("what the environment sets can be edited")
	}
	form := url.Values{"revision": {"0"}, "draft": {"yes"}, "url": {"no address"}, "clientId": {"typed"}, "clientSecret": {theSecret}}
	const kind = "application/x-www-form-urlencoded"
	wrong := r.want(422, "POST", "/settings/dynamics", form.Encode(), "Content-Type", kind).text()
	if !strings.Contains(wrong, `value="typed"`) || !strings.Contains(wrong, `aria-invalid="true"`) || !strings.Contains(wrong, "such as https://contoso.crm4.dynamics.com") || strings.Contains(wrong, theSecret) {
		t.Errorf("the form with faults: %s", wrong)
	}
	form.Set("url", "https://contoso.crm4.dynamics.com")
	form.Set("tenant", "contoso")
	tested := r.want(200, "POST", "/settings/dynamics/test", form.Encode(), "Content-Type", kind).text()
	if !strings.Contains(tested, "Everything works") || !strings.Contains(tested, "type it once more") || strings.Contains(tested, theSecret) {
		t.Errorf("the test: %s", tested)
	}
	saved := r.want(303, "POST", "/settings/dynamics", form.Encode(), "Content-Type", kind)
	if page := r.get(saved.Header.Get("Location")).text(); !strings.Contains(page, "The connection to Dynamics 365 is saved") || !strings.Contains(page, "set, leave empty to keep") {
		t.Errorf("after saving: %s", page)
	}
	form.Del("clientSecret")
	stale := r.want(412, "POST", "/settings/dynamics", form.Encode(), "Content-Type", kind).text()
	if !strings.Contains(stale, "<strong>Save</strong> replaces it") {
		t.Errorf("an edit on an old revision: %s", stale)
	}
}

// TestATypedSecretIsNotForgottenSilently: one that was typed before is not shown again, and an empty field in its place is
// no longer the wish to keep what is stored, unless somebody says so.
func TestATypedSecretIsNotForgottenSilently(t *testing.T) {
	r, key := keyed(t)
	r.answers(workflow.Ingress, map[string]bus.Question{catalog.AskTestConnection: func(context.Context, []byte) (any, error) {
		return catalog.TestReport{OK: true}, nil
	}})
	const hint = "It was typed before and is not shown again: type it once more."
	shown := func(page node) (form url.Values, hinted, faulty, offered bool) {
		t.Helper()
		section := page.one("section", "id", "dynamics")
		if strings.Contains(section.text(), "set, leave empty to keep") {
			t.Error("it still offers to leave it empty")
		}
		secret := section.one("input", "type", "password")
		if secret.attr("value") != "" {
			t.Error("the secret is shown")
		}
		return valuesOf(section.one("form")), strings.Contains(section.one("p", "id", "dynamics-clientSecret-hint").text(), hint), secret.attr("aria-invalid") == "true",
			len(section.all("input", "type", "checkbox", "name", "keep")) == 1
	}
	send := func(status int, path string, form url.Values) answer {
		t.Helper()
		return r.want(status, "POST", path, form.Encode(), "Content-Type", formType)
	}
	storedSecret := func() string {
		t.Helper()
		raw, err := bus.NewConnections(r.conn).Latest(t.Context(), "dynamics")
		if err != nil {
			t.Fatal(err)
		}
		opened, err := key.Open(raw.Connection.Purpose("dynamics", "clientSecret"), raw.Connection.Secrets["clientSecret"].Sealed)
		if err != nil {
			t.Fatal(err)
		}
		return opened
	}

	// Nothing is stored yet: nothing can be kept.
	form := valuesOf(parse(t, r.get("/settings")).one("form", "action", "/settings/dynamics"))
	for name, value := range map[string]string{"url": "no address", "tenant": "contoso", "clientId": "app", "clientSecret": theSecret} {
		form.Set(name, value)
	}
	form, hinted, faulty, offered := shown(parse(t, send(422, "/settings/dynamics", form)))
	if !hinted || faulty || offered {
		t.Errorf("after a fault elsewhere: hint %t, fault %t, offer to keep %t", hinted, faulty, offered)
	}
	form.Set("url", "https://contoso.crm4.dynamics.com")
	form, hinted, faulty, offered = shown(parse(t, send(422, "/settings/dynamics", form)))
	if !hinted || !faulty || offered {
		t.Errorf("saved without it: hint %t, fault %t, offer to keep %t", hinted, faulty, offered)
	}
	form.Set("clientSecret", theSecret)
	form, hinted, faulty, _ = shown(parse(t, send(200, "/settings/dynamics/test", form)))
	if !hinted || faulty {
		t.Errorf("after a test: hint %t, fault %t", hinted, faulty)
	}
	form.Set("clientSecret", theSecret)
	send(303, "/settings/dynamics", form)

	// Another one is typed, and the form is refused: what is stored is kept only when somebody says so.
	form = valuesOf(parse(t, r.get("/settings")).one("form", "action", "/settings/dynamics"))
	if form.Has("retype") {
		t.Error("a page that was just opened asks for a secret again")
	}
	form.Set("clientId", "")
	form.Set("clientSecret", "another-one")
	form, _, _, offered = shown(parse(t, send(422, "/settings/dynamics", form)))
	if !offered {
		t.Error("what is stored cannot be kept")
	}
	form.Set("clientId", "other")
	for path, status := range map[string]int{"/settings/dynamics": 422, "/settings/dynamics/test": 422} {
		answer := send(status, path, form)
		if _, _, faulty, _ := shown(parse(t, answer)); !faulty || !strings.Contains(answer.text(), "Was typed before and is not shown again. Type it once more.") {
			t.Errorf("%s without it: %s", path, answer.text())
		}
	}
	form.Set("keep", "clientSecret")
	form, _, _, _ = shown(parse(t, send(200, "/settings/dynamics/test", form)))
	if form.Get("keep") != "clientSecret" {
		t.Error("that it is to be kept is forgotten")
	}
	send(303, "/settings/dynamics", form)
	if got := storedSecret(); got != theSecret {
		t.Errorf("kept %q", got)
	}

	// A secret that is typed counts, whatever is ticked.
	form = valuesOf(parse(t, r.get("/settings")).one("form", "action", "/settings/dynamics"))
	form["retype"], form["keep"] = []string{"clientSecret"}, []string{"clientSecret"}
	form.Set("clientSecret", "another-one")
	send(303, "/settings/dynamics", form)
	if got := storedSecret(); got != "another-one" {
		t.Errorf("stored %q", got)
	}
}

// differing reads the table of what differs: label, stored and typed.
func differing(section node) [][]string {
	rows := [][]string{}
	for _, table := range section.all("table", "class", "log stack differ") {
		for _, row := range table.one("tbody").all("tr") {
			cells := []string{row.one("th").text()}
			for _, cell := range row.all("td") {
				cells = append(cells, cell.text())
			}
			rows = append(rows, cells)
		}
	}
	return rows
}

// TestTwoAdminsEditAConnection: who comes second sees what the first has stored beside what he typed, of secrets only that
// there is one, and a test in between hides nothing.
func TestTwoAdminsEditAConnection(t *testing.T) {
	r, _ := keyed(t)
	r.answers(workflow.Ingress, map[string]bus.Question{catalog.AskTestConnection: func(context.Context, []byte) (any, error) {
		return catalog.TestReport{OK: true}, nil
	}})
	section := func(status int, path string, form url.Values) (node, url.Values) {
		t.Helper()
		section := parse(t, r.want(status, "POST", path, form.Encode(), "Content-Type", formType)).one("section", "id", "dynamics")
		return section, valuesOf(section.one("form"))
	}
	mine := valuesOf(parse(t, r.get("/settings")).one("form", "action", "/settings/dynamics"))
	r.want(200, "PUT", "/api/v1/connections/dynamics", dynamicsDocument, "If-Match", `"0"`)
	for name, value := range map[string]string{"url": " https://contoso.crm4.dynamics.com ", "clientId": "mine", "clientSecret": theSecret, "tokenUrl": "https://sts.contoso.com/token"} {
		mine.Set(name, value)
	}
	_, mine = section(200, "/settings/dynamics/test", mine)
	mine.Set("clientSecret", theSecret)
	told, mine := section(412, "/settings/dynamics", mine)
	stored := func() backend.ConnectionState {
		return into[backend.ConnectionList](t, r.get("/api/v1/connections")).Connections[0]
	}
	rows := differing(told)
	if len(rows) == 4 && strings.HasPrefix(rows[2][1], "a secret, since ") {
		rows[2][1] = "a secret"
	}
	want := [][]string{{"Tenant", "contoso", "nothing"}, {"Client id", "app", "mine"}, {"Client secret", "a secret", "a secret"}, {"Token endpoint", "nothing", "https://sts.contoso.com/token"}}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
	if text := told.text(); !strings.Contains(text, "What is stored now was saved by 127.0.0.1 on "+backend.Clock(stored().At)) || strings.Contains(text, theSecret) {
		t.Errorf("told %s", text)
	}
	mine.Set("clientSecret", theSecret)
	r.want(303, "POST", "/settings/dynamics", mine.Encode(), "Content-Type", formType)
	if got := stored(); got.Settings["clientId"] != "mine" {
		t.Errorf("stored %+v", got)
	}
}
