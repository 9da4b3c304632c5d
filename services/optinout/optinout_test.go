package optinout_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/consent"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// What people say on both sides is the same on both sides in the end: an opt-out of Dynamics at once, one of Campaign with
// its next file.
func TestBothWays(t *testing.T) {
	h := newHouse(t, 50)
	h.configure(func(*config.OptInOutDoc) {})
	h.run()
	h.agreed()

	h.contact(h.ids[0], map[string]any{"donotbulkemail": true})
	h.Until("an opt-out of Dynamics is in Campaign", func() bool {
		row, _ := h.campaign.Find("profile", h.ids[0])
		return row["blackListEmail"] == true
	})
	h.profile(h.ids[1], map[string]any{"blackListPhone": true})
	file := h.export(campaigntest.ExportOptions{}).File
	h.agreed()
	if row, _ := h.dynamics.Row("contact", h.ids[1]); row["donotphone"] != true {
		t.Error("an opt-out of Campaign is not in Dynamics")
	}
	entries := h.entries(h.ids[1])
	if len(entries) != 2 || entries[1].Phase != consent.Outcome || entries[1].Source != "export" || !strings.HasPrefix(entries[1].Origin, file+":") {
		t.Errorf("%+v", entries)
	}

	// The echo of both is read, and nothing is written.
	before := h.writes()
	h.export(campaigntest.ExportOptions{})
	h.contact(h.ids[2], map[string]any{"lastname": "Other"})
	h.Until("the file was read", func() bool { return h.Beat("a").Counters.Settled() > 0 && h.Backlog().Total() == 0 })
	h.agreed()
	if h.writes() != before {
		t.Errorf("%d writes of an echo: %+v", h.writes()-before, h.dynamics.Writes())
	}
}

// TestStorms: edits on both sides, files and polls of the API, while both systems throttle, fail and cut connections, and
// while the service is replaced.
func TestStorms(t *testing.T) {
	for _, source := range []config.OptOutSource{config.ExportFile, config.Both} {
		t.Run(string(source), func(t *testing.T) {
			h := newHouse(t, 30)
			h.configure(func(d *config.OptInOutDoc) { d.Source = source })
			stop := h.serve("a")
			h.Command(workflow.Start)
			h.Status("a", workflow.Running, "")
			random, newest := rand.New(rand.NewPCG(7, uint64(len(source)))), map[string]bool{}
			for round := range 6 {
				for _, f := range []remotetest.Fault{
					{Kind: remotetest.Throttle, Rate: 0.1, Seconds: 3, RetryAfter: 1},
					{Kind: remotetest.Error, Rate: 0.05, Seconds: 3, Status: 503},
					{Kind: remotetest.TimeoutAfterWrite, Rate: 0.05, Seconds: 3},
				} {
					h.dynamics.Inject(f)
					h.campaign.Faults().Inject(f)
				}
				h.edit(random, 40, newest)
				if h.campaign.Unexported() > 0 {
					h.export(campaigntest.ExportOptions{})
				}
				if round%3 == 1 {
					stop()
					stop = h.serve("a")
				}
			}
			h.Until("everything was exported", func() bool {
				if h.campaign.Unexported() > 0 {
					h.export(campaigntest.ExportOptions{})
				}
				return h.Backlog().Total() == 0 && len(h.differences()) == 0
			})
			h.agreed()
			for statement, out := range newest {
				var id, field string
				if _, err := fmt.Sscan(statement, &id, &field); err != nil {
					t.Fatal(err)
				}
				if row, _ := h.campaign.Find("profile", id); out && row[field] != true {
					t.Errorf("%s: the newest statement is an opt-out, and it is lost: %+v", statement, h.entries(id))
				}
			}
			for _, id := range h.ids {
				for _, entry := range h.entries(id) {
					if differing := entry.Differing(); len(differing) > 0 {
						t.Errorf("decided again it is another decision: %v", differing)
					}
				}
			}
		})
	}
}

// Through the API nothing waits for a file, and no SFTP server is needed.
func TestThroughTheAPI(t *testing.T) {
	h := newHouse(t, 10)
	h.configure(func(d *config.OptInOutDoc) { d.Source, d.ClockToleranceMinutes = config.API, 0 })
	h.cfg.SFTP.Addr = ""
	id := h.ids[3]
	h.contact(id, map[string]any{"donotbulkemail": true})
	h.run()
	h.agreed()
	h.profile(h.ids[4], map[string]any{"blackListEmail": true})
	h.Until("the opt-out is in Dynamics", func() bool {
		row, _ := h.dynamics.Row("contact", h.ids[4])
		return row["donotbulkemail"] == true
	})
	h.agreed()
	if len(h.entries(id)) == 0 {
		t.Error("an opt-out is not known")
	}
}

