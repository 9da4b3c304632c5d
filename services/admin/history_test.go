package admin_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// edit stores the configuration of ingress with a text replaced, and returns its revision.
func (r *rig) edit(old, replacement string) uint64 {
	r.t.Helper()
	before := r.get("/api/v1/workflows/ingress/config").text()
	if !strings.Contains(before, old) {
		r.t.Fatalf("%q is not in %s", old, before)
	}
	r.want(http.StatusOK, "PUT", "/api/v1/workflows/ingress/config", strings.Replace(before, old, replacement, 1), "If-Match", "*")
	return into[workflow.View](r.t, r.get("/api/v1/workflows/ingress")).ConfigRevision.Latest
}

func (r *rig) revision(n uint64) backend.RevisionDetail {
	r.t.Helper()
	return into[backend.RevisionDetail](r.t, r.want(http.StatusOK, "GET", fmt.Sprintf("/api/v1/workflows/ingress/config/revisions/%d", n), ""))
}

// TestRestoreARevision goes there and back: what a revision changed, what restoring it would change, and that the restored
// one says what the old one said.
func TestRestoreARevision(t *testing.T) {
	r := start(t, nil)
	first := into[workflow.View](t, r.get("/api/v1/workflows/ingress")).ConfigRevision.Latest
	second := r.edit(`"applyDeletes": true`, `"applyDeletes": false`)
	got := r.revision(second)
	if got.Previous != first || got.Against != first || got.Latest != second || len(got.Restoring) != 0 {
		t.Errorf("%+v", got)
	}
	want := config.Change{Path: "mappings[contact].applyDeletes", Kind: config.Changed, Before: true, After: false}
	if len(got.Differences) != 1 || got.Differences[0] != want {
		t.Errorf("differences %+v", got.Differences)
	}

	path := fmt.Sprintf("/workflows/ingress/revisions/%d", first)
	page := parse(t, r.want(http.StatusOK, "GET", path, ""))
	row := page.one("table", "id", "restoring").one("tbody").one("tr")
	if row.one("code").text() != "mappings[contact].applyDeletes" || row.all("pre")[0].text() != "false" || row.all("pre")[1].text() != "true" {
		t.Errorf("side by side: %q", row.text())
	}
	page.one("form", "method", "post", "action", path+"/restore").one("button", "class", "primary")
	r.want(http.StatusPreconditionFailed, "POST", fmt.Sprintf("/api/v1%s/restore", strings.Replace(path, "/revisions", "/config/revisions", 1)), "", "If-Match", `"0"`)
	r.restored(http.StatusPreconditionFailed, path, first) // Somebody has saved since the page was opened.
	to := r.restored(http.StatusSeeOther, path, second).Header.Get("Location")
	page = parse(t, r.want(http.StatusOK, "GET", to, ""))
	if got := page.one("*", "id", "notice").text(); !strings.HasPrefix(got, "The configuration is restored") {
		t.Errorf("outcome %q", got)
	}
	if !strings.Contains(r.get("/api/v1/workflows/ingress/config").text(), `"applyDeletes": true`) {
		t.Error("it was not restored")
	}
	log := into[backend.CommandList](t, r.get("/api/v1/commands")).Commands
	if log[0].Verb != workflow.ConfigChanged || log[0].By != "127.0.0.1" || !strings.HasPrefix(log[0].Note, fmt.Sprintf("restored revision %d: mappings[contact].applyDeletes", first)) {
		t.Errorf("history %+v", log[0])
	}
	// Each entry leads to its difference.
	links := parse(t, r.get("/history")).one("table", "id", "log").all("a", "href", fmt.Sprintf("/workflows/ingress/revisions/%d", log[0].ConfigRevision))
	if len(links) != 1 {
		t.Errorf("%d links to the difference", len(links))
	}
	// Restored a second time nothing happens.
	r.want(http.StatusOK, "POST", fmt.Sprintf("/api/v1/workflows/ingress/config/revisions/%d/restore", first), "")
	if again := into[backend.CommandList](t, r.get("/api/v1/commands")).Commands; again[0].Seq != log[0].Seq {
		t.Errorf("an entry for nothing: %+v", again[0])
	}
}

// restored presses the button on the page of a revision, which showed another as the latest.
func (r *rig) restored(status int, path string, latest uint64) answer {
	r.t.Helper()
	return r.want(status, "POST", path+"/restore", fmt.Sprint("latest=", latest), "Content-Type", "application/x-www-form-urlencoded")
}

