package admin_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/micro"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/catalog"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

// overNATS says by which endpoint of the NATS API each operation of the HTTP API can be done.
var overNATS = map[string]string{
	"list-workflows": "workflows", "get-workflow": "workflow", "start-workflow": "start", "stop-workflow": "stop", "list-commands": "commands",
	"get-config": "config", "put-config": "config", "list-revisions": "revisions",
	"list-connections": "connections", "get-connection": "connection", "put-connection": "connection", "test-connection": "test-connection",
	"replay-mapping": "replay", "preview-mapping": "preview",
	"list-tables": "tables", "get-table": "table", "list-resources": "resources", "get-resource": "resource",
	"list-failures": "failures", "get-failure": "failures", "group-failures": "failure-groups", "retry-failure": "retry-failures", "retry-failures": "retry-failures",
	"drop-failure": "drop-failures", "drop-failures": "drop-failures",
	"list-ledger": "ledger",
	"get-privacy": "privacy", "acknowledge-privacy": "acknowledge-privacy",
	"get-revision": "revisions", "restore-revision": "restore", "get-trend": "trend", "trace-record": "trace", "get-usage": "usage",
	"get-settings": "settings", "put-settings": "settings",
	"live": "", // nats sub 'causeway.heartbeats.>'
}

// TestNATSDoesWhatHTTPDoes holds both lists against each other: an operation that is added to one and not to the other
// fails here.
func TestNATSDoesWhatHTTPDoes(t *testing.T) {
	r := start(t, nil)
	info := decoded[micro.Info](t, r.ask("$SRV.INFO.causeway", ""))
	there, used := map[string]bool{}, map[string]bool{"": true}
	for _, e := range info.Endpoints {
		there[e.Name] = true
		if e.Metadata["does"] == "" {
			t.Errorf("%s does not say what it does", e.Subject)
		}
	}
	for id := range operationIDs(t, r) {
		name, known := overNATS[id]
		if !known || name != "" && !there[name] {
			t.Errorf("the HTTP operation %q has no subject: add one to natsapi/endpoints.go, and say here which", id)
		}
		used[name] = true
	}
	for name := range there {
		if !used[name] {
			t.Errorf("the NATS endpoint %q does what no HTTP operation does", name)
		}
	}
}

// operationIDs are the ids of the HTTP API's operations.
func operationIDs(t *testing.T, r *rig) map[string]bool {
	t.Helper()
	description := into[struct {
		Paths map[string]map[string]json.RawMessage
	}](t, r.get("/openapi.json"))
	ids := map[string]bool{}
	for _, item := range description.Paths {
		for _, operation := range item {
			var o struct{ OperationID string }
			if json.Unmarshal(operation, &o) == nil && o.OperationID != "" {
				ids[o.OperationID] = true
			}
		}
	}
	return ids
}

func TestTheDocumentationShowsEverySubject(t *testing.T) {
	r := start(t, nil)
	page := r.want(http.StatusOK, "GET", "/docs", "").text()
	for _, e := range decoded[micro.Info](t, r.ask("$SRV.INFO.causeway", "")).Endpoints {
		if does := e.Metadata["does"]; !strings.Contains(page, ">"+does+"<") {
			t.Errorf("the page does not tell of %s: %s", e.Subject, does)
		}
	}
}

// TestHistoryOverNATS reads who asked for what, and who changed what, as the page History and the edit page show it.
func TestHistoryOverNATS(t *testing.T) {
	r := start(t, nil)
	r.ask("causeway.api.workflows.ingress.start", "")
	r.ask("causeway.api.workflows.egress.config", `{"revision":`+revisionOf(t, r, "egress")+`,"document":{"events":{"send":true}}}`)
	list := decoded[backend.CommandList](t, r.ask("causeway.api.commands", ""))
	if len(list.Commands) != 2 || list.Commands[0].Verb != workflow.ConfigChanged || list.Commands[1].Verb != workflow.Start || list.Commands[1].Via != "nats" {
		t.Errorf("commands %+v", list)
	}
	if got := decoded[backend.CommandList](t, r.ask("causeway.api.commands", `{"limit":1}`)); len(got.Commands) != 1 || got.Commands[0].Verb != workflow.ConfigChanged {
		t.Errorf("the newest: %+v", got)
	}
	revisions := decoded[backend.RevisionList](t, r.ask("causeway.api.workflows.egress.config.revisions", ""))
	if n := len(revisions.Revisions); n != 2 || len(revisions.Revisions[0].Changes) == 0 {
		t.Errorf("revisions %+v", revisions)
	}
	for _, bad := range []struct{ subject, body, code string }{
		{"causeway.api.commands", `{"limit":0}`, "422"},
		{"causeway.api.commands", `{"limit":1001}`, "422"},
		{"causeway.api.commands", `{"behind":1}`, "422"},
		{"causeway.api.commands", `newest`, "422"},
		{"causeway.api.workflows.nope.config.revisions", "", "404"},
	} {
		if got := r.ask(bad.subject, bad.body).Header.Get(micro.ErrorCodeHeader); got != bad.code {
			t.Errorf("%s %s: %q, want %s", bad.subject, bad.body, got, bad.code)
		}
	}
}

func revisionOf(t *testing.T, r *rig, id string) string {
	t.Helper()
	var c struct{ Revision json.Number }
	if err := json.Unmarshal(r.ask("causeway.api.workflows."+id+".config", "").Data, &c); err != nil {
		t.Fatal(err)
	}
	return c.Revision.String()
}

// TestCatalogOverNATS asks for both sides, with somebody who answers as the ingress service does.
func TestCatalogOverNATS(t *testing.T) {
	r := start(t, nil)
	if got := r.ask("causeway.api.catalog.dynamics.tables", "").Header.Get(micro.ErrorCodeHeader); got != "503" {
		t.Errorf("without an ingress service: %q", got)
	}
	tables := func(context.Context, []byte) (any, error) { return []catalog.Table{{Name: "contact"}}, nil }
	echo := func(_ context.Context, request []byte) (any, error) { return json.RawMessage(request), nil }
	r.answers(workflow.Ingress, map[string]bus.Question{catalog.AskTables: tables, catalog.AskTable: echo, catalog.AskResources: tables, catalog.AskResource: echo})
	if got := decoded[backend.TableList](t, r.ask("causeway.api.catalog.dynamics.tables", "")); len(got.Tables) != 1 || got.Tables[0].Name != "contact" {
		t.Errorf("tables %+v", got)
	}
	if got := decoded[backend.ResourceList](t, r.ask("causeway.api.catalog.campaign.resources", "")); len(got.Resources) != 1 {
		t.Errorf("resources %+v", got)
	}
	// The question names what the subject does.
	if got := decoded[catalog.Table](t, r.ask("causeway.api.catalog.dynamics.tables.new_order", "")); got.Name != "new_order" {
		t.Errorf("table %+v", got)
	}
	if got := decoded[catalog.Resource](t, r.ask("causeway.api.catalog.campaign.resources.cusOrder", "")); got.Name != "cusOrder" {
		t.Errorf("resource %+v", got)
	}
}
