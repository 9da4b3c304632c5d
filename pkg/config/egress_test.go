package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// TestEgressRules breaks one rule at a time in the document that ships.
func TestEgressRules(t *testing.T) {
	many := make([]string, 51)
	for i := range many {
		many[i] = strings.Repeat("x", i+1)
	}
	for _, tc := range []struct {
		name  string
		spoil func(*config.EgressDoc)
		paths []string
		says  string
	}{
		{"nothing wrong", func(*config.EgressDoc) {}, nil, ""},
		{"names missing", func(d *config.EgressDoc) {
			d.Activities.Open.Table, d.Activities.Send.Subject, d.Activities.Click.ClickedURL = "", "", ""
		}, []string{"activities.send.subject", "activities.open.table", "activities.click.clickedUrl"}, "missing"},
		{"no column's name", func(d *config.EgressDoc) { d.Activities.Bounce.OccurredOn = "Not A Column" }, []string{"activities.bounce.occurredOn"}, "logical name"},
		{"a column twice", func(d *config.EgressDoc) { d.Activities.Send.DeliveryName = "adobe_campaignname" },
			[]string{"activities.send.deliveryName"}, "already in activities.send.campaignName"},
		{"a clicked URL of opens", func(d *config.EgressDoc) { d.Activities.Open.ClickedURL = "adobe_trackingurl" }, []string{"activities.open.clickedUrl"}, "only clicks"},
		{"one table for all", func(d *config.EgressDoc) {
			for _, a := range []*config.Activity{&d.Activities.Send, &d.Activities.Open, &d.Activities.Click, &d.Activities.Bounce} {
				a.Table = "new_emailevent"
			}
		}, nil, ""},
		{"a navigation property", func(d *config.EgressDoc) { d.Activities.Send.Regarding = "regardingobjectid_contact_Adobe_emailSend" }, nil, ""},
		{"no navigation property", func(d *config.EgressDoc) { d.Activities.Send.Regarding = "../contact" }, []string{"activities.send.regarding"}, "have it found"},
		{"places of an older format", func(d *config.EgressDoc) {
			d.EventFormat.Contact, d.EventFormat.ID = "activitystreams:object.@id", "@id"
		}, nil, ""},
		{"places that events need", func(d *config.EgressDoc) {
			f := &d.EventFormat
			f.Type, f.ID, f.Time, f.Contact = "", "", "", ""
		}, []string{"eventFormat.type", "eventFormat.id", "eventFormat.time", "eventFormat.contact"}, "such as data.recipientID"},
		{"places that events may lack", func(d *config.EgressDoc) {
			f := &d.EventFormat
			f.Campaign, f.Delivery, f.MirrorPage, f.ClickedURL, f.BounceKind = "", "", "", "", ""
		}, nil, ""},
		{"no places", func(d *config.EgressDoc) { d.EventFormat.Campaign, d.EventFormat.MirrorPage = "data..id", ".x" },
			[]string{"eventFormat.campaign", "eventFormat.mirrorPage"}, "cannot be a name"},
		{"a type that is on and has no values", func(d *config.EgressDoc) {
			d.Events = config.Events{Open: true, Bounce: true}
			d.EventFormat.Types.Open, d.EventFormat.Types.Send, d.EventFormat.HardBounce = nil, nil, nil
		}, []string{"eventFormat.types.open", "eventFormat.hardBounce"}, "no event would ever be one"},
		{"a value twice", func(d *config.EgressDoc) {
			d.EventFormat.Types.Click = append(d.EventFormat.Types.Click, d.EventFormat.Types.Send[0], "")
		}, []string{"eventFormat.types.click[1]", "eventFormat.types.click[2]"}, "already in eventFormat.types.send[0]"},
		{"too many values", func(d *config.EgressDoc) { d.EventFormat.HardBounce = many }, []string{"eventFormat.hardBounce"}, "at most 50"},
		{"a value too long", func(d *config.EgressDoc) { d.EventFormat.HardBounce = []string{strings.Repeat("x", 201)} },
			[]string{"eventFormat.hardBounce[0]"}, "at most 200 characters"},
		{"no end of the journal", func(d *config.EgressDoc) { d.Journal = config.JournalSettings{First: "now"} }, []string{"journal.first", "journal.afterGap"}, "oldest or latest"},
		{"no wait", func(d *config.EgressDoc) { d.UnknownContact.WaitHours = 0 }, nil, ""},
		{"a negative wait", func(d *config.EgressDoc) { d.UnknownContact.WaitHours = -1 }, []string{"unknownContact.waitHours"}, "0 to 720"},
		{"a long wait", func(d *config.EgressDoc) { d.UnknownContact.WaitHours = 721 }, []string{"unknownContact.waitHours"}, "0 to 720"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			doc := config.DefaultEgress()
			tc.spoil(doc)
			faults := doc.Validate()
			if diff := cmp.Diff(tc.paths, paths(faults)); diff != "" {
				t.Errorf("%s\n%v", diff, faults)
			}
			if !strings.Contains(faults.Error(), tc.says) {
				t.Errorf("%q does not say %q", faults.Error(), tc.says)
			}
		})
	}
}

