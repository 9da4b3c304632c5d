package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestTheNATSCLIShowsAndDoesTheSameAsThePage goes through a day of an operator who has nothing but the NATS CLI.
func TestTheNATSCLIShowsAndDoesTheSameAsThePage(t *testing.T) {
	in := newStandalone(t, 500)
	cli := in.cli()

	in.sameEverywhere(cli, "STOPPED")
	published, messages := cli.run("pub", "causeway.commands.ingress.start", "")
	if !strings.Contains(published+messages, "Published 0 bytes") {
		t.Errorf("nats pub says %q %q", published, messages)
	}
	in.untilStatus(patience, "RUNNING")
	in.untilEqual(patience)
	in.sameEverywhere(cli, "RUNNING")

	var consumer struct {
		Config struct {
			Filter string `json:"filter_subject"`
		}
		Pending int `json:"num_pending"`
		Acks    int `json:"num_ack_pending"`
		Floor   struct {
			Consumer int `json:"consumer_seq"`
		} `json:"ack_floor"`
	}
	cli.json(&consumer, "consumer", "info", "CAUSEWAY_INGRESS", "writer", "--json")
	if consumer.Pending != 0 || consumer.Acks != 0 || consumer.Floor.Consumer < 500 || consumer.Config.Filter != "causeway.ingress.records.>" {
		t.Errorf("the writer's consumer is %+v", consumer)
	}

	cli.run("pub", "causeway.commands.ingress.stop", "")
	in.untilStatus(patience, "STOPPED")
	in.sameEverywhere(cli, "STOPPED")
	in.Stop()
}

// sameEverywhere compares what the NATS API, the HTTP API and the page say of the workflows.
func (in *installation) sameEverywhere(cli natsCLI, status string) {
	in.t.Helper()
	var bus, web map[string]any
	same := func() bool {
		cli.request(&bus, "causeway.api.workflows")
		r, err := ask(http.MethodGet, in.admin+"/api/v1/workflows", "")
		if err != nil || json.Unmarshal(r.body, &web) != nil {
			return false
		}
		return reflect.DeepEqual(withoutMoments(bus), withoutMoments(web))
	}
	// The two are asked one after the other; rates fade for some seconds after a load.
	in.until(patience, "NATS and HTTP say the same", same)
	_, page := probe(in.admin + "/")
	found := regexp.MustCompile(`data-id="(\w+)" data-name="([^"]+)" data-status="(\w+)"`).FindAllStringSubmatch(page, -1)
	want := [][2]string{{"ingress", status}, {"egress", "STOPPED"}, {"optinout", "STOPPED"}}
	for i, w := range bus["workflows"].([]any) {
		v := w.(map[string]any)
		if len(found) != 3 || found[i][1] != v["id"] || found[i][2] != v["name"] || found[i][3] != v["status"] {
			in.t.Errorf("the page says %q, NATS %v", found, v)
		}
		if v["id"] != want[i][0] || v["status"] != want[i][1] {
			in.t.Errorf("%s is %s, want %q", v["id"], v["status"], want[i])
		}
	}
}

// withoutMoments leaves out what is another one a second later.
func withoutMoments(list map[string]any) map[string]any {
	for _, w := range list["workflows"].([]any) {
		for _, i := range w.(map[string]any)["instances"].([]any) {
			delete(i.(map[string]any), "lastSeen")
		}
	}
	return list
}

// TestCommandsOverTheNATSAPI sends checked commands, good and bad ones.
func TestCommandsOverTheNATSAPI(t *testing.T) {
	in := newStandalone(t, 50)
	cli := in.cli()
	var command struct {
		Seq            int
		Workflow, Verb string
		Via            string
	}
	cli.request(&command, "causeway.api.workflows.ingress.start")
	if command.Workflow != "ingress" || command.Verb != "start" || command.Via != "nats" || command.Seq == 0 {
		t.Errorf("start answers %+v", command)
	}
	in.untilStatus(patience, "RUNNING")
	var v view
	cli.request(&v, "causeway.api.workflows.ingress")
	if v.Status != "RUNNING" || v.Name != "Dynamics 365 to Campaign" {
		t.Errorf("the workflow is %+v", v)
	}

	for _, bad := range []struct{ subject, body, code, says string }{
		{"causeway.api.workflows.ingress.start", "", "409", "already started"},
		{"causeway.api.workflows.egress.start", "", "409", "no event type is chosen"},
		{"causeway.api.workflows.egress.stop", "", "409", "already stopped"},
		{"causeway.api.workflows.unknown", "", "404", `there is no workflow "unknown"`},
		{"causeway.api.workflows.unknown.start", "", "404", `there is no workflow "unknown"`},
		{"causeway.api.workflows.ingress.config", `{"revision":1`, "422", "was not stored"},
		{"causeway.api.workflows.ingress.config", `{"revision":77,"document":{"mappings":[]}}`, "412", "revision"},
		{"causeway.api.workflows.ingress.config", `{"revision":1,"document":{"mappings":[{}]}}`, "422", "faults"},
	} {
		out, headers := cli.run("request", bad.subject, bad.body)
		for _, want := range []string{"Nats-Service-Error-Code: " + bad.code, "Nats-Service-Error: "} {
			if !strings.Contains(headers, want) {
				t.Errorf("%s %s: no header %q in %s", bad.subject, bad.body, want, headers)
			}
		}
		var problem struct {
			Status int
			Detail string
		}
		if err := json.Unmarshal([]byte(out), &problem); err != nil || fmt.Sprint(problem.Status) != bad.code || !strings.Contains(problem.Detail, bad.says) {
			t.Errorf("%s %s answers %s (%v)", bad.subject, bad.body, out, err)
		}
	}
	cli.request(&command, "causeway.api.workflows.ingress.stop")
	in.untilStatus(patience, "STOPPED")
}

