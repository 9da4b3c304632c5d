package campaign_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// One test a line of what an Adobe client must survive, as far as it concerns writing profiles.

// 1. Token expiry (24 h), 401013 mid-run, IMS throttling, secret rotation; expires_in seconds.
func TestSurvivesTokenExpiryThrottledSignInAndRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, campaigntest.Options{}, nil)
		write := func(key string) error { _, err := h.client.Upsert(t.Context(), profile(key, true, nil)); return err }
		for day := range 3 {
			if err := write(fmt.Sprint("day ", day)); err != nil {
				t.Fatalf("day %d: %v", day, err)
			}
			<-time.After(25 * time.Hour)
		}
		h.Issuer().RevokeAll()
		if err := write("revoked"); err != nil {
			t.Errorf("a token revoked mid-run: %v", err)
		}
		if tokens := h.Stats().Get("token"); tokens != 4 {
			t.Errorf("asked for %d tokens, want one a day and one after the revocation", tokens)
		}

		h.Issuer().RevokeAll()
		stop := h.Faults().Inject(remotetest.Fault{Kind: remotetest.Throttle, RetryAfter: 30, Paths: remotetest.PathsToken})
		err := write("throttled")
		if fault.KindOf(err) != fault.Throttled || fault.After(err) < 29*time.Second {
			t.Errorf("throttled sign-in: %v, %v", err, fault.After(err))
		}
		stop()
		<-time.After(30 * time.Second)
		if err := write("throttled"); err != nil {
			t.Errorf("after the pause: %v", err)
		}

		h.Issuer().SetSecret("causeway", "rotated")
		h.Issuer().RevokeAll()
		err = write("rotated")
		if fault.KindOf(err) != fault.Fatal || !strings.Contains(fault.Message(err), "secret") {
			t.Errorf("after rotation: %v %v", fault.KindOf(err), err)
		}
		h.Issuer().SetSecret("causeway", "causeway-sandbox")
		<-time.After(time.Minute)
		if err := write("rotated"); err != nil {
			t.Errorf("after the secret is right again: %v", err)
		}
		if pushed := h.Stats().Get(remotetest.DuringRetryAfter); pushed != 0 {
			t.Errorf("%d requests inside Retry-After", pushed)
		}
	})
}

// 2. HTTP 500 used for permanent errors; classify by text; v8 hides the text; dead-letter after bounded tries.
func TestSurvivesPermanentFaultsWithStatus500(t *testing.T) {
	for _, tc := range []struct {
		name   string
		fields map[string]any
		kind   fault.Kind
		says   string
	}{
		{"bad enumeration", map[string]any{"gender": "secret-value"}, fault.Rejected, "gender"},
		{"wrong type", map[string]any{"blackList": "secret-value"}, fault.Rejected, "blackList"},
		{"wrong date", map[string]any{"birthDate": "31/12/1999 secret-value"}, fault.Rejected, "birthDate"},
		{"too long", map[string]any{"firstName": strings.Repeat("secret-value", 3)}, fault.Rejected, "firstName (more than 30 characters)"},
		{"read-only", map[string]any{"age": 42}, fault.Fatal, "age"},
		{"unknown field", map[string]any{"shoeSize": 42}, fault.Fatal, "shoeSize"},
	} {
		for _, existing := range []bool{false, true} {
			for _, asJSON := range []bool{false, true} {
				t.Run(fmt.Sprint(tc.name, " existing ", existing, " json ", asJSON), func(t *testing.T) {
					h := start(t, campaigntest.Options{JSONErrors: asJSON}, nil)
					if existing {
						put(t, h, map[string]any{"externalId": "k"})
					}
					_, err := h.client.Upsert(t.Context(), profile("k", !existing, tc.fields))
					if fault.KindOf(err) != tc.kind || !strings.Contains(fault.Message(err), tc.says) {
						t.Errorf("got %v %q, want %v naming %q", fault.KindOf(err), fault.Message(err), tc.kind, tc.says)
					}
					for e := err; e != nil; e = errors.Unwrap(e) {
						if strings.Contains(e.Error(), "secret-value") {
							t.Errorf("the message holds a value: %s", e)
						}
					}
				})
			}
		}
	}
}

