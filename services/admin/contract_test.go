package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/catalog"
	"github.com/causeway-sync/causeway/pkg/seal"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

// answering lets the rig answer the questions that a workflow service would.
func (r *rig) answering() {
	r.t.Helper()
	text := func(v any) bus.Question { return func(context.Context, []byte) (any, error) { return v, nil } }
	row := catalog.PreviewRow{Key: "1", Action: "create", Fields: []catalog.PreviewField{{Field: "email", Column: "emailaddress1", Would: "a@b.c", Changes: true}}}
	table := catalog.Table{Name: "contact", Columns: []catalog.Column{{Name: "emailaddress1", Type: "String"}}}
	resource := catalog.Resource{Name: "profile", Fields: []catalog.Field{{Name: "email", Type: "string"}}}
	for _, id := range workflow.All() {
		stop, err := bus.AnswerQuestions(r.t.Context(), r.conn, id, map[string]bus.Question{
			catalog.AskTables: text([]catalog.Table{table}), catalog.AskTable: text(table), catalog.AskResources: text([]catalog.Resource{resource}), catalog.AskResource: text(resource),
			catalog.AskCount: text(catalog.Count{Rows: 7}), catalog.AskPreview: text(catalog.Preview{Rows: []catalog.PreviewRow{row}}),
			catalog.AskConnections:    text([]catalog.ConnectionInUse{}),
			catalog.AskTestConnection: text(catalog.TestReport{OK: true, Steps: []catalog.TestStep{{Name: "Sign-in", OK: true, Detail: "a token was granted"}}}),
		})
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(stop)
	}
}

// attempt is one request to an operation.
type attempt struct {
	what, path, body string
	headers          []string
}

// attempts are the requests that an operation is tried with: the good one of the description's own examples first, then
// what people and programs get wrong.
func attempts(t *testing.T, op *huma.Operation, credential []string) []attempt {
	t.Helper()
	values, query, match := map[string]string{}, url.Values{}, false
	for _, p := range op.Parameters {
		switch {
		case p.In == "path":
			values[p.Name] = fmt.Sprint(p.Example)
		case p.In == "query" && p.Required:
			query.Set(p.Name, fmt.Sprint(p.Example))
		case p.Name == "If-Match":
			match = true
		}
	}
	bodies := []string{""}
	if op.RequestBody != nil {
		bodies = bodies[:0]
		media := op.RequestBody.Content["application/json"]
		examples := []any{media.Example}
		for _, name := range slices.Sorted(maps.Keys(media.Examples)) {
			examples = append(examples, media.Examples[name].Value)
		}
		for _, example := range examples {
			if example != nil {
				text, err := json.Marshal(example)
				if err != nil {
					t.Fatal(err)
				}
				bodies = append(bodies, string(text))
			}
		}
	}
	fill := func(values map[string]string) string {
		path := op.Path
		for name, value := range values {
			path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
		}
		if len(query) > 0 {
			path += "?" + query.Encode()
		}
		return path
	}
	good := attempt{what: "as described", path: fill(values), headers: credential}
	if match {
		good.headers = append(slices.Clone(credential), "If-Match", "*")
	}
	var all []attempt
	for _, body := range bodies {
		good.body = body
		all = append(all, good)
	}
	if op.Method != http.MethodGet { // What was done already is often a conflict.
		again := good
		again.what = "once more"
		all = append(all, again)
	}
	with := func(what string, change func(*attempt)) {
		one := good
		one.what, one.headers = what, slices.Clone(good.headers)
		change(&one)
		all = append(all, one)
	}
	for name := range values {
		with("unknown "+name, func(a *attempt) {
			other := maps.Clone(values)
			other[name] = "nope"
			a.path = fill(other)
		})
	}
	for _, p := range op.Parameters {
		if p.In == "query" {
			with("empty "+p.Name, func(a *attempt) { a.path = fill(values) + sep(fill(values)) + p.Name + "=" })
			with("odd "+p.Name, func(a *attempt) { a.path = fill(values) + sep(fill(values)) + p.Name + "=%00x" })
		}
	}
	if match {
		with("no If-Match", func(a *attempt) { a.headers = credential })
		with("stale If-Match", func(a *attempt) { a.headers = append(slices.Clone(credential), "If-Match", `"999"`) })
		with("odd If-Match", func(a *attempt) { a.headers = append(slices.Clone(credential), "If-Match", `x`) })
	}
	if op.RequestBody != nil {
		for _, body := range []string{"{", "[]", "null", `{"unknown":1}`, `{"mapping":7}`, `"text"`, "{}{}"} {
			with("body "+body, func(a *attempt) { a.body = body })
		}
	}
	if op.Method != http.MethodGet {
		with("from another web site", func(a *attempt) { a.headers = append(a.headers, "Sec-Fetch-Site", "cross-site") })
		with("too large", func(a *attempt) { a.body = strings.Repeat(" ", 1<<20+1) })
	}
	with("nobody", func(a *attempt) { a.headers = nil })
	return all
}

