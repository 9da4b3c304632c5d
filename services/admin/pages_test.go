package admin_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

func TestWorkflowsPage(t *testing.T) {
	r := start(t, func(c *admin.Config) {
		c.Unavailable = map[workflow.ID]string{workflow.Egress: "not part of <this> version yet"}
	})
	page := parse(t, r.want(http.StatusOK, "GET", "/", ""))
	var columns []string
	for _, th := range page.one("thead").all("th", "scope", "col") {
		columns = append(columns, th.text())
	}
	if !slices.Equal(columns, []string{"Name", "Backlog", "Status", "Actions"}) {
		t.Errorf("columns %q", columns)
	}
	rows := page.one("tbody").all("tr")
	if len(rows) != 3 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, id := range workflow.All() {
		row := rows[i]
		if got := row.one("th", "scope", "row").one("span", "class", "title").text(); got != id.Name() {
			t.Errorf("row %d is %q", i, got)
		}
		if got := row.one("span", "class", "word").text(); got != "STOPPED" {
			t.Errorf("%s: status %q", id, got)
		}
		row.one("span", "class", "dot stopped", "aria-hidden", "true")
		row.one("a", "href", "/workflows/"+string(id)+"/edit", "aria-label", "Edit "+id.Name())
		row.one("form", "method", "post", "action", "/workflows/"+string(id)+"/start").one("button", "aria-label", "Start "+id.Name())
		if _, hidden := row.one("details").lookup("hidden"); !hidden {
			t.Errorf("%s shows a warning mark", id)
		}
	}
	disabled := rows[1].one("button")
	if _, ok := disabled.lookup("disabled"); !ok {
		t.Error("egress can be started")
	}
	if got := page.one("*", "id", disabled.attr("aria-describedby")).text(); got != "not part of <this> version yet" {
		t.Errorf("the reason reads %q", got)
	}
	if got := page.one("span", "class", "instance").text(); got != "Test <b>instance</b>" {
		t.Errorf("instance %q", got)
	}
	for _, path := range []string{"/", "/history", "/docs", "/about"} {
		if len(page.one("header").all("a", "href", path)) == 0 {
			t.Errorf("the menu has no %s", path)
		}
	}
}

// TestEveryLinkLeadsSomewhere follows all links and assets of all pages, and looks at what must be true of every page.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	r := start(t, nil)
	r.want(http.StatusAccepted, "POST", "/api/v1/workflows/ingress/start", "")
	seen := map[string]bool{"/": true}
	for todo := []string{"/"}; len(todo) > 0; todo = todo[1:] {
		if strings.HasSuffix(todo[0], "/preview") {
			r.want(http.StatusServiceUnavailable, "GET", todo[0], "") // No ingress service is alive here, and the page says so.
			continue
		}
		a := r.want(http.StatusOK, "GET", todo[0], "")
		if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
			continue
		}
		page := parse(t, a)
		checkPage(t, todo[0], a, page)
		for _, link := range []struct{ element, attribute string }{{"a", "href"}, {"link", "href"}, {"script", "src"}, {"img", "src"}} {
			for _, n := range page.all(link.element, link.attribute, "*") {
				path, _, _ := strings.Cut(n.attr(link.attribute), "#")
				if path != "" && !seen[path] {
					if !strings.HasPrefix(path, "/") {
						t.Errorf("%s loads from elsewhere: %s", todo[0], path)
						continue
					}
					seen[path] = true
					todo = append(todo, path)
				}
			}
		}
	}
	for _, path := range []string{"/history", "/docs", "/about", "/openapi.json", "/workflows/optinout/edit"} {
		if !seen[path] {
			t.Errorf("nothing leads to %s", path)
		}
	}
}

func checkPage(t *testing.T, path string, a answer, page node) {
	t.Helper()
	policy := a.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("%s: policy %q", path, policy)
	}
	if len(page.all("style")) != 0 || len(page.all("*", "style", "*")) != 0 || len(page.all("*", "onclick", "*")) != 0 {
		t.Errorf("%s has inline styles or scripts", path)
	}
	for _, script := range page.all("script") {
		if script.text() != "" {
			t.Errorf("%s has an inline script", path)
		}
	}
	page.one("h1")
	page.one("main")
	if page.one("html").attr("lang") != "en" || page.one("title").text() == "" {
		t.Errorf("%s has no language or title", path)
	}
	ids := map[string]bool{}
	for _, n := range page.all("*", "id", "*") {
		if ids[n.attr("id")] {
			t.Errorf("%s: id %s twice", path, n.attr("id"))
		}
		ids[n.attr("id")] = true
	}
	for _, field := range slices.Concat(page.all("textarea"), page.all("input", "type", "text")) {
		page.one("label", "for", field.attr("id"))
	}
}

