package admin_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/causeway-sync/causeway/services/admin"
)

// fits reports what of a value a schema does not allow.
func fits(doc *huma.OpenAPI, schema *huma.Schema, value any) []error {
	var result huma.ValidateResult
	path := huma.NewPathBuffer(nil, 0)
	huma.Validate(doc.Components.Schemas, schema, path, huma.ModeReadFromServer, value, &result)
	return result.Errors
}

// asJSON is a value as it comes out of a JSON decoder.
func asJSON(t *testing.T, v any) any {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func operations(doc *huma.OpenAPI) map[string]*huma.Operation {
	all := map[string]*huma.Operation{}
	for path, item := range doc.Paths {
		for method, op := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "DELETE": item.Delete, "PATCH": item.Patch, "HEAD": item.Head} {
			if op != nil {
				all[method+" "+path] = op
			}
		}
	}
	return all
}

var pathParameter = regexp.MustCompile(`\{([^}]+)\}`)

// TestTheDescriptionIsWhole: whatever a program or a person asks of the description is there: each route with its
// parameters, bodies, answers and problems, each with a text and an example that its own schema allows.
func TestTheDescriptionIsWhole(t *testing.T) {
	doc := admin.Description()
	all := operations(doc)
	for pattern := range admin.RouteTable() {
		if strings.Contains(pattern, " /api/v1/") && all[pattern] == nil {
			t.Errorf("%s is not described", pattern)
		}
	}
	declared, ids := map[string]bool{}, map[string]bool{}
	for _, tag := range doc.Tags {
		declared[tag.Name] = tag.Description != ""
	}
	for pattern, op := range all {
		if _, served := admin.RouteTable()[pattern]; !served {
			t.Errorf("%s is described and not served", pattern)
		}
		if op.OperationID == "" || ids[op.OperationID] || op.Summary == "" || !strings.Contains(op.Description, "Needs the role ") || len(op.Tags) != 1 || !declared[op.Tags[0]] {
			t.Errorf("%s: id %q, tags %v, %q", pattern, op.OperationID, op.Tags, op.Description)
		}
		ids[op.OperationID] = true
		checkParameters(t, doc, pattern, op)
		checkAnswers(t, doc, pattern, op)
		if op.RequestBody != nil {
			checkContent(t, doc, pattern+" request", op.RequestBody.Content)
		}
	}
	for name, schema := range doc.Components.Schemas.Map() {
		if schema.Type == huma.TypeObject && len(schema.Properties) == 0 && schema.AdditionalProperties == nil {
			t.Errorf("schema %s says nothing", name)
		}
	}
}