func sep(path string) string {
	if strings.Contains(path, "?") {
		return "&"
	}
	return "?"
}

// TestTheServiceKeepsItsDescription drives every operation that is described, as described and in the ways that people get
// wrong, against a real service: each answer is one that the description has, status, type and body.
func TestTheServiceKeepsItsDescription(t *testing.T) {
	key, err := seal.Create(t.TempDir() + "/key")
	if err != nil {
		t.Fatal(err)
	}
	g := startGuarded(t, func(c *admin.Config) { c.Key = key })
	g.answering()
	doc := admin.Description()
	all, seen := operations(doc), map[string]map[string]bool{}
	for _, pattern := range slices.SortedFunc(maps.Keys(all), byRisk) {
		op := all[pattern]
		seen[pattern] = map[string]bool{}
		if pattern == "GET /api/v1/live" {
			g.keepsStream(doc, op)
			continue
		}
		if strings.Contains(op.Path, "/failures") { // The one of the example has never been; one that is there is named here.
			g.reject("contact", "key-0001", "contact key-0001: no such value", `{"lastname":"Lovelace"}`)
			op = at(op, g.newest())
		}
		for _, a := range attempts(t, op, []string{"Authorization", g.bearer(access.Admin)}) {
			before := g.lastCommand().Seq
			status := g.keeps(doc, op, a)
			if seen[pattern][status] = true; changes(op) && a.what == "as described" && strings.HasPrefix(status, "2") {
				if last := g.lastCommand(); last.Seq == before || last.By != access.Admin.String()+"-bot" {
					t.Errorf("%s is not in the history with its user: %+v", pattern, last)
				}
			}
		}
		if least := admin.RouteTable()[pattern]; least > access.Viewer {
			a := attempts(t, op, []string{"Authorization", g.bearer(access.Viewer)})[0]
			seen[pattern][g.keeps(doc, op, a)] = true
		}
	}
	for pattern, statuses := range seen {
		if !statuses["200"] && !statuses["202"] && pattern != "GET /api/v1/live" {
			t.Errorf("%s never went well: %v", pattern, slices.Sorted(maps.Keys(statuses)))
		}
	}
}

// changes reports whether an operation changes something whenever it goes well. A configuration that is stored as it was
// changes nothing; TestTheHistoryNamesWhoItWas stores another, TestRestoreARevision restores one.
func changes(op *huma.Operation) bool {
	return op.Method != http.MethodGet && !slices.Contains([]string{"test-connection", "preview-mapping", "put-config", "restore-revision"}, op.OperationID)
}

// lastCommand is the newest entry of the history.
func (g *guarded) lastCommand() workflow.Command {
	g.t.Helper()
	list := into[backend.CommandList](g.t, g.want(http.StatusOK, "GET", "/api/v1/commands?limit=1", "", "Authorization", g.bearer(access.Viewer))).Commands
	if len(list) == 0 {
		return workflow.Command{}
	}
	return list[0]
}

