package ingress_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/catalog"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

func someContact(h *house) string {
	for id := range h.dynamics.Rows("contact") {
		return id
	}
	h.t.Fatal("there is no contact")
	return ""
}

// TestContactsFlow is the product in short: a full read, a change, a creation and a deletion arrive.
func TestContactsFlow(t *testing.T) {
	h := newHouse(t, 2500)
	h.serve("i")
	h.Command(workflow.Start)
	h.synced()
	h.Status("i", workflow.Running, "")

	changed := someContact(h)
	h.dynamics.Put("contact", map[string]any{"contactid": changed, "lastname": "Changed"})
	created := h.dynamics.Put("contact", map[string]any{"lastname": "Created"})
	h.synced() // How soon is a budget, measured in deploy/e2e, where nothing else runs beside it.
	h.dynamics.Delete("contact", created)
	h.synced()
	h.exactly("2501 creations, one update and one deletion", h.campaign.EngineCalls(), campaigntest.EngineCalls{Create: 2501, Update: 1, Delete: 1})
	h.Until("the heartbeat counts them", func() bool { return h.Beat("i").Counters.Read >= 2503 })
	if n := h.Beat("i").Counters.Rejected; n != 0 {
		t.Errorf("%d records were rejected", n)
	}
}

func TestDeletesAreAppliedOnlyWhereTheMappingSaysSo(t *testing.T) {
	h := newHouse(t, 10)
	h.edit(func(doc *config.IngressDoc) { doc.Mappings[0].ApplyDeletes = false })
	h.serve("i")
	h.Command(workflow.Start)
	h.synced()
	h.dynamics.Delete("contact", someContact(h))
	h.Until("the deletion was read", func() bool { return h.Beat("i").Counters.Unchanged > 0 })
	if n := len(h.campaign.Profiles()); n != 10 {
		t.Errorf("Campaign holds %d profiles, want all 10", n)
	}
}

// TestStopIsQuietAndNothingIsMissed: changes made while stopped wait and arrive after the start.
func TestStopIsQuietAndNothingIsMissed(t *testing.T) {
	h := newHouse(t, 3000)
	h.serve("i")
	h.Command(workflow.Start)
	h.Until("some are written", func() bool { return h.campaign.WriteCount() > 100 })
	begin := time.Now()
	h.Command(workflow.Stop)
	h.Status("i", workflow.Stopped, "")
	if took := time.Since(begin); took > soon {
		t.Errorf("the stop took %v", took)
	}
	quiet := h.campaign.WriteCount()
	changed := someContact(h)
	h.dynamics.Put("contact", map[string]any{"contactid": changed, "lastname": "While stopped"})
	h.Until("two more heartbeats", func() bool { return time.Since(h.Beat("i").Since) > 1500*time.Millisecond })
	if n := h.campaign.WriteCount(); n != quiet {
		t.Errorf("%d writes after the stop", n-quiet)
	}
	h.Command(workflow.Start)
	h.synced()
	if got := h.campaign.Profiles()[changed]["lastName"]; got != "While stopped" {
		t.Errorf("the change made while stopped is %v", got)
	}
}

// TestARunKeepsItsRevision (invariant 7).
func TestARunKeepsItsRevision(t *testing.T) {
	h := newHouse(t, 5)
	h.serve("i")
	h.Command(workflow.Start)
	h.synced()
	first := h.Beat("i").ConfigRevision
	second := h.edit(func(doc *config.IngressDoc) { doc.Mappings[0].Fields = doc.Mappings[0].Fields[:2] })
	h.dynamics.Put("contact", map[string]any{"contactid": someContact(h), "lastname": "After the edit"})
	h.synced()
	if got := h.Beat("i").ConfigRevision; got != first {
		t.Errorf("the run moved from revision %d to %d", first, got)
	}
	h.Command(workflow.Stop)
	h.Status("i", workflow.Stopped, "")
	h.Command(workflow.Start)
	h.Until("it runs on the new revision", func() bool {
		beat := h.Beat("i")
		return beat.Status == workflow.Running && beat.ConfigRevision == second
	})
}