func TestSurvivesV8HidingTheReason(t *testing.T) {
	h := start(t, campaigntest.Options{V8: true}, nil)
	put(t, h, map[string]any{"externalId": "there"})
	upsert := func(key string, likelyNew bool, gender string) (campaign.Outcome, error) {
		return h.client.Upsert(t.Context(), profile(key, likelyNew, map[string]any{"gender": gender}))
	}
	if got, err := upsert("there", true, "male"); err != nil || got != campaign.Updated {
		t.Errorf("a duplicate without a text: %v %v, want it to be found and updated", got, err)
	}
	for _, key := range []string{"there", "not there"} {
		for _, likelyNew := range []bool{true, false} {
			before := h.EngineCalls()
			if _, err := upsert(key, likelyNew, "bad"); fault.KindOf(err) != fault.Rejected || !strings.Contains(fault.Message(err), key) {
				t.Errorf("%s, likely new %v: %v %v, want rejected", key, likelyNew, fault.KindOf(err), err)
			}
			after := h.EngineCalls()
			if tries := after.Create + after.Update - before.Create - before.Update; tries > 3 {
				t.Errorf("%s, likely new %v: %d tries", key, likelyNew, tries)
			}
		}
	}
	// While not one write is taken, the records are not to blame.
	var err error
	for range 10 {
		_, err = upsert("not there", true, "bad")
	}
	if fault.KindOf(err) != fault.Transient {
		t.Errorf("after ten unexplained refusals: %v %v, want transient", fault.KindOf(err), err)
	}
	if _, err := upsert("there", false, "male"); err != nil {
		t.Fatal(err)
	}
	if _, err = upsert("not there", true, "bad"); fault.KindOf(err) != fault.Rejected {
		t.Errorf("after a write was taken: %v %v, want rejected", fault.KindOf(err), err)
	}
}

// 3. No upsert; a race gives duplicate-key 500; a retried POST after a gateway time-out may already have succeeded.
func TestSurvivesDuplicateKeyAndUnknownOutcome(t *testing.T) {
	for _, opt := range []campaigntest.Options{{}, {V8: true}, {JSONErrors: true}} {
		h := start(t, opt, nil)
		put(t, h, map[string]any{"externalId": "raced", "firstName": "theirs"})
		if got, err := h.client.Upsert(t.Context(), profile("raced", true, map[string]any{"firstName": "ours"})); err != nil || got != campaign.Updated {
			t.Errorf("race: %v %v", got, err)
		}
		stop := h.Faults().Inject(remotetest.Fault{Kind: remotetest.TimeoutAfterWrite})
		w := profile("timed out", true, map[string]any{"firstName": "Ann"})
		if _, err := h.client.Upsert(t.Context(), w); fault.KindOf(err) != fault.Transient {
			t.Errorf("unknown outcome: %v", err)
		}
		stop()
		if _, err := h.client.Upsert(t.Context(), w); err != nil {
			t.Errorf("again: %v", err)
		}
		want := map[string]map[string]any{
			"raced": {"externalId": "raced", "firstName": "ours"}, "timed out": {"externalId": "timed out", "firstName": "Ann"},
		}
		if diff := cmp.Diff(want, h.Profiles()); diff != "" || h.Len("profile") != 2 {
			t.Errorf("%d profiles: %s", h.Len("profile"), diff)
		}
	}
}

