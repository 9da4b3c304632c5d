package nats_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/causeway-sync/causeway/deploy/internal/truth"
	"github.com/causeway-sync/causeway/deploy/sandbox"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin"
	"github.com/causeway-sync/causeway/services/egress"
	"github.com/causeway-sync/causeway/services/host"
	"github.com/causeway-sync/causeway/services/ingress"
	"github.com/causeway-sync/causeway/services/optinout"
)

// background runs a part until the test ends.
func background(t *testing.T, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	t.Cleanup(sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("a part ended with %v", err)
		}
	}))
}

// ask puts a request to the API as an operator does, and fails the test where it is refused.
func (c *caller) ask(into any, subject, body string) {
	c.t.Helper()
	reply, err := c.Request(subject, []byte(body), 20*time.Second)
	if err != nil {
		c.t.Fatalf("%s: %v", subject, err)
	}
	if problem := reply.Header.Get(micro.ErrorHeader); problem != "" {
		c.t.Fatalf("%s: %s %s", subject, problem, reply.Data)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(reply.Data, into); err != nil {
		c.t.Fatalf("%s: %v in %s", subject, err, reply.Data)
	}
}

// configure edits the stored configuration of a workflow as an operator does.
func (c *caller) configure(id string, edit func(map[string]any)) {
	c.t.Helper()
	var stored struct {
		Revision uint64         `json:"revision"`
		Document map[string]any `json:"document"`
	}
	c.ask(&stored, "causeway.api.workflows."+id+".config", "")
	edit(stored.Document)
	body, err := json.Marshal(stored)
	if err != nil {
		c.t.Fatal(err)
	}
	c.ask(nil, "causeway.api.workflows."+id+".config", string(body))
}

func (c *caller) until(what string, condition func() bool) {
	c.t.Helper()
	deadline, ticker := time.After(time.Minute), time.NewTicker(50*time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			var all json.RawMessage
			c.ask(&all, "causeway.api.workflows", "")
			c.t.Fatalf("not within a minute: %s\n%s", what, all)
		}
	}
}

