package dynamics_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/fault"
)

func optOut(id string, value bool) dynamics.Change {
	return dynamics.Change{Table: "contact", ID: id, Values: map[string]any{"donotemail": value}}
}

func TestUpdate(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	var changes []dynamics.Change
	for i := range 600 {
		changes = append(changes, optOut(env.put("", fmt.Sprint("contact ", i)), true))
	}
	env.clock.advance(time.Hour)
	for i, got := range env.client.NewWriter(dynamics.WriterConfig{}).Update(t.Context(), changes) {
		row, err := env.client.Row(t.Context(), "contact", changes[i].ID, []string{"donotemail", "lastname"})
		if err != nil || got.Err != nil || got.Version != row.Version || !got.Modified.Equal(env.clock.now()) {
			t.Fatalf("row %d: %+v, %v", i, got, err)
		}
		if want := fmt.Sprintf(`{"contactid":"%s","donotemail":true,"lastname":"contact %d"}`, changes[i].ID, i); string(row.Data) != want {
			t.Fatalf("row %d is %s, want %s", i, row.Data, want)
		}
	}
	if n := env.batches(); n != 3 {
		t.Errorf("%d requests for 600 rows", n)
	}
}

// Each change has its own answer: one row is gone, one was changed by somebody else, one value is refused.
func TestUpdateAnswersEachRow(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	var ids []string
	for range 5 {
		ids = append(ids, env.put("", "x"))
	}
	seen, err := env.client.Row(t.Context(), "contact", ids[2], nil)
	if err != nil {
		t.Fatal(err)
	}
	env.Delete("contact", ids[1])
	env.put(ids[2], "y")
	stale, wrong, unsent := optOut(ids[2], true), optOut(ids[3], true), optOut("no GUID", true)
	stale.IfVersion = seen.Version
	wrong.Values = map[string]any{"lastname": strings.Repeat("jane", 50)}
	got := env.client.NewWriter(dynamics.WriterConfig{}).Update(t.Context(),
		[]dynamics.Change{optOut(ids[0], true), optOut(ids[1], true), stale, wrong, unsent, optOut(ids[4], true)})
	for i, want := range []struct {
		kind fault.Kind
		says string
	}{{}, {fault.NotFound, ids[1]}, {fault.Stale, ids[2]}, {fault.Rejected, "column lastname"}, {fault.Rejected, "not a GUID"}, {}} {
		switch {
		case want.says == "" && (got[i].Err != nil || got[i].Version == 0):
			t.Errorf("change %d: %+v", i, got[i])
		case want.says != "" && (!fault.Is(got[i].Err, want.kind) || !strings.Contains(got[i].Err.Error(), want.says) || strings.Contains(got[i].Err.Error(), "jane")):
			t.Errorf("change %d: %v (%v), want %v naming %s", i, got[i].Err, fault.KindOf(got[i].Err), want.kind, want.says)
		}
	}
	if env.Count("contact") != 4 {
		t.Errorf("%d contacts: an update has created one", env.Count("contact"))
	}
	if row, _ := env.Row("contact", ids[2]); row["donotemail"] != false {
		t.Error("the row of somebody else was changed")
	}
}

// The right version is no obstacle.
func TestUpdateOfTheVersionThatWasSeen(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	change := optOut(env.put("", "x"), true)
	writer := env.client.NewWriter(dynamics.WriterConfig{})
	for i := range 3 {
		row, err := env.client.Row(t.Context(), "contact", change.ID, []string{"donotemail"})
		if err != nil {
			t.Fatal(err)
		}
		change.IfVersion = row.Version
		if got := writer.Update(t.Context(), []dynamics.Change{change}); got[0].Err != nil {
			t.Errorf("change %d: %v", i, got[0].Err)
		}
	}
}

// Changes of one row are done in the order in which they are given (invariant 4).
func TestUpdatesOfOneRowKeepTheirOrder(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	id, other := env.put("", "x"), env.put("", "y")
	var changes []dynamics.Change
	for i := range 20 {
		changes = append(changes, dynamics.Change{Table: "contact", ID: id, Values: map[string]any{"jobtitle": fmt.Sprint(i)}}, optOut(other, i%2 == 1))
	}
	changes[38].ID = "{" + strings.ToUpper(id) + "}"
	got := env.client.NewWriter(dynamics.WriterConfig{BatchSize: 3}).Update(t.Context(), changes)
	for i := range got {
		if got[i].Err != nil || i >= 2 && got[i].Version <= got[i-2].Version {
			t.Fatalf("change %d: %+v after %+v", i, got[i], got[max(0, i-2)])
		}
	}
	one, _ := env.Row("contact", id)
	two, _ := env.Row("contact", other)
	if one["jobtitle"] != "19" || two["donotemail"] != true {
		t.Errorf("at the end: %v, %v", one["jobtitle"], two["donotemail"])
	}
}

// 16. Prefer silently not applied. The version of a write is then unknown, and not that of whoever wrote last.
func TestSurvives_PreferNotApplied(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{NoRepresentation: true})
	got := env.client.NewWriter(dynamics.WriterConfig{}).Update(t.Context(), []dynamics.Change{optOut(env.put("", "x"), true)})
	if got[0].Err != nil || got[0].Version != 0 || !got[0].Modified.IsZero() {
		t.Errorf("%+v", got[0])
	}
}

// A refusal means the same for an update, but for the row itself.
func TestRefusalsOfAnUpdate(t *testing.T) {
	for _, tc := range []struct {
		status int
		body   string
		kind   fault.Kind
	}{
		{412, `{"error":{"code":"0x80060882","message":"The version of the existing record doesn't match"}}`, fault.Stale},
		{412, ``, fault.Stale},
		{412, `{"error":{"code":"0x80060892","message":"Entity Key X violated"}}`, fault.Rejected},
		{404, `{"error":{"code":"0x80040217","message":"contact With Id = 0d000000-0000-4000-8000-00000000000d Does Not Exist"}}`, fault.NotFound},
		{404, `<html>`, fault.Fatal},
		{403, `{"error":{"code":"0x80040220","message":"PrivilegeName: prvWriteContact, x"}}`, fault.Fatal},
		{503, ``, fault.Transient},
		{429, ``, fault.Throttled},
	} {
		t.Run(fmt.Sprint(tc.status, " ", tc.body), func(t *testing.T) {
			env := newEnvironment(t, dynamicstest.Options{}).withContact()
			env.before = func(w http.ResponseWriter, r *http.Request) bool { return answerBatch(w, r, 1, tc.status, tc.body) }
			got := env.client.NewWriter(dynamics.WriterConfig{}).Update(t.Context(), []dynamics.Change{optOut(known, true)})
			if !fault.Is(got[0].Err, tc.kind) {
				t.Errorf("%v (%v), want %v", got[0].Err, fault.KindOf(got[0].Err), tc.kind)
			}
		})
	}
}