// TestButtonsWorkWithoutScript presses them as a plain form does.
func TestButtonsWorkWithoutScript(t *testing.T) {
	r := start(t, nil)
	a := r.want(http.StatusSeeOther, "POST", "/workflows/ingress/start", "")
	page := parse(t, r.want(http.StatusOK, "GET", a.Header.Get("Location"), ""))
	if got := page.one("*", "id", "notice").text(); got != "Dynamics 365 to Campaign is asked to start." {
		t.Errorf("outcome %q", got)
	}
	row := page.one("tr", "id", "row-ingress")
	row.one("form", "action", "/workflows/ingress/stop").one("button", "aria-label", "Stop Dynamics 365 to Campaign")
	if got := row.one("span", "class", "word").text(); got != "STARTING" {
		t.Errorf("status %q", got)
	}
	if log := into[backend.CommandList](t, r.get("/api/v1/commands")).Commands; len(log) != 1 || log[0].Via != "page" {
		t.Errorf("log %+v", log)
	}
	page = parse(t, r.want(http.StatusConflict, "POST", "/workflows/ingress/start", ""))
	if got := page.one("*", "id", "notice").text(); got != "Dynamics 365 to Campaign: already started." {
		t.Errorf("refusal %q", got)
	}
	// A script gets the same as JSON.
	if p := into[problems.Problem](t, r.want(http.StatusConflict, "POST", "/workflows/ingress/start", "", "Accept", "application/json")); p.Detail != "already started" {
		t.Errorf("%+v", p)
	}
	if c := into[workflow.Command](t, r.want(http.StatusAccepted, "POST", "/workflows/ingress/stop", "", "Accept", "application/json")); c.Verb != workflow.Stop {
		t.Errorf("%+v", c)
	}
	r.want(http.StatusForbidden, "POST", "/workflows/ingress/start", "", "Sec-Fetch-Site", "cross-site")
	r.want(http.StatusNotFound, "POST", "/workflows/nope/start", "")
	r.want(http.StatusNotFound, "GET", "/nope", "")
	r.want(http.StatusNotFound, "GET", "/static/nope.css", "")
	page = parse(t, r.want(http.StatusOK, "GET", "/?done=%3Cscript%3E&workflow=ingress", ""))
	if got := page.one("*", "id", "notice").text(); got != "" {
		t.Errorf("the address put words on the page: %q", got)
	}
}

func TestWarningMark(t *testing.T) {
	r := start(t, nil)
	v := into[workflow.View](t, r.get("/api/v1/workflows/ingress"))
	r.want(http.StatusAccepted, "POST", "/api/v1/workflows/ingress/start", "")
	r.beat(func(hb *workflow.Heartbeat) { hb.ConfigRevision = v.ConfigRevision.Latest })
	r.until("running", workflow.Ingress, func(v workflow.View) bool { return v.Status == workflow.Running })
	body := strings.Replace(r.get("/api/v1/workflows/ingress/config").text(), `"male"`, `"<script>alert(1)</script>"`, 1)
	r.want(http.StatusOK, "PUT", "/api/v1/workflows/ingress/config", body, "If-Match", "*")

	row := parse(t, r.get("/")).one("tr", "id", "row-ingress")
	row.one("button", "class", "round toggle stop pending")
	mark := row.one("details")
	if _, hidden := mark.lookup("hidden"); hidden {
		t.Error("no warning mark")
	}
	if got := mark.one("li").text(); !strings.HasPrefix(got, "mappings[contact].replacements") || !strings.Contains(got, "script") || len(mark.all("script")) != 0 {
		t.Errorf("change %q", got)
	}
}