func TestCampaignToDynamics(t *testing.T) {
	h := newHouse(t, 10)
	h.configure(func(d *config.OptInOutDoc) { d.Direction = config.CampaignToDynamics })
	h.contact(h.ids[0], map[string]any{"donotbulkemail": true, "donotphone": true})
	h.profile(h.ids[0], map[string]any{"blackListEmail": false, "blackListPhone": true})
	h.run()
	h.export(campaigntest.ExportOptions{})
	h.Until("Dynamics is as Campaign is", func() bool {
		row, _ := h.dynamics.Row("contact", h.ids[0])
		return row["donotbulkemail"] == false && row["donotphone"] == true && h.Backlog().Total() == 0
	})
	if n := h.campaign.EngineCalls(); n.Update > 0 {
		t.Errorf("Campaign was written %d times", n.Update)
	}
}

// TestAFieldThatIsMappedLaterIsReconciled: what stood there before is told as well, from either side.
func TestAFieldThatIsMappedLaterIsReconciled(t *testing.T) {
	for _, direction := range []config.Direction{config.CampaignToDynamics, config.Bidirectional} {
		t.Run(string(direction), func(t *testing.T) {
			h := newHouse(t, 5)
			mapped := func(list []config.OptOutMapping) {
				h.configure(func(d *config.OptInOutDoc) {
					d.Direction, d.Source, d.Mappings, d.ClockToleranceMinutes = direction, config.API, list, 0
				})
			}
			mapped(mappings()[:1])
			h.profile(h.ids[0], map[string]any{"blackListPhone": true})
			h.contact(h.ids[1], map[string]any{"donotphone": true})
			h.run()
			h.profile(h.ids[2], map[string]any{"blackListEmail": true})
			h.Until("what is mapped arrives", func() bool {
				row, _ := h.dynamics.Row("contact", h.ids[2])
				return row["donotbulkemail"] == true && h.Backlog().Total() == 0
			})
			h.Command(workflow.Stop)
			h.Status("a", workflow.Stopped, "")
			mapped(mappings())
			h.Command(workflow.Start)
			h.Until("an opt-out that stood in Campaign is in Dynamics", func() bool {
				row, _ := h.dynamics.Row("contact", h.ids[0])
				return row["donotphone"] == true
			})
			// What was changed just now would be asked for again anyway.
			stream, err := h.Conn.JetStream().Stream(h.Context(), bus.StreamEvents)
			if err != nil {
				t.Fatal(err)
			}
			h.Until("it is said that all profiles are read again", func() bool {
				for seq := uint64(1); ; seq++ {
					msg, err := stream.GetMsg(h.Context(), seq)
					if err != nil {
						return false
					}
					if strings.Contains(string(msg.Data), "blackListPhone of profile goes to donotphone now: reading it again from the beginning") {
						return true
					}
				}
			})
			if direction == config.Bidirectional {
				h.Until("one that stood in Dynamics is in Campaign", func() bool {
					row, _ := h.campaign.Find("profile", h.ids[1])
					return row["blackListPhone"] == true
				})
			}
		})
	}
}

// One line in a hundred is broken: those stand among the failures with file, line and reason, all others are done.
func TestBrokenLines(t *testing.T) {
	h := newHouse(t, 300)
	h.configure(func(d *config.OptInOutDoc) { // The columns that are broken have to be read.
		d.Mappings = append(d.Mappings, config.OptOutMapping{Column: "donotemail", Field: "blackList"})
	})
	for _, id := range h.ids {
		h.contact(id, map[string]any{"donotbulkemail": false, "donotphone": false})
	}
	h.run()
	h.agreed()
	for _, id := range h.ids {
		h.profile(id, map[string]any{"blackListEmail": true})
	}
	done := h.export(campaigntest.ExportOptions{Broken: 0.01})
	if len(done.Broken) != 3 {
		t.Fatalf("%+v", done)
	}
	// A contact whose line is broken may be looked at for another reason.
	h.Until("all others are done", func() bool {
		return h.Beat("a").Counters.Rejected == 3 && len(h.differences()) <= 3 && h.Backlog().Total() == 0
	})
	var got []string
	stream, err := h.Conn.JetStream().Stream(h.Context(), bus.StreamFailures)
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(1); seq <= 3; seq++ {
		msg, err := stream.GetMsg(h.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, msg.Header.Get(bus.HeaderReason))
	}
	slices.Sort(got)
	for i, line := range done.Broken {
		if want := fmt.Sprintf("%s:%d: ", done.File, line); !slices.ContainsFunc(got, func(reason string) bool { return strings.HasPrefix(reason, want) && len(reason) > len(want) }) {
			t.Errorf("broken line %d is not among %q", i, got)
		}
	}
}