// TestTheServiceCanBeFoundWithTheCLI looks at it as any NATS service is looked at.
func TestTheServiceCanBeFoundWithTheCLI(t *testing.T) {
	in := newStandalone(t, 10)
	cli := in.cli()
	if out, _ := cli.run("micro", "ls"); !strings.Contains(out, "causeway") {
		t.Errorf("micro ls: %s", out)
	}
	out, _ := cli.run("micro", "info", "causeway")
	for _, subject := range []string{"causeway.api.workflows", "causeway.api.workflows.*", "causeway.api.workflows.*.start", "causeway.api.workflows.*.stop", "causeway.api.workflows.*.config"} {
		if !strings.Contains(out, "Subject: "+subject+"\n") {
			t.Errorf("micro info does not tell of %s:\n%s", subject, out)
		}
	}
	var ignored any
	cli.request(&ignored, "causeway.api.workflows")
	cli.run("request", "causeway.api.workflows.unknown", "")
	var stats []struct {
		Name      string
		Endpoints []struct {
			Name     string
			Requests int `json:"num_requests"`
			Errors   int `json:"num_errors"`
			Data     map[string]struct {
				Status  string
				Backlog int
			}
		}
	}
	cli.json(&stats, "micro", "stats", "causeway", "--json")
	if len(stats) != 1 {
		t.Fatalf("micro stats: %+v", stats)
	}
	counted := 0
	for _, e := range stats[0].Endpoints {
		counted += e.Requests
		if e.Name == "workflows" && (e.Requests != 1 || e.Errors != 0) || e.Name == "workflow" && (e.Requests != 1 || e.Errors != 1) {
			t.Errorf("micro stats counts %+v", e)
		}
		if e.Data["ingress"].Status != "STOPPED" {
			t.Errorf("micro stats does not tell how ingress is: %+v", e)
		}
	}
	if counted != 2 {
		t.Errorf("2 requests were counted as %d: %+v", counted, stats)
	}
}

// TestMalformedCommandsChangeNothing publishes what no workflow understands. The history shows it and says why.
func TestMalformedCommandsChangeNothing(t *testing.T) {
	in := newStandalone(t, 50)
	cli := in.cli()
	cli.run("pub", "causeway.commands.ingress.start", "")
	in.untilStatus(patience, "RUNNING")
	before := in.workflow("ingress")
	for _, subject := range []string{"causeway.commands.ingress.explode", "causeway.commands.nobody.stop", "causeway.commands.ingress", "causeway.commands.ingress.stop.now"} {
		cli.run("pub", subject, "<b>not</b> a command")
	}
	// A command that is given twice changes nothing either.
	cli.run("pub", "causeway.commands.ingress.start", "because I say so")
	var log struct {
		Commands []struct {
			Workflow, Verb, Via, Note string
			Ignored                   bool
		}
	}
	r, err := ask(http.MethodGet, in.admin+"/api/v1/commands", "")
	if err != nil || json.Unmarshal(r.body, &log) != nil || len(log.Commands) != 6 {
		t.Fatalf("commands: %s %v", r.body, err)
	}
	for i, c := range log.Commands {
		if wanted := i >= 1 && i <= 4; c.Ignored != wanted || c.Via != "nats" || c.Ignored && c.Note == "" {
			t.Errorf("command %d from the newest: %+v", i, c)
		}
	}
	if log.Commands[0].Note != "because I say so" {
		t.Errorf("the note is lost: %+v", log.Commands[0])
	}
	_, page := probe(in.admin + "/history")
	for _, want := range []string{"Ignored", "explode", "use start, stop or config-changed", "there is no workflow", "because I say so"} {
		if !strings.Contains(page, want) {
			t.Errorf("the history page does not say %q", want)
		}
	}
	if after := in.workflow("ingress"); after.Status != "RUNNING" || !after.Since.Equal(before.Since) {
		t.Errorf("it was %s since %s and is %s since %s", before.Status, before.Since, after.Status, after.Since)
	}
}

// TestConfigurationWithTheCLI reads and edits the configuration without the page.
func TestConfigurationWithTheCLI(t *testing.T) {
	in := newStandalone(t, 10)
	cli := in.cli()
	document, etag := in.configuration()
	stored, _ := cli.run("kv", "get", "CAUSEWAY_CONFIG", "ingress", "--raw")
	if !sameJSON(t, stored, document) {
		t.Errorf("the bucket holds %s, HTTP says %s", stored, document)
	}
	edited := strings.Replace(document, `"applyDeletes": true`, `"applyDeletes": false`, 1)
	if edited == document {
		t.Fatalf("no applyDeletes in %s", document)
	}
	var put struct{ Revision int }
	cli.json(&put, "request", "--raw", "causeway.api.workflows.ingress.config", fmt.Sprintf(`{"revision":%s,"document":%s}`, strings.Trim(etag, `"`), edited))
	history, _ := cli.run("kv", "history", "CAUSEWAY_CONFIG", "ingress")
	if lines := strings.Count(history, "PUT"); lines != 2 || !strings.Contains(history, fmt.Sprint(put.Revision)) {
		t.Errorf("kv history has %d revisions, revision %d was stored:\n%s", lines, put.Revision, history)
	}
	now, etag := in.configuration()
	if !sameJSON(t, now, edited) || etag != fmt.Sprintf(`"%d"`, put.Revision) {
		t.Errorf("HTTP says %s %s", etag, now)
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var left, right any
	if err := json.Unmarshal([]byte(a), &left); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(b), &right); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(left, right)
}