// TestExpiredChangeTrackingFindsTheDeletionsInBetween.
func TestExpiredChangeTrackingFindsTheDeletionsInBetween(t *testing.T) {
	h := newHouse(t, 1500)
	if err := h.campaign.Put("profile", map[string]any{"externalId": "not-ours", "lastName": "Stays"}); err != nil {
		t.Fatal(err)
	}
	h.serve("i")
	h.Command(workflow.Start)
	h.Until("all are written", func() bool { return h.campaign.Len("profile") == 1501 })
	h.Status("i", workflow.Running, "")
	h.Command(workflow.Stop)
	h.Status("i", workflow.Stopped, "")
	deleted := someContact(h)
	h.dynamics.Delete("contact", deleted)
	h.dynamics.ExpireLinks()
	h.Command(workflow.Start)
	h.Until("the deletion arrives", func() bool { _, there := h.campaign.Profiles()[deleted]; return !there })
	if _, there := h.campaign.Profiles()["not-ours"]; !there {
		t.Error("a profile that the synchronisation never made was deleted")
	}
}

// What does not work says what it is, where, and what to do; and nothing is lost (invariant 8).
func TestFaultsHaveTheirReason(t *testing.T) {
	for _, tc := range []struct {
		name   string
		spoil  func(h *house)
		reason string
	}{
		{"wrong Dynamics secret", func(h *house) { h.cfg.Dynamics.ClientSecret = "xyzzy-not-it" }, "secret"},
		{"wrong Campaign secret", func(h *house) { h.cfg.Campaign.ClientSecret = "xyzzy-not-it" }, "Campaign"},
		{"wrong organisation", func(h *house) { h.cfg.Campaign.URL = strings.Replace(h.cfg.Campaign.URL, "/sandbox", "/elsewhere", 1) }, "Campaign"},
		{"unreachable Dynamics", func(h *house) {
			h.cfg.Dynamics.URL, h.cfg.Dynamics.TokenURL = "http://127.0.0.1:1", "http://127.0.0.1:1/t"
		}, "127.0.0.1:1"},
		{"nothing configured", func(h *house) { h.cfg.Dynamics.URL = "" }, "URL of Dynamics 365"},
		{"missing table", func(h *house) {
			h.edit(func(doc *config.IngressDoc) { doc.Mappings[0].Table = "kontact" })
		}, "kontact"},
		{"missing column and field", func(h *house) {
			h.edit(func(doc *config.IngressDoc) {
				doc.Mappings[0].Fields = append(doc.Mappings[0].Fields, config.FieldMapping{Column: "nocolumn", Field: "noField"})
			})
		}, "nocolumn"},
		{"no mapping", func(h *house) { h.edit(func(doc *config.IngressDoc) { doc.Mappings = []config.Mapping{} }) }, "no table is mapped"},
		{"unreadable configuration", func(h *house) {
			if _, err := h.Conn.JetStream().Publish(h.Context(), "$KV.CAUSEWAY_CONFIG.ingress", []byte("{")); err != nil {
				h.t.Fatal(err)
			}
		}, "configuration revision"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHouse(t, 3)
			tc.spoil(h)
			h.serve("i")
			h.Command(workflow.Start)
			beat := h.Status("i", workflow.Failed, tc.reason)
			for _, secret := range []string{"causeway-sandbox", "xyzzy-not-it"} {
				if strings.Contains(beat.Reason, secret) {
					t.Errorf("the reason holds a secret: %s", beat.Reason)
				}
			}
			if h.campaign.Len("profile") != 0 {
				t.Error("something was written")
			}
			h.Command(workflow.Stop)
			h.Status("i", workflow.Stopped, "")
		})
	}
}

// TestARefusedRecordDoesNotStopTheOthers and stands in the failures.
func TestARefusedRecordDoesNotStopTheOthers(t *testing.T) {
	h := newHouse(t, 200)
	refused := someContact(h)
	h.campaign.Refuse(func(fields map[string]any) string {
		if fields["externalId"] == refused {
			return "The value is not valid for the 'nms:recipient:gender' enumeration of the '@gender' field"
		}
		return ""
	})
	h.serve("i")
	h.Command(workflow.Start)
	h.Until("all others are written", func() bool { return h.campaign.Len("profile") == 199 && h.Backlog().Total() == 0 })
	if n := h.Failures(); n != 1 {
		t.Errorf("%d failures, want 1", n)
	}
	stream, err := h.Conn.JetStream().Stream(h.Context(), bus.StreamFailures)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := stream.GetLastMsgForSubject(h.Context(), bus.FailureSubject(workflow.Ingress, "contact"))
	if err != nil || msg.Header.Get(bus.HeaderKey) != refused || msg.Header.Get(bus.HeaderReason) == "" || len(msg.Data) == 0 {
		t.Errorf("the failure stands as %+v, %v", msg, err)
	}
	h.Status("i", workflow.Running, "")
}

