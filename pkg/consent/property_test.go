package consent_test

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/causeway-sync/causeway/pkg/consent"
)

// TestComesToRest: for every order of edits, exports, deliveries, crashes and repeats on both sides, with clocks up to
// five minutes apart, both sides end equal and as the model says, nothing is written twice after the last edit, an opt-out
// that is the newest statement holds, and Campaign is never told anything but an opt-out.
func TestComesToRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t, consent.BothWays)
		api := rapid.Bool().Draw(t, "through the API")
		forgot := false
		steps := rapid.IntRange(1, 40).Draw(t, "steps")
		for range steps {
			w.now = w.now.Add(drawPause(t))
			forgot = w.drawStep(t, api) || forgot
		}
		w.finish(t, api)
		w.check(t, forgot)
	})
}

// TestCampaignLeads: in the other direction Dynamics ends as Campaign is, and Campaign is never written.
func TestCampaignLeads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t, consent.ToDynamics)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			w.now = w.now.Add(drawPause(t))
			w.drawStep(t, false)
		}
		before := maps.Clone(w.campaign)
		w.finish(t, false)
		if diff := cmp.Diff(before, w.campaign); diff != "" {
			t.Fatalf("Campaign was written: %s", diff)
		}
		if diff := cmp.Diff(w.campaign, w.contact.Values); diff != "" {
			t.Fatalf("the sides differ: %s", diff)
		}
	})
}

// TestForgettingLosesNoOptOut: with nothing known, every opt-out of either side holds on both.
func TestForgettingLosesNoOptOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t, consent.BothWays)
		before := map[string]bool{}
		for _, field := range []string{email, phone} {
			before[field] = w.campaign[field] || w.contact.Values[field]
		}
		w.readDynamics()
		w.deliver(consent.Dynamics, "", true)
		for field, out := range before {
			if w.campaign[field] != out || w.contact.Values[field] != out {
				t.Fatalf("%s: Campaign %v, Dynamics %v, want %v", field, w.campaign[field], w.contact.Values[field], out)
			}
		}
	})
}

func drawPause(t *rapid.T) time.Duration {
	return rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Second, time.Minute, 3 * time.Minute, 6 * time.Minute, 2 * time.Hour}).Draw(t, "pause")
}

func drawWorld(t *rapid.T, direction consent.Direction) *world {
	values := func(side string) consent.Values {
		return consent.Values{email: rapid.Bool().Draw(t, side+" "+email), phone: rapid.Bool().Draw(t, side+" "+phone)}
	}
	ahead := rapid.Int64Range(-int64(tolerance), int64(tolerance)).Draw(t, "Campaign's clock is ahead by")
	return newWorld(consent.Rule{Direction: direction, ToleranceSeconds: int(tolerance.Seconds())}, time.Duration(ahead/2), -time.Duration(ahead/2),
		values("Campaign"), values("Dynamics"))
}

// drawStep does one thing of many. It reports whether what was known is lost.
func (w *world) drawStep(t *rapid.T, api bool) (forgot bool) {
	field := rapid.SampledFrom([]string{email, phone}).Draw(t, "field")
	value := rapid.Bool().Draw(t, "value")
	switch rapid.SampledFrom([]string{"campaign", "campaign", "dynamics", "dynamics", "other", "report", "deliver", "deliver", "deliver", "deliver", "forget"}).Draw(t, "step") {
	case "campaign":
		w.editCampaign(field, value)
	case "dynamics":
		w.editDynamics(field, value)
	case "other":
		w.editDynamics("", false)
	case "report":
		w.report(api)
	case "deliver":
		w.meddle = func(string) {}
		if rapid.IntRange(0, 5).Draw(t, "somebody meddles") == 0 {
			w.meddle = func(string) {
				w.meddle = func(string) {}
				w.editDynamics(field, value)
			}
		}
		from := rapid.SampledFrom([]consent.Winner{consent.Campaign, consent.Dynamics}).Draw(t, "from")
		dies := rapid.SampledFrom([]crash{"", "", "", afterIntent, afterDynamics, afterCampaign}).Draw(t, "dies")
		w.deliver(from, dies, rapid.IntRange(0, 3).Draw(t, "acknowledged") > 0)
		w.meddle = func(string) {}
	case "forget":
		if rapid.IntRange(0, 5).Draw(t, "really") == 0 {
			w.known = consent.State{}
			return true
		}
	}
	return false
}

func (w *world) report(api bool) {
	if api {
		w.poll()
		return
	}
	w.export()
}

// finish reads everything that was not read, and hands out everything that was not handed out.
func (w *world) finish(t *rapid.T, api bool) {
	w.now = w.now.Add(time.Minute)
	w.report(api)
	for _, from := range []consent.Winner{consent.Dynamics, consent.Campaign, consent.Dynamics} {
		if w.rule.Direction == consent.ToDynamics && from == consent.Dynamics {
			continue
		}
		for len(w.inbox[from]) > 0 {
			w.deliver(from, "", true)
		}
	}
}

func (w *world) check(t *rapid.T, forgot bool) {
	if diff := cmp.Diff(w.campaign, w.contact.Values); diff != "" {
		t.Fatalf("the sides differ: %s", diff)
	}
	for write, times := range w.writes {
		if times > 1 {
			t.Fatalf("%s was written %d times after the last edit", write, times)
		}
	}
	for field, out := range w.unwritten {
		if out && !w.campaign[field] {
			t.Fatalf("%s: the newest statement is an opt-out, and it is lost", field)
		}
	}
	if !forgot {
		if diff := cmp.Diff(w.model.campaign, w.campaign); diff != "" {
			t.Fatalf("not as the model says: %s", diff)
		}
	}
	before := len(w.writes)
	w.export()
	w.readDynamics()
	w.deliver(consent.Dynamics, "", true)
	w.deliver(consent.Campaign, "", true)
	if len(w.writes) != before {
		t.Fatal("an echo was written")
	}
}