// 4. externalId lookup needs a deployment-specific filter or key, both configurable; 0, 1 or more rows returned.
func TestSurvivesLookupByFilterWithNoneOneOrMoreRows(t *testing.T) {
	options := campaigntest.Options{NoKey: true, Filters: []campaigntest.Filter{{Name: "crm_id", Parameter: "id_parameter", Field: "externalId"}}}
	h := start(t, options, func(cfg *campaign.Config) {
		cfg.Lookup = campaign.Lookup{Mode: campaign.ByFilter, Filter: "crm_id", Parameter: "id_parameter"}
	})
	put(t, h, map[string]any{"externalId": "two"})
	put(t, h, map[string]any{"externalId": "two"})
	put(t, h, map[string]any{"externalId": "two"})
	put(t, h, map[string]any{"externalId": "a&b=c d/ü"})
	for key, want := range map[string]int{"none": 0, "a&b=c d/ü": 1, "two": 2} {
		if rows, err := h.client.Find(t.Context(), "profile", key); err != nil || len(rows) != want {
			t.Errorf("%s: %d rows, %v; want %d", key, len(rows), err, want)
		}
	}
	write := func(key string) (campaign.Outcome, error) {
		return h.client.Upsert(t.Context(), profile(key, true, map[string]any{"title": "x"}))
	}
	if got, err := write("none"); err != nil || got != campaign.Created {
		t.Errorf("none: %v %v", got, err)
	}
	if got, err := write("a&b=c d/ü"); err != nil || got != campaign.Updated {
		t.Errorf("one: %v %v", got, err)
	}
	_, err := write("two")
	if fault.KindOf(err) != fault.Rejected || !strings.Contains(fault.Message(err), "share the externalId two") {
		t.Errorf("two: %v", err)
	}
	if _, err := h.client.Remove(t.Context(), "profile", "two"); fault.KindOf(err) != fault.Rejected {
		t.Errorf("removing one of two: %v", err)
	}
	if got, err := h.client.Remove(t.Context(), "profile", "none"); err != nil || got != campaign.Removed {
		t.Errorf("removing one: %v %v", got, err)
	}
	if got, err := h.client.Remove(t.Context(), "profile", "none"); err != nil || got != campaign.Unchanged {
		t.Errorf("removing none: %v %v", got, err)
	}
}

// Without an identification key a repeated creation would leave two rows: the client must look first.
func TestSurvivesUnknownOutcomeWithoutAnIdentificationKey(t *testing.T) {
	h := start(t, campaigntest.Options{NoKey: true}, byFilter)
	stop := h.Faults().Inject(remotetest.Fault{Kind: remotetest.TimeoutAfterWrite})
	w := profile("k", true, map[string]any{"title": "x"})
	if _, err := h.client.Upsert(t.Context(), w); err == nil {
		t.Error("the write was answered")
	}
	stop()
	if got, err := h.client.Upsert(t.Context(), w); err != nil || got != campaign.Updated || h.Len("profile") != 1 {
		t.Errorf("again: %v %v, %d rows", got, err, h.Len("profile"))
	}
}