// TestACorruptRecordGoesToTheFailures and the rest goes on.
func TestACorruptRecordGoesToTheFailures(t *testing.T) {
	h := newHouse(t, 20)
	for _, msg := range []*nats.Msg{
		{Subject: "causeway.ingress.records.contact", Data: []byte("garbage")},
		{Subject: "causeway.ingress.records.contact", Data: []byte(`{"a":`), Header: nats.Header{
			bus.HeaderKey: {"k"}, bus.HeaderOp: {"upsert"}, bus.HeaderVersion: {"1"}, bus.HeaderReadAt: {"1"}}},
		{Subject: "causeway.ingress.records.nobody", Data: []byte(`{}`), Header: nats.Header{
			bus.HeaderKey: {"k"}, bus.HeaderOp: {"upsert"}, bus.HeaderVersion: {"1"}, bus.HeaderReadAt: {"1"}}},
	} {
		if _, err := h.Conn.JetStream().PublishMsg(h.Context(), msg); err != nil {
			t.Fatal(err)
		}
	}
	h.serve("i")
	h.Command(workflow.Start)
	h.synced()
	if n := h.Failures(); n != 3 {
		t.Errorf("%d failures, want the 3 corrupt ones", n)
	}
}

// TestAFullQueueWaitsForTheWriter: the reader waits, says so, and nothing is lost.
func TestAFullQueueWaitsForTheWriter(t *testing.T) {
	h := sized(t, 3000, bus.Sizes{QueueBytes: 1_200_000})
	h.serve("i")
	h.Command(workflow.Start)
	h.Until("the first writes", func() bool { return h.campaign.WriteCount() > 0 })
	stop := h.campaign.Faults().Inject(remotetest.Fault{Kind: remotetest.Error, Rate: 1, Status: 503})
	beat := h.Status("i", workflow.Running, "queue is full")
	stop()
	if beat.Counters.Rejected != 0 {
		t.Errorf("%d records were rejected because the queue is full", beat.Counters.Rejected)
	}
	h.Background(func(ctx context.Context) error {
		for ctx.Err() == nil {
			if _, err := bus.NewQueues(h.Conn).Trim(ctx, workflow.Ingress, bus.Keep{Share: 0.1}, time.Now()); err != nil && ctx.Err() == nil {
				return err
			}
		}
		return nil
	})
	h.synced()
}

// TestTroubleIsShownAndPasses: throttling and errors of both sides are the reason of RUNNING while they last; no request
// is sent inside a pause (invariant 10).
func TestTroubleIsShownAndPasses(t *testing.T) {
	h := newHouse(t, 400)
	h.serve("i")
	h.Command(workflow.Start)
	h.synced()
	stopThrottle := h.campaign.Faults().Inject(remotetest.Fault{Kind: remotetest.Throttle, Rate: 1, RetryAfter: 1})
	for id := range h.dynamics.Rows("contact") {
		h.dynamics.Put("contact", map[string]any{"contactid": id, "lastname": "Throttled"})
	}
	h.Status("i", workflow.Running, "writing: waiting since")
	stopThrottle()
	h.synced()
	stopError := h.dynamics.Inject(remotetest.Fault{Kind: remotetest.Error, Rate: 1, Status: 503})
	h.Status("i", workflow.Running, "reading contact: retrying since")
	stopError()
	h.Until("the trouble is over", func() bool { return h.Beat("i").Reason == "" })
	for name, stats := range map[string]*remotetest.Stats{"Campaign": h.campaign.Stats(), "Dynamics": h.dynamics.Stats()} {
		if n := stats.Get("duringRetryAfter"); n != 0 {
			t.Errorf("%d requests to %s inside Retry-After", n, name)
		}
	}
}

// TestFaultStormsLoseNothing: every kind of fault at once, on both sides, under change.
func TestFaultStormsLoseNothing(t *testing.T) {
	h := newHouse(t, 800)
	h.serve("i")
	h.Command(workflow.Start)
	h.Until("the first writes", func() bool { return h.campaign.WriteCount() > 0 })
	var stops []func()
	for _, kind := range []remotetest.Fault{
		{Kind: remotetest.Cut, Rate: 0.05}, {Kind: remotetest.TimeoutAfterWrite, Rate: 0.05}, {Kind: remotetest.Error, Rate: 0.05, Status: 502},
		{Kind: remotetest.Throttle, Rate: 0.002, RetryAfter: 1}, {Kind: remotetest.Latency, Rate: 0.2, LatencyMs: 5},
	} {
		stops = append(stops, h.campaign.Faults().Inject(kind), h.dynamics.Inject(kind))
	}
	for range 5 {
		for id := range h.dynamics.Rows("contact") {
			if id[0]%4 == 0 {
				h.dynamics.Put("contact", map[string]any{"contactid": id, "firstname": "Stormy " + id[:8]})
			}
		}
		h.dynamics.Delete("contact", someContact(h))
	}
	for _, stop := range stops {
		stop()
	}
	h.synced()
	if n := h.Failures(); n != 0 {
		t.Errorf("%d records were rejected for trouble that passes", n)
	}
}

