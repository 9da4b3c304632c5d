package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/causeway-sync/causeway/services/admin/problems"
)

// complete finishes the description of the API after every operation is registered: tags, texts, every problem that can
// occur with its meaning, headers and examples. Most of it follows from what an operation takes, so that a new operation is
// described without a line here; a test drives each operation and compares its answers with what this says.
func complete(doc *huma.OpenAPI) {
	doc.Tags = describedTags(doc)
	schemas := doc.Components.Schemas
	delete(schemas.Map(), "ErrorModel") // The library's own problem, which problems.Unify replaces.
	delete(schemas.Map(), "ErrorDetail")
	for _, op := range Operations(doc) {
		op.Tags = []string{tagOf(op.Path)}
		op.Description = op.Summary + ". Needs the role " + fmt.Sprint(op.Extensions["x-least-role"]) + "."
		if text := operationTexts()[op.OperationID]; text != "" {
			op.Description = text + " Needs the role " + fmt.Sprint(op.Extensions["x-least-role"]) + "."
		}
		describeProblems(schemas, op)
		describeAnswer(schemas, op)
		describeRequest(schemas, op)
	}
}

// Operations lists a document's operations by path and method.
func Operations(doc *huma.OpenAPI) []*huma.Operation {
	var all []*huma.Operation
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Delete} {
			if op != nil {
				all = append(all, op)
			}
		}
	}
	slices.SortFunc(all, func(a, b *huma.Operation) int {
		return strings.Compare(a.Path+" "+order(a.Method), b.Path+" "+order(b.Method))
	})
	return all
}

// order puts reading in front of changing.
func order(method string) string {
	return strconv.Itoa(slices.Index([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete}, method))
}

// tags are the groups of operations in the order in which people read them; the first whose mark stands in a path has it.
func tags() []struct{ name, mark, text string } {
	return []struct{ name, mark, text string }{
		{"Rejected records", "/failures", "Records that were refused for good: found, retried, dropped."},
		{"Configuration", "/config", "The configuration documents of the workflows, with their revisions."},
		{"Mappings", "/mappings/", "What a mapping would write, and reading a table again."},
		{"Opt-ins and opt-outs", "/ledger", "What was decided about a contact."},
		{"Connections", "/connections", "The connections to Dynamics 365, Adobe Campaign and its export files."},
		{"Catalog", "/catalog/", "What can be mapped: the tables of Dynamics 365 and the resources of Campaign."},
		{"History", "/commands", "Who asked for what, and when."},
		{"Privacy", "/privacy", "The responsibilities for personal data, and who has taken note of them."},
		{"Workflows", "", "How the workflows are, start and stop."},
	}
}

func tagOf(path string) string {
	for _, tag := range tags() {
		if strings.Contains(path, tag.mark) {
			return tag.name
		}
	}
	return ""
}

// describedTags are the tags that some operation has, Workflows first.
func describedTags(doc *huma.OpenAPI) []*huma.Tag {
	used := map[string]bool{}
	for _, op := range Operations(doc) {
		used[tagOf(op.Path)] = true
	}
	var list []*huma.Tag
	for _, tag := range tags() {
		if used[tag.name] {
			list = append(list, &huma.Tag{Name: tag.name, Description: tag.text})
		}
	}
	if n := len(list); n > 1 && list[n-1].Name == "Workflows" {
		list = append([]*huma.Tag{list[n-1]}, list[:n-1]...)
	}
	return list
}

// operationTexts say more than the summary where there is more to say.
func operationTexts() map[string]string {
	return map[string]string{
		"list-workflows": "The three workflows in the order in which the page shows them: backlog, status with reason and since when, rates, what can be done now and why not.",
		"start-workflow": "Asks for a start. The answer is the entry of the command log; the workflow is STARTING until it has proved that it works. 409 with the reason where actions.start is disabled.",
		"stop-workflow":  "Asks for a stop: calls in flight are finished, what waits stays queued. 409 with the reason where actions.stop is disabled.",
		"put-config":     "Stores a whole document on top of the revision in If-Match. A running workflow keeps the revision that it started with until it is stopped and started. 412 when somebody else was quicker, 422 with the faults.",
		"get-config":     "The document as it is stored, or the default. Its revision is the ETag, which a PUT sends back as If-Match.",
		"get-connection": "The settings that are stored. Of a secret only that it is set and since when: nobody is shown it again.",
		"put-connection": "Stores the settings of a connection. A secret that is left out is kept, an empty one is removed; whoever changes an address gives the secret again.",
		"live":           "A stream of server-sent events: a `workflows` event with the whole list at every change, at least every two seconds. It ends when the right to it does.",
		"list-failures":  "Rejected records, newest first and one entry a record, without payloads. Send `next` as `before` for the next page.",
		"drop-failures":  "Removes rejected records for good, payloads included: all of a workflow, or those of a key, group or source. This cannot be undone.",
		"drop-failure":   "Removes a rejected record for good, payload included. This cannot be undone.",
		"get-failure":    "One rejected record with its payload, which is personal data: it stands in no other answer.",
	}
}

