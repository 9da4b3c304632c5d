package optinout

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/consent"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/record"
)

// bench is a sink with the systems that it serves.
type bench struct {
	*systems
	t      *testing.T
	ledger *bus.Ledger
	sink   *sink
	passed map[string]int
	said   []string
}

func newBench(t *testing.T, direction consent.Direction) *bench {
	b := &bench{systems: newSystems(), t: t, ledger: openLedger(t, bustest.New(t)), passed: map[string]int{}}
	b.sink = b.newSink(b.ledger, direction)
	b.sink.unmatched = &unmatched{count: func(reason string, n int) { b.passed[reason] += n }, notice: func(message string) { b.said = append(b.said, message) }}
	return b
}

func (b *bench) write(records ...record.Record) []pump.Result {
	b.t.Helper()
	clear(b.calls)
	return b.sink.Write(b.t.Context(), records)
}

// must is write where nothing may go wrong.
func (b *bench) must(records ...record.Record) {
	b.t.Helper()
	for i, r := range b.write(records...) {
		if r.Err != nil {
			b.t.Fatalf("record %d: %v", i, r.Err)
		}
	}
}

func (b *bench) wantCalls(what string, want map[string]int) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.calls); diff != "" {
		b.t.Errorf("calls of %s: %s", what, diff)
	}
}

func (b *bench) entries(id string) []consent.Entry {
	b.t.Helper()
	stored, err := b.ledger.History(b.t.Context(), id, 0, 100)
	if err != nil {
		b.t.Fatal(err)
	}
	entries := make([]consent.Entry, len(stored))
	for i, s := range stored {
		if err := json.Unmarshal(s.Data, &entries[i]); err != nil {
			b.t.Fatal(err)
		}
	}
	return entries
}

// What costs which calls: an opt-out of either side, its echo, and what does not concern us.
func TestCalls(t *testing.T) {
	b := newBench(t, consent.BothWays)
	id := newContact()
	b.person(id, consent.Values{}, consent.Values{})

	b.must(b.contactRecord(id))
	b.wantCalls("a contact that is the same on both sides", map[string]int{"read profile": 1})
	b.must(b.exportRecord(id, "optout_1.csv:2"))
	b.wantCalls("a line that is the same on both sides", map[string]int{"read contact": 1})
	if entries := b.entries(id); len(entries) > 0 {
		t.Errorf("a contact about which there is nothing to say has %d entries", len(entries))
	}

	b.editContact(id, email, true)
	b.must(b.contactRecord(id))
	b.wantCalls("an opt-out of Dynamics", map[string]int{"read profile": 1, "read contact": 1, "write profile": 1})
	b.must(b.exportRecord(id, "optout_2.csv:2"))
	b.wantCalls("its echo, which tells for the first time how old the other field is", map[string]int{"read contact": 1, "read profile": 1})
	b.must(b.exportRecord(id, "optout_2.csv:2"))
	b.wantCalls("its echo again", map[string]int{})

	b.now = b.now.Add(time.Minute)
	b.editProfile(id, phone, true)
	b.must(b.exportRecord(id, "optout_3.csv:2"))
	b.wantCalls("an opt-out of Campaign", map[string]int{"read contact": 1, "read profile": 1, "write contact": 1})
	b.must(b.contactRecord(id))
	b.wantCalls("its echo", map[string]int{})

	b.editContact(id, "", false)
	b.must(b.contactRecord(id))
	b.wantCalls("another column", map[string]int{})

	var phases []consent.Phase
	for _, entry := range b.entries(id) {
		if len(entry.Differing()) > 0 || entry.Contact != id {
			t.Errorf("%+v", entry)
		}
		phases = append(phases, entry.Phase)
	}
	if diff := cmp.Diff([]consent.Phase{consent.Intent, consent.Outcome, consent.Note, consent.Intent, consent.Outcome}, phases); diff != "" {
		t.Fatal(diff)
	}
	last := b.entries(id)[4]
	want := consent.Entry{Contact: id, Phase: consent.Outcome, Source: "export", Origin: "optout_3.csv:2", Written: []consent.Winner{consent.Dynamics}, Columns: columns()}
	want.Decisions, want.State = last.Decisions, last.State
	if diff := cmp.Diff(want, last); diff != "" || len(last.Decisions) != 1 || last.Decisions[0].Field != phone {
		t.Errorf("%s%+v", diff, last.Decisions)
	}
}