// TestOneOfTwoWrites (invariant 5) and the other takes over when the first is stopped cleanly.
func TestOneOfTwoWrites(t *testing.T) {
	h := newHouse(t, 100)
	stopOne := h.serve("one")
	h.Command(workflow.Start)
	h.synced()
	h.serve("two")
	h.Status("two", workflow.Stopped, "standby: one is active")
	begin := time.Now()
	stopOne()
	h.dynamics.Put("contact", map[string]any{"contactid": someContact(h), "lastname": "By two"})
	h.synced()
	if took := time.Since(begin); took > soon {
		t.Errorf("the standby took %v after a clean stop", took)
	}
	h.Status("two", workflow.Running, "")
}

// TestReplayReadsTheTableAgainAtTheNextStart, writes what was lost at Campaign, and is asked for once.
func TestReplayReadsTheTableAgainAtTheNextStart(t *testing.T) {
	h := newHouse(t, 1200)
	h.serve("i")
	h.Command(workflow.Start)
	h.synced()
	h.Command(workflow.Stop)
	h.Status("i", workflow.Stopped, "")
	lost := someContact(h)
	byHand, err := campaign.New(h.cfg.Campaign)
	if err != nil {
		t.Fatal(err)
	}
	defer byHand.Close()
	if _, err := byHand.Update(h.Context(), campaign.Write{Resource: "profile", KeyField: "externalId", Key: lost, Fields: map[string]any{"lastName": "Edited by hand"}}); err != nil {
		t.Fatal(err)
	}
	asked := h.edit(func(doc *config.IngressDoc) { doc.Mappings[0].ReplayRequested = true })
	h.Command(workflow.Start)
	h.Until("the replay has read everything and brought it back", func() bool {
		return h.Beat("i").Counters.Read >= 2400 && h.equal() && h.Backlog().Total() == 0
	})
	latest, err := bus.NewConfigs(h.Conn).Latest(h.Context(), workflow.Ingress)
	if err != nil || strings.Contains(string(latest.Document), `"replayRequested": true`) {
		t.Errorf("the request still stands: %v", err)
	}
	beat := h.Status("i", workflow.Running, "")
	if beat.ConfigRevision != latest.Number || beat.ConfigRevision <= asked {
		t.Errorf("it runs on revision %d, the latest is %d", beat.ConfigRevision, latest.Number)
	}
}

// TestAReplayIsTakenUpOnceAStart: an edit between the start and the replay leaves the request in the revision that the start is for. What
// takes the run over goes on with the replay and does not begin it again.
func TestAReplayIsTakenUpOnceAStart(t *testing.T) {
	h := newHouse(t, 300)
	stop := h.serve("i")
	h.Command(workflow.Start)
	h.synced()
	h.Command(workflow.Stop)
	h.Status("i", workflow.Stopped, "")
	h.edit(func(doc *config.IngressDoc) { doc.Mappings[0].ReplayRequested = true })
	mend := h.dynamics.Inject(remotetest.Fault{Kind: remotetest.Error, Rate: 1, Status: 503, Paths: remotetest.PathsAll})
	h.Command(workflow.Start)
	h.Status("i", workflow.Starting, "")
	h.edit(func(doc *config.IngressDoc) { doc.Mappings[0].ApplyDeletes = false })
	mend()
	h.Until("the replay has read everything", func() bool { return h.Beat("i").Counters.Read >= 600 && h.Backlog().Total() == 0 })
	stop()
	h.serve("j")
	h.touchContact(someContact(h), "after the replay")
	h.Until("the other one goes on", func() bool { return h.equal() && h.Backlog().Total() == 0 && h.Beat("j").Counters.Read > 0 })
	if n := h.Beat("j").Counters.Read; n >= 300 {
		t.Errorf("%d rows were read: the replay began again", n)
	}
}