// conflicting are the operations that can be impossible as things are, with what that means.
func conflicting() map[string]string {
	return map[string]string{
		"start-workflow": "The workflow cannot be started now; the detail is the reason", "stop-workflow": "The workflow cannot be stopped now; the detail is the reason",
		"retry-failure": "The record cannot be retried, or another job is under way", "retry-failures": "None of the records can be retried, or another job is under way",
		"drop-failure": "Another job is under way", "drop-failures": "Another job is under way",
		"replay-mapping": "A guardrail is reached, or a replay is requested already", "put-connection": "The service has no key to seal secrets with",
		"test-connection": "The service has no key to seal secrets with",
	}
}

// describeProblems lists every problem that an operation can answer with. What an operation takes decides which.
func describeProblems(schemas huma.Registry, op *huma.Operation) {
	delete(op.Responses, "default")
	statuses := []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusMisdirectedRequest, http.StatusInternalServerError, http.StatusServiceUnavailable}
	for _, p := range op.Parameters {
		switch {
		case p.In == "path":
			statuses = append(statuses, http.StatusNotFound)
			if p.Schema.Type == huma.TypeInteger {
				statuses = append(statuses, http.StatusUnprocessableEntity)
			}
		case p.In == "query":
			statuses = append(statuses, http.StatusUnprocessableEntity)
			if p.Name == "workflow" {
				statuses = append(statuses, http.StatusNotFound)
			}
		case p.Name == "If-Match":
			statuses = append(statuses, http.StatusBadRequest, http.StatusPreconditionFailed)
			if needsRevision(op) {
				statuses = append(statuses, http.StatusPreconditionRequired)
			}
		}
	}
	if op.Method != http.MethodGet {
		statuses = append(statuses, http.StatusRequestEntityTooLarge)
	}
	if op.RequestBody != nil {
		statuses = append(statuses, http.StatusUnprocessableEntity, http.StatusRequestTimeout)
	}
	conflict := conflicting()[op.OperationID]
	if conflict != "" {
		statuses = append(statuses, http.StatusConflict)
	}
	for _, status := range statuses {
		kind, _ := problems.KindOf(status)
		text := kind.Meaning
		if status == http.StatusConflict {
			text = conflict
		}
		if status == http.StatusForbidden && op.Method != http.MethodGet {
			text += ", or the request came from another web site"
		}
		op.Responses[strconv.Itoa(status)] = problemResponse(schemas, kind, text)
	}
}

// problemResponse describes a problem with an example.
func problemResponse(schemas huma.Registry, kind problems.Kind, text string) *huma.Response {
	example := map[string]any{"type": kind.Type(), "title": http.StatusText(kind.Status), "status": kind.Status, "detail": strings.ToLower(kind.Meaning[:1]) + kind.Meaning[1:]}
	if kind.Status == http.StatusUnprocessableEntity {
		example["errors"] = []any{map[string]any{"location": "mappings[0].fields[2].field", "message": "missing", "fix": "give the name of a Campaign field"}}
	}
	return &huma.Response{Description: text + ".", Content: map[string]*huma.MediaType{
		"application/problem+json": {Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}, Example: example}}}
}

// describeAnswer gives the good answer a text, its headers and an example.
func describeAnswer(schemas huma.Registry, op *huma.Operation) {
	for status, answer := range op.Responses {
		if !strings.HasPrefix(status, "2") {
			continue
		}
		answer.Description = answerText(op, status)
		delete(answer.Headers, "Content-Type") // OpenAPI has it in the content.
		if header := answer.Headers["ETag"]; header != nil {
			header.Description, header.Example = "The revision, in quotes: what a PUT sends back as If-Match.", `"7"`
		}
		for kind, media := range answer.Content {
			giveExample(schemas, op.OperationID, media, kind == "text/event-stream")
		}
	}
}

func answerText(op *huma.Operation, status string) string {
	switch {
	case status == "202":
		return "Accepted; the answer says what was begun."
	case op.Method == http.MethodPut:
		return "Stored; the answer is what is stored now."
	}
	return op.Summary + "."
}

// needsRevision reports whether an operation refuses to go on without the revision that was edited. A restore names what it
// stores, and asks for the latest only on request.
func needsRevision(op *huma.Operation) bool { return op.OperationID != "restore-revision" }

// describeRequest gives parameters and body their texts and examples.
func describeRequest(schemas huma.Registry, op *huma.Operation) {
	for _, p := range op.Parameters {
		if p.Example == nil {
			p.Example = exampleNamed(schemas, p.Name, p.Schema, 0)
		}
		if p.Description == "" {
			p.Description = parameterText(p.Name)
		}
		if p.Name == "If-Match" {
			p.Required, p.Example = needsRevision(op), `"7"`
		}
	}
	if op.RequestBody == nil {
		return
	}
	if op.RequestBody.Description == "" {
		op.RequestBody.Description = "One JSON object of at most 1 MB."
	}
	for _, media := range op.RequestBody.Content {
		if settings := strings.Contains(op.Path, "/connections/"); settings { // Passed on as it came, so nothing told the library its shape.
			media.Schema = connectionSchema()
		}
		giveExample(schemas, op.OperationID+" request", media, false)
	}
}

func parameterText(name string) string {
	switch name {
	case "name":
		return "the logical name of the table, or the name of the resource"
	case "table":
		return "the logical name of a table of Dynamics 365"
	}
	return name
}

// connectionSchema is the document of a connection: settings by name.
func connectionSchema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Description: "settings by name; a secret that is left out is kept, an empty one is removed",
		AdditionalProperties: &huma.Schema{}}
}