func checkParameters(t *testing.T, doc *huma.OpenAPI, pattern string, op *huma.Operation) {
	t.Helper()
	want, got := []string{}, []string{}
	for _, found := range pathParameter.FindAllStringSubmatch(pattern, -1) {
		want = append(want, found[1])
	}
	for _, p := range op.Parameters {
		if p.In == "path" {
			if got = append(got, p.Name); !p.Required {
				t.Errorf("%s: %s is not required", pattern, p.Name)
			}
		}
		if p.Description == "" || p.Schema == nil || p.Example == nil {
			t.Errorf("%s: parameter %s has text %q and example %v", pattern, p.Name, p.Description, p.Example)
			continue
		}
		if errs := fits(doc, p.Schema, asJSON(t, p.Example)); len(errs) > 0 {
			t.Errorf("%s: the example of %s: %v", pattern, p.Name, errs)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: path parameters %v", pattern, got)
	}
}

func checkAnswers(t *testing.T, doc *huma.OpenAPI, pattern string, op *huma.Operation) {
	t.Helper()
	good := 0
	for status, answer := range op.Responses {
		if answer.Description == "" {
			t.Errorf("%s: %s has no text", pattern, status)
		}
		checkContent(t, doc, pattern+" "+status, answer.Content)
		if strings.HasPrefix(status, "2") {
			good++
		} else if len(answer.Content) != 1 || answer.Content["application/problem+json"] == nil {
			t.Errorf("%s: %s is no problem: %v", pattern, status, slices.Collect(maps.Keys(answer.Content)))
		}
		for name, header := range answer.Headers {
			if header.Description == "" || header.Schema == nil || header.Example == nil {
				t.Errorf("%s: header %s of %s", pattern, name, status)
			}
		}
	}
	if good != 1 || op.Responses["401"] == nil || op.Responses["403"] == nil || op.Responses["500"] == nil {
		t.Errorf("%s answers %v", pattern, slices.Sorted(maps.Keys(op.Responses)))
	}
}

func checkContent(t *testing.T, doc *huma.OpenAPI, where string, content map[string]*huma.MediaType) {
	t.Helper()
	if len(content) == 0 {
		t.Errorf("%s has no body", where)
	}
	for kind, media := range content {
		examples := map[string]any{}
		if media.Example != nil {
			examples["the example"] = media.Example
		}
		for name, example := range media.Examples {
			examples[name] = example.Value
		}
		if len(examples) == 0 || media.Schema == nil {
			t.Errorf("%s %s has %d examples", where, kind, len(examples))
		}
		for name, example := range examples {
			if errs := fits(doc, media.Schema, asJSON(t, example)); len(errs) > 0 {
				t.Errorf("%s: %s: %v", where, name, errs)
			}
		}
	}
}

// TestTheDescriptionIsOpenAPI looks at the text that programs get: the version, and that every reference leads somewhere.
func TestTheDescriptionIsOpenAPI(t *testing.T) {
	r := start(t, nil)
	a := r.want(http.StatusOK, "GET", "/openapi.json", "")
	if got := a.Header.Get("Content-Type"); got != "application/openapi+json" {
		t.Errorf("content type %q", got)
	}
	doc := into[map[string]any](t, a)
	if version, _ := doc["openapi"].(string); !strings.HasPrefix(version, "3.1.") {
		t.Errorf("version %q", version)
	}
	for _, member := range []string{"info", "paths", "components", "security", "tags"} {
		if doc[member] == nil {
			t.Errorf("there is no %s", member)
		}
	}
	references := 0
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, one := range v {
				walk(one)
			}
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				references++
				if !leads(doc, ref) {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, one := range v {
				walk(one)
			}
		}
	}
	walk(doc)
	if references < 50 {
		t.Errorf("only %d references", references)
	}
}

// leads follows a reference inside the document.
func leads(doc map[string]any, ref string) bool {
	var at any = doc
	for _, name := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		object, ok := at.(map[string]any)
		if !ok {
			return false
		}
		if at, ok = object[name]; !ok {
			return false
		}
	}
	return strings.HasPrefix(ref, "#/")
}

// TestTheDocumentationPage: the page shows every operation with its parameters, examples and problems, every schema, and a
// place for the type of every problem; it needs no script and no other host.
func TestTheDocumentationPage(t *testing.T) {
	r := start(t, nil)
	a := r.want(http.StatusOK, "GET", "/docs", "")
	page := parse(t, a)
	checkPage(t, "/docs", a, page)
	places := map[string]bool{}
	for _, n := range page.all("*", "id", "*") {
		if places[n.attr("id")] {
			t.Errorf("two places %s", n.attr("id"))
		}
		places[n.attr("id")] = true
	}
	doc := admin.Description()
	for pattern, op := range operations(doc) {
		if !places["op-"+op.OperationID] {
			t.Errorf("%s is not shown", pattern)
			continue
		}
		text := page.one("*", "id", "op-"+op.OperationID).text()
		for _, p := range op.Parameters {
			if !strings.Contains(text, p.Name) {
				t.Errorf("%s: parameter %s is not shown", pattern, p.Name)
			}
		}
		for status := range op.Responses {
			if !strings.Contains(text, status) {
				t.Errorf("%s: %s is not shown", pattern, status)
			}
		}
	}
	for name := range doc.Components.Schemas.Map() {
		if !places["schema-"+name] {
			t.Errorf("schema %s is not shown", name)
		}
	}
	for _, problem := range admin.ProblemTypes() {
		if path, place, _ := strings.Cut(problem, "#"); path != "/docs" || !places[place] {
			t.Errorf("the type %s leads nowhere", problem)
		}
	}
	for _, link := range page.all("a", "href", "*") {
		if place, inside := strings.CutPrefix(link.attr("href"), "#"); inside && !places[place] {
			t.Errorf("#%s leads nowhere", place)
		}
	}
}