// TestATableThatGoesElsewhereIsReadAgain: a mapping that is deleted and added for another resource has every row written there.
func TestATableThatGoesElsewhereIsReadAgain(t *testing.T) {
	h := newHouse(t, 300)
	h.campaign.DefineResource(campaigntest.Resource{Name: "cusPerson", Schema: "cus:person", API: campaigntest.Extended, Key: "personId",
		Fields: []campaigntest.Field{{Name: "personId", Type: campaigntest.String, Length: 100}, {Name: "name", Type: campaigntest.String, Length: 50}}})
	h.serve("i")
	h.Command(workflow.Start)
	h.synced()
	h.Command(workflow.Stop)
	h.Status("i", workflow.Stopped, "")
	h.edit(func(doc *config.IngressDoc) {
		doc.Mappings[0].Resource, doc.Mappings[0].Key.Field = "cusPerson", "personId"
		doc.Mappings[0].Fields = []config.FieldMapping{{Column: "lastname", Field: "name", ApplyUpdates: true, TooLong: config.Truncate}}
	})
	h.Command(workflow.Start)
	h.Until("every contact is a person too", func() bool { return h.campaign.Len("cusPerson") == 300 && h.Backlog().Total() == 0 })
}

// TestPreviewWritesNothing and shows what would be written beside what is there.
func TestPreviewWritesNothing(t *testing.T) {
	h := newHouse(t, 8)
	h.serve("i")
	h.Until("the service lives", func() bool { return h.Beat("i").Instance != "" })
	doc := config.DefaultIngress()
	var first catalog.Preview
	if err := bus.Ask(h.Context(), h.Conn, workflow.Ingress, catalog.AskPreview, catalog.PreviewRequest{Mapping: doc.Mappings[0], Limit: 3}, &first); err != nil {
		t.Fatal(err)
	}
	if len(first.Rows) != 3 || h.campaign.WriteCount() != 0 {
		t.Fatalf("%d rows, %d writes; want 3 and none", len(first.Rows), h.campaign.WriteCount())
	}
	for _, row := range first.Rows {
		if row.Action != "create" || len(row.Fields) != len(doc.Mappings[0].Fields) {
			t.Errorf("%+v", row)
		}
	}
	h.Command(workflow.Start)
	h.synced()
	written := h.campaign.WriteCount()
	var second catalog.Preview
	mapping := doc.Mappings[0]
	mapping.Replacements = append(mapping.Replacements, config.Replacement{Column: "lastname", From: "", To: "Nobody"})
	mapping.Fields = append(mapping.Fields, config.FieldMapping{Column: "jobtitle", Field: "title", ApplyUpdates: true})
	if err := bus.Ask(h.Context(), h.Conn, workflow.Ingress, catalog.AskPreview, catalog.PreviewRequest{Mapping: mapping}, &second); err != nil {
		t.Fatal(err)
	}
	for _, row := range second.Rows {
		for _, field := range row.Fields {
			if changed := field.Field == "title" && field.Would != nil && field.Would != ""; field.Changes != changed {
				t.Errorf("%s: %+v", row.Key, field)
			}
		}
	}
	if h.campaign.WriteCount() != written {
		t.Error("a preview wrote")
	}
	mapping.Table = "nothing"
	if err := bus.Ask(h.Context(), h.Conn, workflow.Ingress, catalog.AskPreview, catalog.PreviewRequest{Mapping: mapping}, &second); !fault.Is(err, fault.Invalid) {
		t.Errorf("a table that does not exist: %v (%v)", err, fault.KindOf(err))
	}
	var count catalog.Count
	if err := bus.Ask(h.Context(), h.Conn, workflow.Ingress, catalog.AskCount, catalog.Name{Name: "contact"}, &count); err != nil || count.Rows != 8 {
		t.Errorf("count %+v, %v", count, err)
	}
	if err := bus.Ask(h.Context(), h.Conn, workflow.Egress, catalog.AskCount, catalog.Name{}, &count); !fault.Is(err, fault.Transient) {
		t.Errorf("a service that is not alive: %v", err)
	}
}

// TestAKilledRunStartsOverOnItsRevision: an edit waits for a stop and a start, whoever runs (invariant 7).
func TestAKilledRunStartsOverOnItsRevision(t *testing.T) {
	h := newHouse(t, 5)
	stop := h.serve("one")
	h.Command(workflow.Start)
	h.synced()
	first := h.Status("one", workflow.Running, "").ConfigRevision
	second := h.edit(func(doc *config.IngressDoc) { doc.Mappings[0].ApplyDeletes = false })
	stop()
	h.serve("two")
	h.Status("two", workflow.Running, "")
	if got := h.Beat("two").ConfigRevision; got != first {
		t.Errorf("the next process runs on revision %d, the start was for %d", got, first)
	}
	h.Command(workflow.Stop)
	h.Command(workflow.Start)
	h.Until("it runs on the edit", func() bool {
		beat := h.Beat("two")
		return beat.Status == workflow.Running && beat.ConfigRevision == second
	})
}