// byRisk puts what takes away behind what needs it.
func byRisk(a, b string) int {
	risk := func(pattern string) int {
		return slices.IndexFunc([]string{"GET", "POST", "PUT", "DELETE"}, func(m string) bool { return strings.HasPrefix(pattern, m+" ") })*10 + strings.Count(pattern, "stop")
	}
	if d := risk(a) - risk(b); d != 0 {
		return d
	}
	return strings.Compare(a, b)
}

// at is an operation whose failure is one that is there.
func at(op *huma.Operation, seq uint64) *huma.Operation {
	changed := *op
	changed.Parameters = nil
	for _, p := range op.Parameters {
		one := *p
		if one.Name == "seq" {
			one.Example = seq
		}
		changed.Parameters = append(changed.Parameters, &one)
	}
	return &changed
}

// newest waits for a failure, and returns its place.
func (g *guarded) newest() uint64 {
	g.t.Helper()
	for {
		list := into[backend.FailureList](g.t, g.want(http.StatusOK, "GET", failuresPath+"?key=key-0001", "", "Authorization", g.bearer(access.Viewer)))
		if len(list.Failures) > 0 {
			return list.Failures[0].Seq
		}
		if g.t.Context().Err() != nil {
			g.t.Fatal("the failure never came")
		}
	}
}

// keeps sends a request and compares the answer with the description; it returns the status.
func (g *guarded) keeps(doc *huma.OpenAPI, op *huma.Operation, a attempt) string {
	g.t.Helper()
	headers := append([]string{"Content-Type", "application/json"}, a.headers...)
	got := g.do(op.Method, a.path, a.body, headers...)
	where := fmt.Sprintf("%s %s (%s): %d", op.Method, a.path, a.what, got.StatusCode)
	status := fmt.Sprint(got.StatusCode)
	described := op.Responses[status]
	if described == nil {
		g.t.Errorf("%s is not described: %s", where, clip(got.text()))
		return status
	}
	kind, _, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
	media := described.Content[kind]
	if err != nil || media == nil {
		g.t.Errorf("%s: type %q is not described", where, got.Header.Get("Content-Type"))
		return status
	}
	var body any
	if err := json.Unmarshal(got.body, &body); err != nil {
		g.t.Errorf("%s: %v", where, err)
		return status
	}
	if errs := fits(doc, media.Schema, body); len(errs) > 0 {
		g.t.Errorf("%s: %v in %s", where, errs, clip(got.text()))
	}
	for name := range described.Headers {
		if got.Header.Get(name) == "" {
			g.t.Errorf("%s: no %s", where, name)
		}
	}
	if problem, isProblem := body.(map[string]any); isProblem && strings.HasPrefix(kind, "application/problem") {
		if !slices.Contains(admin.ProblemTypes(), fmt.Sprint(problem["type"])) || problem["detail"] == "" {
			g.t.Errorf("%s: %s", where, clip(got.text()))
		}
	}
	return status
}

func clip(text string) string { return text[:min(len(text), 400)] }

// keepsStream reads the first event.
func (g *guarded) keepsStream(doc *huma.OpenAPI, op *huma.Operation) {
	g.t.Helper()
	ctx, cancel := context.WithCancel(g.t.Context())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+op.Path, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	request.Header.Set("Authorization", g.bearer(access.Viewer))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		g.t.Fatal(err)
	}
	defer response.Body.Close()
	for e := range eventsOf(response.Body) {
		var data any
		if err := json.Unmarshal([]byte(e.data), &data); err != nil {
			g.t.Fatal(err)
		}
		if errs := fits(doc, op.Responses["200"].Content["text/event-stream"].Schema, []any{map[string]any{"event": e.name, "data": data}}); len(errs) > 0 {
			g.t.Errorf("an event: %v", errs)
		}
		return
	}
	g.t.Error("no event came")
}