// A contact without a profile is counted; an opt-out of it waits for the profile.
func TestUnmatchedContacts(t *testing.T) {
	h := newHouse(t, 5)
	h.configure(func(*config.OptInOutDoc) {})
	h.run()
	h.agreed()
	lonely := h.dynamics.Put("contact", map[string]any{"lastname": "Lonely"})
	out := h.dynamics.Put("contact", map[string]any{"lastname": "Out", "donotbulkemail": true})
	h.Until("one is counted and one waits", func() bool {
		return h.Beat("a").Counters.Skipped["contacts without a profile in Campaign"] == 1 && h.Backlog().Total() == 1
	})
	if err := h.campaign.Put("profile", map[string]any{"externalId": out}); err != nil {
		t.Fatal(err)
	}
	h.Until("the opt-out has found its profile", func() bool {
		row, _ := h.campaign.Find("profile", out)
		return row["blackListEmail"] == true && h.Backlog().Total() == 0
	})
	if _, there := h.campaign.Find("profile", lonely); there {
		t.Error("a profile was created")
	}
	if err := h.campaign.Put("profile", map[string]any{"externalId": "0f8fad5b-d9cb-469f-a165-70867728950e", "blackListEmail": true}); err != nil {
		t.Fatal(err)
	}
	h.export(campaigntest.ExportOptions{})
	h.Until("the profile without a contact is counted", func() bool {
		return h.Beat("a").Counters.Skipped["profiles without a contact in Dynamics 365"] == 1
	})
}

// What cannot work says so at the start, all at once.
func TestPreflight(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(*house)
		want  []string
	}{
		{"a column of text", func(h *house) {
			h.configure(func(d *config.OptInOutDoc) {
				d.Mappings = []config.OptOutMapping{{Column: "lastname", Field: "blackListEmail"}}
			})
		}, []string{"column lastname of contact is of type String", "denyListEmail takes a column of type Yes/No"}},
		{"no such column", func(h *house) {
			h.configure(func(d *config.OptInOutDoc) {
				d.Mappings = []config.OptOutMapping{{Column: "new_optout", Field: "blackListEmail"}}
			})
		}, []string{"table contact has no column new_optout"}},
		{"no files", func(h *house) { h.configure(func(*config.OptInOutDoc) {}); h.cfg.SFTP.Addr = "" }, []string{"address of the SFTP server is empty"}},
		{"another server", func(h *house) {
			h.configure(func(*config.OptInOutDoc) {})
			h.cfg.SFTP.HostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBhi2w7DlU1xJ0mHjJY0lS4ZQx0WlGqvXyqv5WvQjE1t"
		}, []string{"key"}},
		{"ingress writes it too", func(h *house) {
			h.configure(func(*config.OptInOutDoc) {})
			doc := config.DefaultIngress()
			doc.Mappings[0].Fields = append(doc.Mappings[0].Fields, config.FieldMapping{Column: "donotbulkemail", Field: "blackListEmail"})
			h.Store(workflow.Ingress, doc)
		}, []string{"denyListEmail is mapped in Dynamics 365 to Campaign too, which would overwrite opt-outs"}},
		{"disabled", func(h *house) { h.Store(workflow.OptInOut, config.DefaultOptInOut()) }, []string{"choose a direction first"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHouse(t, 1)
			tc.spoil(h)
			h.serve("a")
			h.Command(workflow.Start)
			for _, want := range tc.want {
				h.Status("a", workflow.Failed, want)
			}
		})
	}
}

// TestReportsThatNobodyWillBringAgainAreRejected: an opt-out that waits for its profile when the direction changes stands
// among the failures, and not in the backlog for ever.
func TestReportsThatNobodyWillBringAgainAreRejected(t *testing.T) {
	h := newHouse(t, 5)
	h.configure(func(*config.OptInOutDoc) {})
	h.run()
	h.agreed()
	h.dynamics.Put("contact", map[string]any{"lastname": "Without a profile", "donotbulkemail": true})
	parked := func() uint64 {
		b, err := bus.NewQueues(h.Conn).Backlog(h.Context(), workflow.OptInOut)
		if err != nil {
			t.Fatal(err)
		}
		return b.Parked
	}
	h.Until("the opt-out waits for its profile", func() bool { return parked() == 1 })
	h.Command(workflow.Stop)
	h.Status("a", workflow.Stopped, "")
	h.configure(func(d *config.OptInOutDoc) { d.Direction = config.CampaignToDynamics })
	h.Command(workflow.Start)
	h.Status("a", workflow.Running, "")
	h.Until("it stands among the failures", func() bool {
		n, err := bus.NewQueues(h.Conn).Failures(h.Context(), workflow.OptInOut)
		return err == nil && n == 1 && h.Backlog().Total() == 0
	})
}