// A line that is older than what both sides say now must not pass for an agreement: the report of the change behind it
// would then tell nothing.
func TestOldLineIsNoAgreement(t *testing.T) {
	b := newBench(t, consent.BothWays)
	id := newContact()
	b.person(id, consent.Values{email: true}, consent.Values{})
	b.must(b.contactRecord(id)) // Agreed: opted out.
	b.now = b.now.Add(time.Hour)
	b.editProfile(id, email, false)
	old := b.exportRecord(id, "optout_1.csv:2")
	b.now = b.now.Add(time.Hour)
	b.editProfile(id, email, true)
	b.editContact(id, email, false)
	opposite := b.contactRecord(id)
	b.must(old, opposite)
	if !b.contacts[id].Values[email] || !b.profiles[id].values[email] {
		t.Errorf("Dynamics %v, Campaign %v", b.contacts[id].Values, b.profiles[id].values)
	}
}

// Somebody saves the contact between our reading and our writing: it is read and decided again.
func TestChangedUnderOurHands(t *testing.T) {
	b := newBench(t, consent.BothWays)
	id := newContact()
	b.person(id, consent.Values{email: true}, consent.Values{})
	b.profiles[id].changed[email] = b.now.Add(-time.Minute) // Newer than the contact.
	meddled := 0
	b.between = func(call string) error {
		if call == "write contact" && meddled < 2 {
			meddled++
			b.editContact(id, phone, meddled == 1)
		}
		return nil
	}
	b.must(b.exportRecord(id, "optout_1.csv:2"))
	// The contact was changed after the opt-in: the opt-out holds, on both sides.
	if !b.profiles[id].values[email] || !b.contacts[id].Values[email] || meddled != 1 {
		t.Errorf("Campaign %v, Dynamics %v, meddled %d times", b.profiles[id].values, b.contacts[id].Values, meddled)
	}
	restless := newContact()
	b.person(restless, consent.Values{}, consent.Values{phone: true})
	b.between = func(call string) error {
		if call == "write contact" {
			b.editContact(restless, "", false)
		}
		return nil
	}
	if got := b.write(b.exportRecord(restless, "optout_2.csv:2")); !fault.Is(got[0].Err, fault.Transient) {
		t.Errorf("a contact that never rests: %v", got[0].Err)
	}
}

func TestUnmatched(t *testing.T) {
	b := newBench(t, consent.BothWays)
	in, out, gone := newContact(), newContact(), newContact()
	for _, id := range []string{in, out, gone} {
		b.person(id, consent.Values{email: id == out}, consent.Values{})
	}
	line := b.exportRecord(gone, "optout_1.csv:9")
	delete(b.profiles, in)
	delete(b.profiles, out)
	delete(b.contacts, gone)

	if got := b.write(b.contactRecord(in)); got[0].Err != nil || !got[0].Unchanged {
		t.Errorf("a contact without a profile: %+v", got[0])
	}
	waiting := b.contactRecord(out)
	if got := b.write(waiting); !fault.Is(got[0].Err, fault.Waiting) {
		t.Errorf("an opt-out without a profile: %v", got[0].Err)
	}
	waiting.WaitingSince = time.Now().Add(-2 * time.Hour)
	b.must(waiting)
	b.must(line)
	line.Key = "ada@example.com"
	b.must(line)
	want := map[string]int{noProfile: 2, noContact: 1, noKey: 1}
	if diff := cmp.Diff(want, b.passed); diff != "" {
		t.Error(diff)
	}
	for range 20 {
		b.must(line)
	}
	if diff := cmp.Diff([]string{
		"passed over since the start: 1 " + noProfile, "passed over since the start: 1 " + noContact, "passed over since the start: 1 " + noKey,
		"passed over since the start: 10 " + noKey,
	}, b.said); diff != "" {
		t.Error(diff)
	}
}

