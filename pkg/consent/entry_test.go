package consent_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/consent"
)

// What was agreed of one column says nothing of another that the field is mapped to now.
func TestKnownOfOtherColumns(t *testing.T) {
	entry := consent.Entry{Columns: map[string]string{email: "donotbulkemail", phone: "donotphone"},
		State: consent.State{Agreed: consent.Values{email: true, phone: true}}}
	got := entry.Known(map[string]string{email: "donotbulkemail", phone: "new_donotcall", "ccpaOptOut": "new_ccpa"})
	if diff := cmp.Diff(consent.Values{email: true}, got.Agreed); diff != "" {
		t.Error(diff)
	}
}

// Decisions are the same after they were stored and read, and one that was tampered with is told.
func TestDecidedAgain(t *testing.T) {
	plan := bothWays.Plan(consent.State{}, consent.Report{From: consent.Dynamics, Values: consent.Values{email: true, phone: false}},
		consent.Values{email: false, phone: true}, consent.Contact{Values: consent.Values{email: true, phone: false}, Version: 1, Modified: at.Local()})
	data, err := json.Marshal(consent.Entry{Decisions: plan.Decisions})
	if err != nil {
		t.Fatal(err)
	}
	var entry consent.Entry
	if err := json.Unmarshal(data, &entry); err != nil {
		t.Fatal(err)
	}
	if len(entry.Decisions) != 2 || len(entry.Differing()) > 0 {
		t.Errorf("%d decisions, decided differently: %v", len(entry.Decisions), entry.Differing())
	}
	entry.Decisions[1].Value = !entry.Decisions[1].Value
	if diff := cmp.Diff([]string{phone}, entry.Differing()); diff != "" {
		t.Error(diff)
	}
}