// TestAnEgressDocumentOfAnOlderVersion gets the defaults of what it does not mention, and keeps what it says.
func TestAnEgressDocumentOfAnOlderVersion(t *testing.T) {
	doc, err := config.Parse(workflow.Egress, []byte(`{"events":{"send":true,"open":false,"click":false,"bounce":false},
		"activities":{"send":{"table":"new_send","campaignName":"new_campaign","deliveryName":"new_delivery","occurredOn":"new_on","mirrorPage":"new_page"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := config.DefaultEgress()
	want.Events.Send = true
	want.Activities.Send = config.Activity{Table: "new_send", Subject: "subject", CampaignName: "new_campaign", DeliveryName: "new_delivery",
		OccurredOn: "new_on", MirrorPage: "new_page"}
	if diff := cmp.Diff(want, doc); diff != "" {
		t.Error(diff)
	}
}

// TestListsOfEventsAreReplacedWhole: a default never shines through a list that a document gives.
func TestListsOfEventsAreReplacedWhole(t *testing.T) {
	doc, err := config.Decode(workflow.Egress, []byte(`{"eventFormat":{"types":{"send":["sent"],"open":[],"click":null},"hardBounce":["hard","invalid"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := config.DefaultEventFormat()
	want.Types.Send, want.Types.Open, want.Types.Click, want.HardBounce = []string{"sent"}, []string{}, []string{}, []string{"hard", "invalid"}
	if diff := cmp.Diff(want, doc.(*config.EgressDoc).EventFormat); diff != "" {
		t.Error(diff)
	}
}

func TestWholeNumbers(t *testing.T) {
	for text, want := range map[string]string{
		"1.5": "a number stands where a whole number belongs", "1e2": "a number stands where a whole number belongs", "99999999999": "a number stands where a whole number belongs",
		`"24"`: "a text stands where a whole number belongs", "null": "null stands where a whole number belongs",
	} {
		_, err := config.Decode(workflow.Egress, []byte(`{"unknownContact":{"waitHours":`+text+`}}`))
		if diff := cmp.Diff([]string{"unknownContact.waitHours: " + want + "; give a whole number"}, faultsOf(t, err)); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestAListOfTextsIsComparedByText(t *testing.T) {
	before, after := config.DefaultEgress(), config.DefaultEgress()
	before.EventFormat.HardBounce = []string{"hard", "invalid"}
	after.EventFormat.HardBounce = []string{"blocked", "hard"}
	changes, err := config.Diff(encode(t, before), encode(t, after))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"eventFormat.hardBounce[blocked] added", "eventFormat.hardBounce[invalid] removed"}, changes); diff != "" {
		t.Error(diff)
	}
}
