package consent_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/consent"
)

var bothWays = consent.Rule{Direction: consent.BothWays, ToleranceSeconds: int(tolerance.Seconds())}

func TestTells(t *testing.T) {
	known := consent.State{Agreed: consent.Values{email: false, phone: true}, Heard: map[string]time.Time{email: at}}
	later, same := map[string]time.Time{email: at.Add(time.Second)}, map[string]time.Time{email: at}
	for _, tc := range []struct {
		name   string
		known  consent.State
		rule   consent.Rule
		report consent.Report
		want   bool
	}{
		{"nothing is known", consent.State{}, bothWays, consent.Report{From: consent.Dynamics, Values: consent.Values{email: false}}, true},
		{"an echo", known, bothWays, consent.Report{From: consent.Dynamics, Values: consent.Values{email: false, phone: true}}, false},
		{"an edit", known, bothWays, consent.Report{From: consent.Dynamics, Values: consent.Values{email: true, phone: true}}, true},
		{"a field that is new", known, bothWays, consent.Report{From: consent.Dynamics, Values: consent.Values{email: false, "ccpaOptOut": false}}, true},
		{"the same file again", known, bothWays, consent.Report{From: consent.Campaign, Values: consent.Values{email: false, phone: true}, Times: same}, false},
		{"a later opt-in of the same value", known, bothWays, consent.Report{From: consent.Campaign, Values: consent.Values{email: false, phone: true}, Times: later}, true},
		{"a later opt-out of the same value", known, bothWays, consent.Report{From: consent.Campaign, Values: consent.Values{phone: true}, Times: map[string]time.Time{phone: at}}, false},
		{"Campaign leads", known, consent.Rule{Direction: consent.ToDynamics}, consent.Report{From: consent.Campaign, Values: consent.Values{email: false, phone: true}, Times: same}, true},
	} {
		if got := tc.known.Tells(tc.rule, tc.report); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

// An opt-in of Campaign is decided where it is read, although it was agreed before: Dynamics may hold an older opt-out
// that was not read yet.
func TestLaterOptInMeetsUnreadOptOut(t *testing.T) {
	known := consent.State{Agreed: consent.Values{email: false}, Heard: map[string]time.Time{email: at.Add(-24 * time.Hour)}}
	report := consent.Report{From: consent.Campaign, Values: consent.Values{email: false}, Times: map[string]time.Time{email: at}}
	contact := consent.Contact{Values: consent.Values{email: true}, Version: 7, Modified: at.Add(-time.Hour)}
	plan := bothWays.Plan(known, report, report.Values, contact)
	if diff := cmp.Diff(consent.Values{email: false}, plan.ToDynamics); diff != "" || len(plan.ToCampaign) > 0 {
		t.Errorf("Dynamics: %s, Campaign: %v", diff, plan.ToCampaign)
	}
}

// What somebody else changed after us counts with its own time, what we changed with the time before.
func TestTimeBehindOurOwnChange(t *testing.T) {
	known := consent.State{Agreed: consent.Values{email: true}, Own: consent.Own{Version: 7, Before: at.Add(-time.Hour)}}
	report := consent.Report{From: consent.Campaign, Values: consent.Values{email: false}, Times: map[string]time.Time{email: at}}
	for version, want := range map[int64]bool{7: false, 8: true} {
		plan := bothWays.Plan(known, report, report.Values, consent.Contact{Values: consent.Values{email: true}, Version: version, Modified: at})
		if len(plan.Decisions) != 1 || plan.Decisions[0].Value != want {
			t.Errorf("version %d: %+v", version, plan.Decisions)
		}
		if after := plan.After(consent.Written{Dynamics: true, Version: 9}); version == 7 && !after.Own.Before.Equal(known.Own.Before) {
			t.Errorf("behind two changes of ours the time is %s", after.Own.Before)
		}
	}
}

// What is stored is read again by later releases.
func TestStateAsStored(t *testing.T) {
	state := consent.State{Agreed: consent.Values{email: true}, Heard: map[string]time.Time{email: at}, Own: consent.Own{Version: 7, Before: at}}
	const stored = `{"agreed":{"blackListEmail":true},"heard":{"blackListEmail":"2026-03-01T12:00:00Z"},"own":{"version":7,"before":"2026-03-01T12:00:00Z"}}`
	got, err := json.Marshal(state)
	if err != nil || string(got) != stored {
		t.Errorf("stored as %s (%v)", got, err)
	}
	var back consent.State
	if err := json.Unmarshal([]byte(stored), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(state, back); diff != "" {
		t.Error(diff)
	}
	if empty, err := json.Marshal(consent.State{}); err != nil || string(empty) != "{}" {
		t.Errorf("nothing is stored as %s (%v)", empty, err)
	}
	decision, err := json.Marshal(bothWays.Judge(email, consent.Side{Value: false, At: at}, consent.Side{Value: true}))
	const want = `{"direction":"bidirectional","toleranceSeconds":300,"field":"blackListEmail","campaign":{"value":false,"at":"2026-03-01T12:00:00Z"},` +
		`"dynamics":{"value":true},"value":true,"ground":"opt-out-wins","winner":"dynamics","write":"campaign"}`
	if err != nil || string(decision) != want {
		t.Errorf("a decision is stored as %s (%v)", decision, err)
	}
}

func TestOnly(t *testing.T) {
	state := consent.State{Agreed: consent.Values{email: true, phone: true}, Heard: map[string]time.Time{phone: at}}
	got := state.Only(func(field string) bool { return field == email })
	if diff := cmp.Diff(consent.State{Agreed: consent.Values{email: true}, Heard: map[string]time.Time{}}, got); diff != "" {
		t.Error(diff)
	}
	if !got.Known() || (consent.State{}).Known() {
		t.Error("knows too little or too much")
	}
}

// When a field is mapped that was not asked for before, the poll before says nothing of it and all of the others: an opt-in made since
// then holds, and in doubt the opt-out does.
func TestAFreshFieldHasNoSince(t *testing.T) {
	const phone = "blackListPhone"
	out, in := consent.Values{email: true, phone: true}, consent.Values{email: false, phone: false}
	report := consent.Report{From: consent.Campaign, Values: in, Since: at, Fresh: []string{phone}}
	plan := bothWays.Plan(consent.State{Agreed: out}, report, in, consent.Contact{Values: out, Version: 7, Modified: at.Add(-time.Hour)})
	if diff := cmp.Diff(consent.Values{email: false}, plan.ToDynamics); diff != "" {
		t.Errorf("to Dynamics: %s", diff)
	}
	if diff := cmp.Diff(consent.Values{phone: true}, plan.ToCampaign); diff != "" {
		t.Errorf("to Campaign: %s", diff)
	}
}