// 6. PKeys opaque, never persisted; PATCH cannot change keys; URL-escape custom keys.
func TestSurvivesKeysThatNeedEscaping(t *testing.T) {
	h := start(t, campaigntest.Options{}, nil)
	for _, key := range []string{"a/b", "a b", "ä?x=1&y#z", "100%", "a+b", "//", "...", "'; drop", `"\`, "a://b", "%2F", "é" + strings.Repeat("x", 60)} {
		for i, want := range []campaign.Outcome{campaign.Created, campaign.Updated} {
			got, err := h.client.Upsert(t.Context(), profile(key, i == 0, map[string]any{"externalId": "something else", "title": fmt.Sprint(i)}))
			if err != nil || got != want {
				t.Errorf("%q: %v %v, want %v", key, got, err, want)
			}
		}
		if rows, err := h.client.Find(t.Context(), "profile", key); err != nil || len(rows) != 1 || rows[0].Text("externalId") != key {
			t.Errorf("%q: found %v %v", key, rows, err)
		}
		if got, err := h.client.Remove(t.Context(), "profile", key); err != nil || got != campaign.Removed {
			t.Errorf("%q: %v %v", key, got, err)
		}
	}
	if h.Len("profile") != 0 {
		t.Errorf("%d profiles are left", h.Len("profile"))
	}
	for _, key := range []string{"@pkey", ".", "..", ""} {
		if _, err := h.client.Upsert(t.Context(), profile(key, false, nil)); fault.KindOf(err) != fault.Rejected {
			t.Errorf("%q: %v, want rejected", key, err)
		}
	}
}

// 8. 429050 and burst slow-down, 502 "Oops", 403023; engine-call budget.
func TestSurvivesThrottling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, campaigntest.Options{}, nil)
		if _, err := h.client.Upsert(t.Context(), profile("k", true, nil)); err != nil {
			t.Fatal(err)
		}
		stop := h.Faults().Inject(remotetest.Fault{Kind: remotetest.Throttle, RetryAfter: 7})
		_, err := h.client.Upsert(t.Context(), profile("k", false, map[string]any{"title": "x"}))
		stop()
		if fault.KindOf(err) != fault.Throttled || fault.After(err) != 7*time.Second {
			t.Errorf("%v after %v", err, fault.After(err))
		}
		<-time.After(time.Second)
		if _, err := h.client.Upsert(t.Context(), profile("k", false, nil)); fault.After(err) != 6*time.Second {
			t.Errorf("meanwhile: %v after %v", err, fault.After(err))
		}
		<-time.After(6 * time.Second)
		if _, err := h.client.Upsert(t.Context(), profile("k", false, nil)); err != nil {
			t.Error(err)
		}
		if got := h.Stats().Get(remotetest.DuringRetryAfter); got != 0 {
			t.Errorf("%d requests inside Retry-After", got)
		}
	})
}

func TestSurvivesOops(t *testing.T) {
	h := start(t, campaigntest.Options{}, nil)
	stop := h.Faults().Inject(remotetest.Fault{Kind: remotetest.Error, Status: 502})
	w := profile("k", true, nil)
	for i := range 4 {
		if _, err := h.client.Upsert(t.Context(), w); fault.KindOf(err) != fault.Transient {
			t.Fatalf("try %d: %v %v", i, fault.KindOf(err), err)
		}
	}
	stop()
	if _, err := h.client.Upsert(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	h.Faults().Inject(remotetest.Fault{Kind: remotetest.Error, Status: 502})
	for range 4 {
		if _, err := h.client.Upsert(t.Context(), w); fault.KindOf(err) != fault.Transient {
			t.Errorf("an answer in between did not end the row: %v", err)
		}
	}
	if _, err := h.client.Upsert(t.Context(), w); fault.KindOf(err) != fault.Fatal || !strings.Contains(fault.Message(err), "organisation") {
		t.Errorf("fifth in a row: %v %v", fault.KindOf(err), err)
	}
}

// A burst that was under way together is one event, not five in a row.
func TestSurvivesABurstOfOops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, campaigntest.Options{}, nil)
		h.Faults().Inject(remotetest.Fault{Kind: remotetest.Latency, LatencyMs: 100})
		h.Faults().Inject(remotetest.Fault{Kind: remotetest.Error, Status: 502})
		var callers sync.WaitGroup
		for i := range 20 {
			callers.Go(func() {
				if _, err := h.client.Upsert(t.Context(), profile(fmt.Sprint(i), true, nil)); fault.KindOf(err) != fault.Transient {
					t.Errorf("%v %v", fault.KindOf(err), err)
				}
			})
		}
		callers.Wait()
	})
}

// A row that is said to exist and cannot be found must not be chased for ever.
func TestSurvivesARowThatExistsAndCannotBeFound(t *testing.T) {
	for _, likelyNew := range []bool{true, false} {
		h := start(t, campaigntest.Options{}, nil)
		h.Refuse(func(map[string]any) string {
			return "A 'profile' with the same key 'other' already exists. PGS-220000 duplicate key value violates unique constraint \"email\""
		})
		_, err := h.client.Upsert(t.Context(), profile("k", likelyNew, map[string]any{"email": "ann@example.com"}))
		if fault.KindOf(err) != fault.Rejected || !strings.Contains(fault.Message(err), "unique") {
			t.Errorf("likely new %v: %v %v", likelyNew, fault.KindOf(err), err)
		}
		if calls := h.EngineCalls(); calls.Create+calls.Update != 3 {
			t.Errorf("likely new %v: %+v, want three tries", likelyNew, calls)
		}
	}
}

// An update that would take another row's unique value is this record's fault.
func TestSurvivesAnUpdateThatCollides(t *testing.T) {
	h := start(t, campaigntest.Options{}, nil)
	put(t, h, map[string]any{"externalId": "k"})
	h.Refuse(func(map[string]any) string { return "duplicate key value violates unique constraint" })
	if _, err := h.client.Upsert(t.Context(), profile("k", false, map[string]any{"email": "x"})); fault.KindOf(err) != fault.Rejected {
		t.Errorf("%v %v", fault.KindOf(err), err)
	}
}

func TestSurvivesGatewayRefusals(t *testing.T) {
	for status, says := range map[int]string{403: "product profile", 401: "client id"} {
		h := start(t, campaigntest.Options{}, nil)
		h.Faults().Inject(remotetest.Fault{Kind: remotetest.Error, Status: status})
		if _, err := h.client.Upsert(t.Context(), profile("k", true, nil)); fault.KindOf(err) != fault.Fatal || !strings.Contains(fault.Message(err), says) {
			t.Errorf("%d: %v %v", status, fault.KindOf(err), err)
		}
	}
}

func TestSurvivesTroubleThatPasses(t *testing.T) {
	for _, f := range []remotetest.Fault{
		{Kind: remotetest.Error, Status: 500}, {Kind: remotetest.Error, Status: 503}, {Kind: remotetest.Error, Status: 504},
		{Kind: remotetest.Error, Status: 408}, {Kind: remotetest.Cut},
	} {
		h := start(t, campaigntest.Options{}, nil)
		stop := h.Faults().Inject(f)
		for range 20 {
			if _, err := h.client.Upsert(t.Context(), profile("k", true, nil)); fault.KindOf(err) != fault.Transient {
				t.Fatalf("%v: %v %v", f, fault.KindOf(err), err)
			}
		}
		stop()
		if _, err := h.client.Upsert(t.Context(), profile("k", true, nil)); err != nil {
			t.Errorf("%v: %v", f, err)
		}
	}
}

func TestEngineCallBudget(t *testing.T) {
	for name, tc := range map[string]struct {
		change         func(*campaign.Config)
		insert, update campaigntest.EngineCalls
		remove         campaigntest.EngineCalls
	}{
		"by key": {nil, campaigntest.EngineCalls{Create: 1}, campaigntest.EngineCalls{Update: 1}, campaigntest.EngineCalls{Delete: 1}},
		"by filter": {byFilter, campaigntest.EngineCalls{Read: 1, Create: 1}, campaigntest.EngineCalls{Read: 1, Update: 1},
			campaigntest.EngineCalls{Read: 1, Delete: 1}},
		"by unique filter": {func(cfg *campaign.Config) { cfg.Lookup = campaign.Lookup{Mode: campaign.ByFilter, Unique: true} },
			campaigntest.EngineCalls{Create: 1}, campaigntest.EngineCalls{Read: 1, Update: 1}, campaigntest.EngineCalls{Read: 1, Delete: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, campaigntest.Options{}, tc.change)
			spent := func(what string, want campaigntest.EngineCalls, do func() (campaign.Outcome, error), outcome campaign.Outcome) {
				h.Stats().Reset()
				got, err := do()
				if err != nil || got != outcome || h.EngineCalls() != want {
					t.Errorf("%s: %v %v with %+v, want %v with %+v", what, got, err, h.EngineCalls(), outcome, want)
				}
			}
			upsert := func(likelyNew bool) func() (campaign.Outcome, error) {
				return func() (campaign.Outcome, error) {
					return h.client.Upsert(t.Context(), profile("k", likelyNew, map[string]any{"title": "x"}))
				}
			}
			spent("insert", tc.insert, upsert(true), campaign.Created)
			spent("update", tc.update, upsert(false), campaign.Updated)
			spent("delete", tc.remove, func() (campaign.Outcome, error) { return h.client.Remove(t.Context(), "profile", "k") }, campaign.Removed)
		})
	}
}

// 9. Length and type limits, enumeration names, date formats with blank and milliseconds.
func TestSurvivesValueForms(t *testing.T) {
	h := start(t, campaigntest.Options{}, nil)
	h.DefineResource(campaigntest.Resource{Name: "profile", Schema: "nms:recipient", API: campaigntest.Extended, Key: "externalId", Fields: []campaigntest.Field{
		{Name: "externalId", Type: campaigntest.String}, {Name: "seen", Type: campaigntest.DateTime}, {Name: "met", Type: campaigntest.DateTime},
		{Name: "born", Type: campaigntest.Date}, {Name: "score", Type: campaigntest.Float}, {Name: "count", Type: campaigntest.Integer},
		{Name: "gender", Type: campaigntest.Enum, Values: []string{"unknown", "male"}}, {Name: "active", Type: campaigntest.Boolean},
		{Name: "gone", Type: campaigntest.String},
	}})
	put(t, h, map[string]any{"externalId": "k", "gone": "soon"})
	at := time.Date(2019, 9, 26, 1, 20, 35, 7_000_000, time.FixedZone("", 2*3600))
	_, err := h.client.Upsert(t.Context(), profile("k", false, map[string]any{
		"seen": at, "met": campaign.DateTime(at), "born": campaign.Date(at), "score": 1.5, "count": 9007199254740993, "gender": "male",
		"active": true, "gone": nil,
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"externalId": "k", "seen": "2019-09-25 23:20:35.007Z", "met": "2019-09-25 23:20:35.007Z", "born": "2019-09-26",
		"score": "1.5", "count": "9007199254740993", "gender": "male", "active": true,
	}
	got := h.Profiles()["k"]
	for field, value := range got {
		if n, ok := value.(fmt.Stringer); ok {
			got[field] = n.String()
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	_, err = h.client.Upsert(t.Context(), profile("k", false, map[string]any{"score": func() {}}))
	if fault.KindOf(err) != fault.Rejected {
		t.Errorf("a value that is not JSON: %v", err)
	}
}

// 10. GET one: bare object or content[] wrapper; POST 200/201; DELETE 200/204.
func TestSurvivesShapesAndStatuses(t *testing.T) {
	for _, opt := range []campaigntest.Options{
		{}, {WrapSingle: true}, {PostStatus: http.StatusOK, DeleteStatus: http.StatusNoContent}, {V8: true},
	} {
		h := start(t, opt, nil)
		ctx := context.Background()
		if got, err := h.client.Upsert(ctx, profile("k", true, map[string]any{"title": "x"})); err != nil || got != campaign.Created {
			t.Errorf("%+v: %v %v", opt, got, err)
		}
		if rows, err := h.client.Find(ctx, "profile", "k"); err != nil || len(rows) != 1 || rows[0].Text("title") != "x" {
			t.Errorf("%+v: %v %v", opt, rows, err)
		}
		if got, err := h.client.Upsert(ctx, profile("k", false, nil)); err != nil || got != campaign.Unchanged {
			t.Errorf("%+v: nothing to change: %v %v", opt, got, err)
		}
		if got, err := h.client.Remove(ctx, "profile", "k"); err != nil || got != campaign.Removed {
			t.Errorf("%+v: %v %v", opt, got, err)
		}
		if rows, err := h.client.Find(ctx, "profile", "k"); err != nil || len(rows) != 0 {
			t.Errorf("%+v: %v %v", opt, rows, err)
		}
	}
}

// 15. Migration to v8: filter names without "by", error texts, 404 for a PKey that does not open.
func TestSurvivesV8(t *testing.T) {
	opt := campaigntest.Options{V8: true, Filters: []campaigntest.Filter{{Name: "externalId", Parameter: "externalId", Field: "externalId"}}}
	for name, change := range map[string]func(*campaign.Config){
		"by key": nil,
		"by filter": func(cfg *campaign.Config) {
			cfg.Lookup = campaign.Lookup{Mode: campaign.ByFilter, Filter: "externalId", Parameter: "externalId"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, opt, change)
			if err := h.client.Check(t.Context(), "profile", "externalId", []string{"email", "gender"}); err != nil {
				t.Error(err)
			}
			for i, likelyNew := range []bool{true, true, false} {
				if _, err := h.client.Upsert(t.Context(), profile("k", likelyNew, map[string]any{"title": fmt.Sprint(i)})); err != nil {
					t.Errorf("write %d: %v", i, err)
				}
			}
			if got := h.Profiles()["k"]["title"]; got != "2" || h.Len("profile") != 1 {
				t.Errorf("title %v in %d profiles", got, h.Len("profile"))
			}
		})
	}
}

func put(t *testing.T, h *house, row map[string]any) {
	t.Helper()
	if err := h.Put("profile", row); err != nil {
		t.Fatal(err)
	}
}