func TestDocumentPage(t *testing.T) {
	r := start(t, nil)
	open := func() (page node, form url.Values) {
		page = parse(t, r.want(http.StatusOK, "GET", "/workflows/ingress/document", ""))
		return page, url.Values{"revision": {page.one("input", "name", "revision").attr("value")}, "document": {page.one("textarea").FirstChild.Data}}
	}
	send := func(status int, form url.Values) answer {
		return r.want(status, "POST", "/workflows/ingress/document", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	}
	page, form := open()
	if !strings.Contains(form.Get("document"), `"table": "contact"`) {
		t.Fatalf("document %q", form.Get("document"))
	}
	var crumbs []string
	for _, li := range page.one("nav", "aria-label", "Breadcrumbs").all("li") {
		crumbs = append(crumbs, li.text())
	}
	if !slices.Equal(crumbs, []string{"Workflows", "Dynamics 365 to Campaign", "Document"}) {
		t.Errorf("crumbs %q", crumbs)
	}
	page.one("button", "class", "primary")
	page.one("a", "class", "button", "href", "/workflows/ingress/edit")

	// Faults are listed with place and remedy, and what was typed is kept.
	hostile := `{"mappings":[{"table":"</textarea><script>alert(1)</script>"}]}`
	page = parse(t, send(http.StatusUnprocessableEntity, url.Values{"revision": form["revision"], "document": {hostile}}))
	if got := page.one("textarea").FirstChild.Data; got != hostile {
		t.Errorf("the input became %q", got)
	}
	if n := len(page.all("script")); n != 1 {
		t.Errorf("%d scripts", n)
	}
	fault := page.one("section", "id", "faults").all("li")[0]
	if fault.one("code").text() != "mappings[0].table" || fault.one("span", "class", "problem").text() == "" || fault.one("span", "class", "fix").text() == "" {
		t.Errorf("fault %q", fault.text())
	}
	page = parse(t, send(http.StatusUnprocessableEntity, url.Values{"revision": form["revision"], "document": {"{"}}))
	if got := page.one("section", "id", "faults").one("li").one("code").text(); got != "the document" {
		t.Errorf("fault of the whole document at %q", got)
	}

	a := send(http.StatusSeeOther, with(form, `"applyDeletes": true`, `"applyDeletes": false`))
	if got := a.Header.Get("Location"); got != "/?done=saved&workflow=ingress" {
		t.Errorf("went to %q", got)
	}

	// The first form is stale now: both differences are told, the text is kept, and saving again replaces.
	page = parse(t, send(http.StatusPreconditionFailed, with(form, `"firstname"`, `"nickname"`)))
	stale := page.one("section", "id", "stale")
	for _, change := range []string{"mappings[contact].applyDeletes changed from true to false", "mappings[contact].applyDeletes changed from false to true",
		`mappings[contact].fields[firstName].column changed from "firstname" to "nickname"`} {
		if !strings.Contains(stale.text(), change) {
			t.Errorf("%q is not told in %q", change, stale.text())
		}
	}
	second := url.Values{"revision": {page.one("input", "name", "revision").attr("value")}, "document": {page.one("textarea").FirstChild.Data}}
	send(http.StatusSeeOther, second)
	if got := r.get("/api/v1/workflows/ingress/config").text(); !strings.Contains(got, `"nickname"`) || !strings.Contains(got, `"applyDeletes": true`) {
		t.Errorf("stored %s", got)
	}
	page, _ = open()
	if got := page.one("section", "id", "revisions").text(); !strings.Contains(got, `"nickname"`) {
		t.Errorf("revisions %q", got)
	}

	send(http.StatusBadRequest, url.Values{"document": {"{}"}})
	send(http.StatusRequestEntityTooLarge, url.Values{"revision": {"1"}, "document": {strings.Repeat("x", 1<<20)}})
	r.want(http.StatusNotFound, "GET", "/workflows/nope/document", "")
	r.want(http.StatusNotFound, "POST", "/workflows/nope/document", "revision=1&document=x", "Content-Type", "application/x-www-form-urlencoded")
}

// with is a form with an edit in its document.
func with(form url.Values, old, replacement string) url.Values {
	return url.Values{"revision": form["revision"], "document": {strings.Replace(form.Get("document"), old, replacement, 1)}}
}

func TestHistoryPage(t *testing.T) {
	r := start(t, nil)
	if got := parse(t, r.get("/history")).one("p", "class", "empty").text(); got == "" {
		t.Error("an empty log says nothing")
	}
	r.want(http.StatusSeeOther, "POST", "/workflows/ingress/start", "")
	r.ask("causeway.commands.ingress.dance", "<script>") // The stream answers when it has stored it.
	rows := parse(t, r.get("/history")).one("tbody").all("tr")
	if len(rows) != 2 || !strings.Contains(rows[0].text(), "Ignored") || !strings.Contains(rows[1].text(), "Start Dynamics 365 to Campaign 127.0.0.1 (page)") {
		t.Errorf("%d rows: %q", len(rows), rows[0].text())
	}
}

func TestAssetsAreKept(t *testing.T) {
	r := start(t, nil)
	path := parse(t, r.get("/")).one("link", "rel", "stylesheet").attr("href")
	a := r.want(http.StatusOK, "GET", path, "")
	if !strings.Contains(a.Header.Get("Cache-Control"), "immutable") || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/css") {
		t.Errorf("%s: %v", path, a.Header)
	}
	r.want(http.StatusNotModified, "GET", path, "", "If-None-Match", a.Header.Get("ETag"))
	if got := r.get("/static/app.css").Header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("without its tag: %q", got)
	}
}