// A contact that has waited is looked at on both sides: what it says is old.
func TestReturningReportIsOnlyAReason(t *testing.T) {
	b := newBench(t, consent.BothWays)
	id := newContact()
	b.person(id, consent.Values{email: true}, consent.Values{})
	waited := b.contactRecord(id)
	waited.WaitingSince = time.Now()
	b.contacts[id].Values[email], b.profiles[id].values[email] = false, true
	b.must(waited)
	if !b.contacts[id].Values[email] {
		t.Error("the sides differ")
	}
}

func TestBroken(t *testing.T) {
	b := newBench(t, consent.BothWays)
	for _, tc := range []struct{ name, source, key, data, want string }{
		{"a broken line", "export", "optout_1.csv:17", `{"origin":"optout_1.csv:17","broken":"column blackListEmail: neither true nor false"}`,
			"optout_1.csv:17: column blackListEmail: neither true nor false"},
		{"a value of another type", "export", newContact(), `{"origin":"optout_1.csv:18","values":{"blackListEmail":"secret"}}`,
			"optout_1.csv:18: the value of blackListEmail is string and not true or false"},
		{"no JSON", "profile", "k", `[]`, "profile k cannot be understood: its data are not those of this version"},
		{"a contact without a time", "contact", "k", `{"donotbulkemail":true}`, "contact k: column modifiedon holds no date and time"},
		{"a contact of another type", "contact", "k", `{"donotbulkemail":3}`, "contact k: the value of column donotbulkemail is json.Number and not true or false"},
	} {
		got := b.write(record.Record{Source: tc.source, Key: tc.key, Op: record.Upsert, Data: []byte(tc.data)})
		if !fault.Is(got[0].Err, fault.Rejected) || fault.Message(got[0].Err) != tc.want {
			t.Errorf("%s: %v", tc.name, got[0].Err)
		}
	}
	b.must(record.Record{Source: "contact", Key: newContact(), Op: record.Delete})
	b.wantCalls("a deletion", map[string]int{})
}

// A time that has not come yet would make an opt-in the newest statement for good: it is not believed.
func TestTimesOfTheFuture(t *testing.T) {
	b := newBench(t, consent.BothWays)
	id := newContact()
	b.person(id, consent.Values{email: true}, consent.Values{})
	b.profiles[id].changed[email] = b.now.Add(24 * time.Hour)
	b.must(b.exportRecord(id, "optout_1.csv:2"))
	if !b.profiles[id].values[email] || !b.contacts[id].Values[email] || b.passed[future] != 1 {
		t.Errorf("Campaign %v, Dynamics %v, %v", b.profiles[id].values, b.contacts[id].Values, b.passed)
	}
}

func TestCampaignLeads(t *testing.T) {
	b := newBench(t, consent.ToDynamics)
	id := newContact()
	b.person(id, consent.Values{email: true}, consent.Values{phone: true})
	b.must(b.exportRecord(id, "optout_1.csv:2"))
	if diff := cmp.Diff(consent.Values{email: false, phone: true}, b.contacts[id].Values); diff != "" {
		t.Error(diff)
	}
	b.must(b.exportRecord(id, "optout_2.csv:2"))
	b.wantCalls("the same again", map[string]int{"read contact": 1})
	if entries := b.entries(id); len(entries) != 2 || entries[1].Phase != consent.Outcome {
		t.Errorf("%+v", entries)
	}
}