// TestTheServicesWorkUnderThesePermissions: four services with the users that they are meant to have carry records both
// ways, retry, replay, preview, hand over and stop, started by an operator, and the server refuses none of them anything.
func TestTheServicesWorkUnderThesePermissions(t *testing.T) {
	in := install(t)
	log, refused := watched()
	t.Cleanup(func() {
		if list := refused(); list != nil {
			t.Errorf("the server refused:\n%s", strings.Join(list, "\n"))
		}
	})
	const contacts = 300
	systems, err := sandbox.Listen(t.Context(), sandbox.Config{Contacts: contacts, Dynamics: "127.0.0.1:0", Campaign: "127.0.0.1:0", SFTP: "127.0.0.1:0", Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	background(t, systems.Serve)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	background(t, func(ctx context.Context) error {
		return admin.Run(ctx, admin.Config{Listener: listener, NATS: in.options("admin", log), Log: log})
	})
	tuning := pump.Config{PollInterval: 50 * time.Millisecond}
	hosted := func(id workflow.ID, instance string) host.Config {
		return host.Config{NATS: in.options(string(id), log), Instance: instance, Log: log}
	}
	for _, instance := range []string{"one", "two"} { // One of them stands by.
		background(t, func(ctx context.Context) error {
			return ingress.Run(ctx, ingress.Config{Host: hosted(workflow.Ingress, instance), Dynamics: systems.DynamicsConfig(), Campaign: systems.CampaignConfig(),
				State: t.TempDir(), Tuning: tuning})
		})
	}
	background(t, func(ctx context.Context) error {
		return egress.Run(ctx, egress.Config{Host: hosted(workflow.Egress, "one"), Campaign: systems.CampaignConfig(), Dynamics: systems.DynamicsConfig(), Tuning: tuning})
	})
	background(t, func(ctx context.Context) error {
		return optinout.Run(ctx, optinout.Config{Host: hosted(workflow.OptInOut, "one"), Dynamics: systems.DynamicsConfig(), Campaign: systems.CampaignConfig(),
			SFTP: systems.SFTPConfig(), Tuning: tuning})
	})

	operator := in.as("operator")
	operator.until("the API answers", func() bool {
		_, err := operator.Request("causeway.api.workflows", nil, time.Second)
		return err == nil
	})
	view := func(id string) (v workflow.View) {
		operator.ask(&v, "causeway.api.workflows."+id, "")
		return v
	}
	operator.until("all instances are alive", func() bool {
		return len(view("ingress").Instances) == 2 && len(view("egress").Instances) == 1 && len(view("optinout").Instances) == 1
	})
	operator.configure("egress", func(doc map[string]any) {
		doc["events"] = map[string]any{"send": true, "open": true, "click": true, "bounce": true}
		doc["unknownContact"] = map[string]any{"waitHours": 0}
	})
	operator.configure("optinout", func(doc map[string]any) {
		doc["direction"], doc["mappings"] = "bidirectional", []any{map[string]any{"column": "donotbulkemail", "field": "blackListEmail"}}
	})
	running := func(id string) {
		t.Helper()
		operator.until(id+" is RUNNING", func() bool { return view(id).Status == workflow.Running })
	}
	for _, id := range []string{"ingress", "egress", "optinout"} {
		operator.ask(nil, "causeway.api.workflows."+id+".start", "")
		running(id)
	}
	equal := func() bool {
		return truth.Differences(systems.Dynamics.Rows("contact"), systems.Campaign.Profiles()) == nil
	}
	operator.until("both sides are equal", equal)
	events(t, systems)
	operator.until("events are written", func() bool { return view("egress").Counters.Written > 0 && view("egress").Backlog == 0 })

	operator.ask(nil, "causeway.api.workflows.ingress.preview", `{"table":"contact","limit":2}`)
	operator.ask(nil, "causeway.api.workflows.optinout.ledger", `{"contact":"`+anyone(systems)+`"}`)
	operator.ask(nil, "causeway.api.connections", "")
	operator.ask(nil, "causeway.api.connections.dynamics.test", "")
	rejectedAndRetried(operator, systems, view)
	strangersRetried(operator, systems, view)
	reportsRetried(operator, systems, view)
	operator.ask(nil, "causeway.api.workflows.ingress.stop", "")
	operator.until("ingress is STOPPED", func() bool { return view("ingress").Status == workflow.Stopped })
	operator.ask(nil, "causeway.api.workflows.ingress.replay", `{"table":"contact"}`)
	// A bare command does as well.
	if !operator.may(func() error { return operator.Publish("causeway.commands.ingress.start", nil) }) {
		t.Error("an operator may not give a bare command")
	}
	running("ingress")
	operator.until("both sides are equal after the replay", equal)
}

func anyone(systems *sandbox.Sandbox) string { return systems.Dynamics.IDs("contact")[0] }

func events(t *testing.T, systems *sandbox.Sandbox) {
	t.Helper()
	if _, err := systems.Campaign.AppendEvents(campaigntest.EventBatch{Count: 50}); err != nil {
		t.Fatal(err)
	}
}

// rejectedAndRetried has Campaign refuse a contact, mends it and retries it: failures, retries and their removal.
func rejectedAndRetried(operator *caller, systems *sandbox.Sandbox, view func(string) workflow.View) {
	operator.t.Helper()
	id := anyone(systems)
	systems.Campaign.Refuse(func(fields map[string]any) string {
		if fields["lastName"] == "Refused" {
			return "The value is not valid for the 'nms:recipient:gender' enumeration of the '@gender' field"
		}
		return ""
	})
	systems.Dynamics.Put("contact", map[string]any{"contactid": id, "lastname": "Refused"})
	operator.until("a contact is rejected", func() bool { return view("ingress").Failures == 1 })
	systems.Campaign.Refuse(nil)
	operator.ask(nil, "causeway.api.workflows.ingress.failures.retry", `{"all":true}`)
	operator.until("it is written", func() bool { v := view("ingress"); return v.Failures == 0 && v.Backlog == 0 })
	if got := systems.Campaign.Profiles()[id]["lastName"]; got != "Refused" {
		operator.t.Errorf("the contact is called %q in Campaign", got)
	}
}

// strangersRetried has an e-mail event wait for nobody and stand among the failures; its contact arrives, and a retry puts the event back.
func strangersRetried(operator *caller, systems *sandbox.Sandbox, view func(string) workflow.View) {
	operator.t.Helper()
	if _, err := systems.Campaign.AppendEvents(campaigntest.EventBatch{Count: 1, UnknownContacts: 1}); err != nil {
		operator.t.Fatal(err)
	}
	operator.until("an event of a stranger is rejected", func() bool { return view("egress").Failures == 1 })
	for _, e := range systems.Campaign.EmittedEvents() {
		if !e.Known {
			systems.Dynamics.Put("contact", map[string]any{"contactid": e.Contact, "lastname": "Late"})
		}
	}
	operator.ask(nil, "causeway.api.workflows.egress.failures.retry", `{"all":true}`)
	operator.until("it is written", func() bool { v := view("egress"); return v.Failures == 0 && v.Backlog == 0 })
}

// reportsRetried has Campaign refuse an opt-out, mends it and retries it.
func reportsRetried(operator *caller, systems *sandbox.Sandbox, view func(string) workflow.View) {
	operator.t.Helper()
	var id string
	for _, each := range systems.Dynamics.IDs("contact") {
		if row, _ := systems.Dynamics.Row("contact", each); row["donotbulkemail"] != true && systems.Campaign.Profiles()[each] != nil {
			id = each
			break
		}
	}
	systems.Campaign.Refuse(func(fields map[string]any) string {
		if _, optOut := fields["blackListEmail"]; optOut {
			return "The value is not valid"
		}
		return ""
	})
	systems.Dynamics.Put("contact", map[string]any{"contactid": id, "donotbulkemail": true})
	operator.until("an opt-out is rejected", func() bool { return view("optinout").Failures == 1 })
	systems.Campaign.Refuse(nil)
	operator.ask(nil, "causeway.api.workflows.optinout.failures.retry", `{"all":true}`)
	operator.until("it is written", func() bool { v := view("optinout"); return v.Failures == 0 && v.Backlog == 0 })
	if got := systems.Campaign.Profiles()[id]["blackListEmail"]; got != true {
		operator.t.Errorf("the contact's opt-out is %v in Campaign", got)
	}
}