// TestRestoringKeepsReplays: a request for a replay is a command, not a setting.
func TestRestoringKeepsReplays(t *testing.T) {
	r := start(t, nil)
	asked := r.edit(`"replayRequested": false`, `"replayRequested": true`)
	done := r.edit(`"replayRequested": true`, `"replayRequested": false`)
	r.edit(`"applyDeletes": true`, `"applyDeletes": false`)
	r.want(http.StatusOK, "POST", fmt.Sprintf("/api/v1/workflows/ingress/config/revisions/%d/restore", asked), "")
	if text := r.get("/api/v1/workflows/ingress/config").text(); strings.Contains(text, `"replayRequested": true`) || !strings.Contains(text, `"applyDeletes": true`) {
		t.Errorf("restored %s", text)
	}
	r.edit(`"replayRequested": false`, `"replayRequested": true`)
	r.want(http.StatusOK, "POST", fmt.Sprintf("/api/v1/workflows/ingress/config/revisions/%d/restore", done), "")
	if text := r.get("/api/v1/workflows/ingress/config").text(); !strings.Contains(text, `"replayRequested": true`) {
		t.Error("a replay that was waiting is gone")
	}
}

// TestRestoreWhatIsNoLongerValid: all faults are told, on the page and over the API, and nothing is stored.
func TestRestoreWhatIsNoLongerValid(t *testing.T) {
	r := start(t, nil)
	configs := bus.NewConfigs(r.conn)
	latest, err := configs.Latest(t.Context(), workflow.Ingress)
	if err != nil {
		t.Fatal(err)
	}
	broken, err := configs.Put(t.Context(), workflow.Ingress, []byte(`{"mappings":[{"table":"","resource":"<script>"}]}`), latest.Number, "an older release")
	if err != nil {
		t.Fatal(err)
	}
	// The table is mapped by another key since: the key of a mapping never changes.
	rekeyed := []byte(strings.Replace(string(latest.Document), `"contactid"`, `"accountid"`, 1))
	if _, err := configs.Put(t.Context(), workflow.Ingress, rekeyed, broken.Number, "anna"); err != nil {
		t.Fatal(err)
	}
	for number, location := range map[uint64]string{broken.Number: "mappings[0].table", latest.Number: "mappings[0].key"} {
		path := fmt.Sprintf("/api/v1/workflows/ingress/config/revisions/%d/restore", number)
		problem := into[problems.Problem](t, r.want(http.StatusUnprocessableEntity, "POST", path, ""))
		if !strings.Contains(problem.Detail, fmt.Sprintf("revision %d cannot be restored", number)) || !slices.ContainsFunc(problem.Errors, func(d problems.Detail) bool { return strings.HasPrefix(d.Location, location) }) {
			t.Errorf("%d: %+v", number, problem)
		}
		page := fmt.Sprintf("/workflows/ingress/revisions/%d", number)
		shown, err := strconv.ParseUint(parse(t, r.get(page)).one("input", "name", "latest").attr("value"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		refused := parse(t, r.restored(http.StatusUnprocessableEntity, page, shown))
		if got := refused.one("section", "id", "faults").all("li"); len(got) != len(problem.Errors) {
			t.Errorf("%d faults on the page, %d in the answer", len(got), len(problem.Errors))
		}
		if len(refused.all("script")) != 1 {
			t.Error("a document put a script on the page")
		}
	}
}

func TestRevisionsThatAreNotThere(t *testing.T) {
	r := start(t, nil)
	const root = "/api/v1/workflows/ingress/config/revisions/"
	first := into[workflow.View](t, r.get("/api/v1/workflows/ingress")).ConfigRevision.Latest
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", root + "99", 404}, {"GET", root + "0", 404}, {"GET", root + "x", 422}, {"GET", fmt.Sprint(root, first, "?against=99"), 404},
		{"GET", "/api/v1/workflows/nope/config/revisions/1", 404}, {"POST", root + "99/restore", 404},
		{"GET", fmt.Sprint("/api/v1/workflows/egress/config/revisions/", first), 404}, // It is another workflow's.
		{"GET", "/workflows/ingress/revisions/99", 404}, {"GET", "/workflows/ingress/revisions/x", 404}, {"GET", "/workflows/nope/revisions", 404},
		{"POST", "/workflows/ingress/revisions/99/restore", 404}, {"GET", "/history?workflow=nope", 404}, {"GET", "/history?before=x", 400},
		{"GET", "/api/v1/commands?workflow=nope", 404},
	} {
		r.want(c.status, c.method, c.path, "")
	}
	r.edit(`"applyDeletes": true`, `"applyDeletes": false`)
	r.want(http.StatusPreconditionFailed, "POST", fmt.Sprint(root, first, "/restore"), "", "If-Match", fmt.Sprintf(`"%d"`, first))
}

// TestHistoryIsNarrowed by workflow and by who asked, page by page, on the page, over HTTP and over NATS.
func TestHistoryIsNarrowed(t *testing.T) {
	r := start(t, nil)
	commands := bus.NewCommands(r.conn)
	for i := range 130 {
		id := workflow.All()[i%3]
		if _, err := commands.Send(t.Context(), workflow.Command{Workflow: id, Verb: workflow.ConfigChanged, By: []string{"anna", "<b>bob</b>"}[i%2], Via: "test", Note: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	notes := func(list backend.CommandList) (notes []string) {
		for _, c := range list.Commands {
			notes = append(notes, c.Note)
		}
		return notes
	}
	first := into[backend.CommandList](t, r.get("/api/v1/commands?workflow=egress&by=ANNA&limit=15"))
	rest := into[backend.CommandList](t, r.get(fmt.Sprintf("/api/v1/commands?workflow=egress&by=anna&limit=15&before=%d", first.Next)))
	var want []string
	for i := 129; i >= 0; i-- {
		if i%3 == 1 && i%2 == 0 {
			want = append(want, fmt.Sprint(i))
		}
	}
	if got := append(notes(first), notes(rest)...); !slices.Equal(got, want) || rest.Next != 0 {
		t.Errorf("%q then %d, want %q", got, rest.Next, want)
	}
	if got := decoded[backend.CommandList](t, r.ask("causeway.api.commands", `{"workflow":"egress","by":"anna","limit":15}`)); !slices.Equal(notes(got), notes(first)) || got.Next != first.Next {
		t.Errorf("over NATS %+v", got)
	}
	if got := decoded[problems.Problem](t, r.ask("causeway.api.commands", `{"who":"anna"}`)); got.Status != 422 {
		t.Errorf("a name that is not known: %+v", got)
	}

	page := parse(t, r.want(http.StatusOK, "GET", "/history?by="+url.QueryEscape("<b>bob</b>"), ""))
	if rows := page.one("table", "id", "log").one("tbody").all("tr"); len(rows) != 65 || !strings.Contains(rows[0].text(), "<b>bob</b> (test) 129") {
		t.Errorf("%d rows", len(rows))
	}
	page = parse(t, r.want(http.StatusOK, "GET", "/history", ""))
	older := page.one("a", "rel", "next").attr("href")
	if rows := parse(t, r.want(http.StatusOK, "GET", older, "")).one("table", "id", "log").one("tbody").all("tr"); len(rows) != 30 {
		t.Errorf("%d older rows", len(rows))
	}
	if got := parse(t, r.want(http.StatusOK, "GET", "/history?by=carol", "")).one("p", "class", "empty").text(); got != "The log holds nothing of it." {
		t.Errorf("nothing found: %q", got)
	}
}

// TestRevisionsOverNATS asks for what the pages show.
func TestRevisionsOverNATS(t *testing.T) {
	r := start(t, nil)
	first := into[workflow.View](t, r.get("/api/v1/workflows/ingress")).ConfigRevision.Latest
	second := r.edit(`"applyDeletes": true`, `"applyDeletes": false`)
	const root = "causeway.api.workflows.ingress"
	if got := decoded[backend.RevisionList](t, r.ask(root+".config.revisions", "")); len(got.Revisions) != 2 || got.Revisions[0].Number != second {
		t.Errorf("list %+v", got)
	}
	if got := decoded[backend.RevisionDetail](t, r.ask(root+".config.revisions", fmt.Sprintf(`{"number":%d,"against":%d}`, first, second))); got.Against != second || len(got.Differences) != 1 || len(got.Restoring) != 1 {
		t.Errorf("one %+v", got)
	}
	if got := decoded[backend.Configuration](t, r.ask(root+".config.restore", fmt.Sprintf(`{"number":%d}`, first))); got.Revision <= second {
		t.Errorf("restored %+v", got)
	}
	if got := decoded[problems.Problem](t, r.ask(root+".config.restore", fmt.Sprintf(`{"number":%d,"latest":%d}`, second, second))); got.Status != 412 {
		t.Errorf("on another than the latest: %+v", got)
	}
	if got := decoded[problems.Problem](t, r.ask(root+".config.restore", "")); got.Status != 422 {
		t.Errorf("without a number: %+v", got)
	}
}
