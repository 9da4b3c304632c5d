package campaign_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

func optOut(key string, value any) campaign.Write {
	return campaign.Write{Resource: "profile", KeyField: "externalId", Key: key, Fields: map[string]any{"blackListEmail": value}}
}

func TestUpdateNeverCreates(t *testing.T) {
	for name, s := range setups() {
		t.Run(name, func(t *testing.T) {
			h := start(t, s.opt, s.change)
			put(t, h, map[string]any{"externalId": "k"})
			if _, err := h.client.Update(t.Context(), optOut("missing", true)); !fault.Is(err, fault.NotFound) {
				t.Errorf("missing: %v", err)
			}
			before := h.EngineCalls()
			outcome, err := h.client.Update(t.Context(), optOut("k", true))
			if err != nil || outcome != campaign.Updated {
				t.Errorf("%v, %v", outcome, err)
			}
			byKey := s.change == nil
			if calls := h.EngineCalls(); calls.Update != before.Update+1 || byKey && calls.Read != before.Read || calls.Read > before.Read+1 {
				t.Errorf("calls %+v, before %+v", calls, before)
			}
			w := optOut("k", true)
			w.Fields = nil
			if outcome, err := h.client.Update(t.Context(), w); err != nil || outcome != campaign.Unchanged {
				t.Errorf("without fields: %v, %v", outcome, err)
			}
			if _, err := h.client.Update(t.Context(), optOut("k", "perhaps")); !fault.Is(err, fault.Rejected) {
				t.Errorf("a value that is none: %v", err)
			}
			if h.Len("profile") != 1 || h.Profiles()["k"]["blackListEmail"] != true {
				t.Errorf("left %v", h.Profiles())
			}
		})
	}
}

func TestUpdateMayBeRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, campaigntest.Options{Seed: 3}, nil)
		put(t, h, map[string]any{"externalId": "k"})
		for _, f := range []remotetest.Fault{{Kind: remotetest.TimeoutAfterWrite, Rate: 0.4}, {Kind: remotetest.Cut, Rate: 0.3}, {Kind: remotetest.Throttle, Rate: 0.1, RetryAfter: 1}} {
			h.Faults().Inject(f)
		}
		for i := range 20 {
			err := insist(t.Context(), func() error { _, err := h.client.Update(t.Context(), optOut("k", i%2 == 0)); return err })
			if err != nil || h.Profiles()["k"]["blackListEmail"] != (i%2 == 0) {
				t.Fatalf("%d: %v, %v", i, err, h.Profiles())
			}
		}
	})
}

func TestProfile(t *testing.T) {
	for name, s := range setups() {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
			s.opt.Now = func() time.Time { return now }
			h := start(t, s.opt, s.change)
			put(t, h, map[string]any{"externalId": "k", "email": "a@b.c", "blackList": true})
			got, err := h.client.Profile(t.Context(), "profile", "externalId", "k", []string{"blackList", "ccpaOptOut", "noSuchField"})
			if err != nil || len(got.Fields) != 2 || got.Fields["blackList"] != true || got.Fields["ccpaOptOut"] != false || !got.LastModified.Equal(now) {
				t.Errorf("%+v, %v", got, err)
			}
			if calls := h.EngineCalls(); calls.Read != 1 {
				t.Errorf("%d engine calls", calls.Read)
			}
			if _, err := h.client.Profile(t.Context(), "profile", "externalId", "missing", nil); !fault.Is(err, fault.NotFound) {
				t.Errorf("missing: %v", err)
			}
		})
	}
}
