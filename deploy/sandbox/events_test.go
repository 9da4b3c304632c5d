package sandbox_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/deploy/sandbox"
	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// serve runs a sandbox until the test ends.
func serve(t *testing.T, cfg sandbox.Config) *sandbox.Sandbox {
	t.Helper()
	cfg.Dynamics, cfg.Campaign = "127.0.0.1:0", "127.0.0.1:0"
	s, err := sandbox.Listen(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// The sandbox's own settings lead to events about contacts that Dynamics has.
func TestTrafficSendsEventsAboutContacts(t *testing.T) {
	s := serve(t, sandbox.Config{Contacts: 50, Seed: 1, Traffic: 100})
	client, err := campaign.New(s.CampaignConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	journal := client.Journal(campaign.JournalConfig{})
	kinds, seen := map[string]bool{}, 0
	var page campaign.JournalPage
	for len(kinds) < 4 || seen < 40 {
		if page, err = journal.Read(t.Context(), page.Next); err != nil {
			t.Fatal(fault.Message(err))
		}
		for _, e := range page.Events {
			var said struct {
				Type string
				Data struct{ RecipientID string }
			}
			if err := json.Unmarshal(e.Body, &said); err != nil || said.Data.RecipientID == "" {
				t.Fatalf("%s: %v", e.Body, err)
			}
			kinds[said.Type] = true
			seen++
		}
		pace(t, page.More)
	}
	for _, e := range s.Campaign.EmittedEvents() {
		if !e.Known {
			t.Fatalf("an event about a contact that does not exist: %+v", e)
		}
	}
}

// pace waits as an engine does between two polls.
func pace(t *testing.T, more bool) {
	t.Helper()
	if more {
		return
	}
	select {
	case <-t.Context().Done():
		t.Fatal("the sandbox sends no events")
	case <-time.After(50 * time.Millisecond):
	}
}

// The contacts of events follow those of Dynamics.
func TestEventsKnowNewContacts(t *testing.T) {
	s := serve(t, sandbox.Config{Contacts: 1, Seed: 1})
	id := s.Dynamics.Put("contact", map[string]any{"lastname": "Lee"})
	done, err := s.Campaign.AppendEvents(campaigntest.EventBatch{Count: 100})
	if err != nil || done.Unknown > 0 {
		t.Fatalf("%+v %v", done, err)
	}
	about := map[string]bool{}
	for _, e := range s.Campaign.EmittedEvents() {
		about[e.Contact] = true
		if _, ok := s.Dynamics.Row("contact", e.Contact); !ok {
			t.Errorf("Dynamics has no contact %s", e.Contact)
		}
	}
	if !about[id] || len(about) != 2 {
		t.Errorf("events about %d contacts", len(about))
	}
}