// The API does not tell when a field was changed. What differs from what was agreed has changed since the horizon that the
// report names; of a contact of which nothing is known nothing can be told.
func TestAPIReports(t *testing.T) {
	b := newBench(t, consent.BothWays)
	b.sink.remember = true
	profileRecord := func(id string, since time.Time) record.Record {
		data, _ := json.Marshal(map[string]any{"origin": "api", "values": b.profiles[id].values, "since": since})
		return record.Record{Source: sourceProfile, Key: id, Op: record.Upsert, ReadAt: b.now, Data: data}
	}
	known, unknown := newContact(), newContact()
	for _, id := range []string{known, unknown} {
		b.person(id, consent.Values{email: true}, consent.Values{email: true})
	}
	b.must(profileRecord(known, time.Time{}))
	for _, id := range []string{known, unknown} {
		b.editProfile(id, email, false)
		b.must(profileRecord(id, b.now.Add(-time.Minute)))
	}
	if b.contacts[known].Values[email] || b.profiles[known].values[email] {
		t.Error("an opt-in that is newer than the contact is lost")
	}
	if !b.contacts[unknown].Values[email] || !b.profiles[unknown].values[email] {
		t.Error("an opt-in of unknown age has won")
	}
}

// One of two instances that decide about a contact at the same time is refused.
func TestOneOfTwoInstances(t *testing.T) {
	b := newBench(t, consent.BothWays)
	id := newContact()
	b.person(id, consent.Values{}, consent.Values{email: true})
	other := b.newSink(b.ledger, consent.BothWays)
	b.between = func(call string) error {
		if call == "write ledger" {
			b.between = func(string) error { return nil }
			other.Write(context.WithoutCancel(t.Context()), []record.Record{b.contactRecord(id)})
		}
		return nil
	}
	if got := b.write(b.contactRecord(id)); !fault.Is(got[0].Err, fault.Transient) {
		t.Errorf("two instances have decided the same: %v", got[0].Err)
	}
	b.must(b.contactRecord(id))
	if !b.contacts[id].Values[email] || !b.profiles[id].values[email] {
		t.Error("the sides differ")
	}
}

// Of a contact whose report was rejected nothing is known any more.
func TestRejectedIsForgotten(t *testing.T) {
	b := newBench(t, consent.BothWays)
	id := newContact()
	b.person(id, consent.Values{email: true}, consent.Values{})
	b.must(b.contactRecord(id))
	b.editProfile(id, phone, true)
	b.between = func(call string) error {
		if call == "read profile" {
			return fault.New(fault.Rejected, "two profiles share the key")
		}
		return nil
	}
	if got := b.write(b.exportRecord(id, "optout_1.csv:2")); !fault.Is(got[0].Err, fault.Rejected) {
		t.Fatal(got[0].Err)
	}
	b.between = func(string) error { return nil }
	entries := b.entries(id)
	if last := entries[len(entries)-1]; last.Phase != consent.Note || len(last.State.Agreed) > 0 {
		t.Errorf("%+v", last)
	}
}

// What cannot be told to Campaign is told at the next try, and what Dynamics has by then is known.
func TestHalfWritten(t *testing.T) {
	b := newBench(t, consent.BothWays)
	id := newContact()
	b.person(id, consent.Values{email: true}, consent.Values{phone: true})
	b.between = func(call string) error {
		if call == "write profile" {
			return fault.New(fault.Transient, "Campaign does not answer")
		}
		return nil
	}
	if got := b.write(b.contactRecord(id)); !fault.Is(got[0].Err, fault.Transient) {
		t.Fatal(got[0].Err)
	}
	entries := b.entries(id)
	last := entries[len(entries)-1]
	if diff := cmp.Diff(consent.Values{phone: true}, last.State.Agreed); diff != "" || last.State.Own.Version != b.contacts[id].Version {
		t.Errorf("%s own %+v", diff, last.State.Own)
	}
	b.between = func(string) error { return nil }
	b.must(b.contactRecord(id))
	if diff := cmp.Diff(b.contacts[id].Values, b.profiles[id].values); diff != "" {
		t.Error(diff)
	}
	// A guard that says no has nothing written, and nothing stored.
	before := len(b.entries(id))
	b.sink.guard = func() error { return fault.New(fault.Fenced, "another instance is active") }
	b.editContact(id, phone, false)
	if got := b.write(b.contactRecord(id)); !fault.Is(got[0].Err, fault.Fenced) || len(b.entries(id)) != before {
		t.Errorf("%v", got[0].Err)
	}
	b.wantCalls("a fenced instance", map[string]int{"read profile": 1, "read contact": 1})
}
