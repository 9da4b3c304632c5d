package campaign_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

func TestCheckAcceptsAUsableInstance(t *testing.T) {
	for name, change := range map[string]func(*campaign.Config){"by key": nil, "by filter": byFilter} {
		for _, rows := range []int{0, 1} {
			h := start(t, campaigntest.Options{}, change)
			for range rows {
				put(t, h, map[string]any{"email": "a person without a key"})
				put(t, h, map[string]any{"externalId": "k"})
			}
			if err := h.client.Check(t.Context(), "profile", "externalId", []string{"firstName", "location"}); err != nil {
				t.Errorf("%s, %d rows: %v", name, rows, err)
			}
			if calls := h.EngineCalls(); calls.Create+calls.Update+calls.Delete > 0 {
				t.Errorf("%s: the check writes: %+v", name, calls)
			}
		}
	}
}

func TestCheckFindings(t *testing.T) {
	for name, tc := range map[string]struct {
		opt      campaigntest.Options
		change   func(*campaign.Config)
		resource string
		keyField string
		fields   []string
		existing bool
		says     []string
	}{
		"no such resource":    {resource: "cusNothing", says: []string{"cusNothing", "published"}},
		"senseless resource":  {resource: "../profile", says: []string{"no resource"}},
		"several at once":     {keyField: "crmId", fields: []string{"age", "shoeSize", "email", "logs"}, says: []string{"no field crmId", "age of profile is read-only", "no field shoeSize", "logs of profile is read-only"}},
		"no key in the URL":   {opt: campaigntest.Options{NoKey: true}, existing: true, says: []string{"identification key", "externalId"}},
		"unknown filter":      {change: filterNamed("byNothing", "externalId_parameter"), existing: true, says: []string{"byNothing", "filter"}},
		"unknown parameter":   {change: filterNamed("byExternalId", "id_parameter"), existing: true, says: []string{"id_parameter", "another one"}},
		"wrong secret":        {change: func(c *campaign.Config) { c.ClientSecret = "no" }, says: []string{"secret"}},
		"unknown client":      {change: func(c *campaign.Config) { c.ClientID = "no" }, says: []string{"client id"}},
		"blank between scope": {change: func(c *campaign.Config) { c.Scopes = []string{"a b"} }, says: []string{"scope"}},
		"wrong path":          {opt: campaigntest.Options{Org: "acme"}, says: []string{"organisation"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, tc.opt, tc.change)
			if tc.existing {
				put(t, h, map[string]any{"externalId": "k"})
			}
			if tc.resource == "" {
				tc.resource = "profile"
			}
			if tc.keyField == "" {
				tc.keyField = "externalId"
			}
			var err error
			for range 5 { // "Oops" needs a few before it is believed
				if err = h.client.Check(t.Context(), tc.resource, tc.keyField, tc.fields); fault.Is(err, fault.Fatal) {
					break
				}
			}
			if fault.KindOf(err) != fault.Fatal || err == nil {
				t.Fatalf("got %v %v, want fatal", fault.KindOf(err), err)
			}
			for _, part := range tc.says {
				if !strings.Contains(fault.Message(err), part) {
					t.Errorf("%q does not say %q", fault.Message(err), part)
				}
			}
		})
	}
}

func filterNamed(filter, parameter string) func(*campaign.Config) {
	return func(c *campaign.Config) {
		c.Lookup = campaign.Lookup{Mode: campaign.ByFilter, Filter: filter, Parameter: parameter}
	}
}

func TestCheckLeavesPassingTroubleAsItIs(t *testing.T) {
	h := start(t, campaigntest.Options{}, nil)
	h.Faults().Inject(remotetest.Fault{Kind: remotetest.Error, Status: 503})
	if err := h.client.Check(t.Context(), "profile", "externalId", nil); fault.KindOf(err) != fault.Transient || err == nil {
		t.Errorf("got %v %v", fault.KindOf(err), err)
	}
}

func TestResourceIsDescribed(t *testing.T) {
	h := start(t, campaigntest.Options{}, func(c *campaign.Config) { c.Resources = []string{"profile", "cusNothing", "cusPet"} })
	h.DefineResource(campaigntest.Resource{Name: "cusPet", Schema: "cus:pet", API: campaigntest.Custom, Key: "tag", Fields: []campaigntest.Field{
		{Name: "tag", Type: campaigntest.String, Length: 10}, {Name: "owner", Type: campaigntest.Link, Target: "profile"},
		{Name: "created", Type: campaigntest.DateTime, ReadOnly: true},
	}})
	all, err := h.client.Resources(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("%d resources, %v", len(all), err)
	}
	want := campaign.Resource{Name: "cusPet", Label: "cusPet", API: "customResources", Fields: []campaign.Field{
		{Name: "created", Type: "datetime"}, {Name: "owner", Type: "link", Writable: true, Target: "profile"},
		{Name: "tag", Type: "string", Length: 10, Writable: true},
	}}
	if diff := cmp.Diff(want, all[1]); diff != "" {
		t.Error(diff)
	}
	gender, _ := all[0].Field("gender")
	if diff := cmp.Diff(campaign.Field{Name: "gender", Type: "enumeration", Writable: true, Values: []string{"female", "male", "unknown"}}, gender); diff != "" {
		t.Error(diff)
	}
	if age, _ := all[0].Field("age"); age.Writable {
		t.Error("age is writable")
	}
	if _, err := h.client.Resource(t.Context(), "cusNothing"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("cusNothing: %v", err)
	}
}

func TestCustomResourceIsWrittenThroughItsFilter(t *testing.T) {
	h := start(t, campaigntest.Options{}, func(c *campaign.Config) {
		c.Lookups = map[string]campaign.Lookup{"cusPet": {Mode: campaign.ByFilter, Filter: "byTag", Parameter: "tag_parameter", Unique: true}}
	})
	h.DefineResource(campaigntest.Resource{Name: "cusPet", Schema: "cus:pet", API: campaigntest.Custom, Key: "tag", Fields: []campaigntest.Field{
		{Name: "tag", Type: campaigntest.String}, {Name: "name", Type: campaigntest.String},
	}})
	if err := h.client.Check(t.Context(), "cusPet", "tag", []string{"name"}); err != nil {
		t.Error(err)
	}
	for i, likelyNew := range []bool{true, true, false} {
		w := campaign.Write{Resource: "cusPet", KeyField: "tag", Key: "t1", Fields: map[string]any{"name": string(rune('a' + i))}, LikelyNew: likelyNew}
		if _, err := h.client.Upsert(t.Context(), w); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff([]map[string]any{{"tag": "t1", "name": "c"}}, h.Rows("cusPet")); diff != "" {
		t.Error(diff)
	}
	if got, err := h.client.Remove(t.Context(), "cusPet", "t1"); err != nil || got != campaign.Removed || h.Len("cusPet") != 0 {
		t.Errorf("%v %v, %d rows left", got, err, h.Len("cusPet"))
	}
}

func TestSingleCalls(t *testing.T) {
	h := start(t, campaigntest.Options{}, nil)
	ctx, w := t.Context(), profile("k", false, map[string]any{"title": "x"})
	if _, err := h.client.Update(ctx, w); fault.KindOf(err) != fault.NotFound || err == nil {
		t.Errorf("update of none: %v", err)
	}
	if err := h.client.Create(ctx, w); err != nil {
		t.Error(err)
	}
	if err := h.client.Create(ctx, w); fault.KindOf(err) != fault.Conflict {
		t.Errorf("second create: %v", err)
	}
	if _, err := h.client.Update(ctx, w); err != nil {
		t.Error(err)
	}
	if err := h.client.Delete(ctx, "profile", "k"); err != nil {
		t.Error(err)
	}
	if err := h.client.Delete(ctx, "profile", "k"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("second delete: %v", err)
	}
}

func TestConfigIsExamined(t *testing.T) {
	good := campaign.Config{URL: "https://mc.adobe.io/acme/", ClientID: "id", ClientSecret: "secret"}
	if _, err := campaign.New(good); err != nil {
		t.Fatalf("a good configuration is refused: %v", err)
	}
	for name, spoil := range map[string]func(*campaign.Config){
		"no URL":          func(c *campaign.Config) { c.URL = "" },
		"no organisation": func(c *campaign.Config) { c.URL = "https://mc.adobe.io/" },
		"too much path":   func(c *campaign.Config) { c.URL = "https://mc.adobe.io/acme/campaign" },
		"query":           func(c *campaign.Config) { c.URL = "https://mc.adobe.io/acme?x=1" },
		"no scheme":       func(c *campaign.Config) { c.URL = "mc.adobe.io/acme" },
		"no client":       func(c *campaign.Config) { c.ClientID = "" },
		"no secret":       func(c *campaign.Config) { c.ClientSecret = "" },
		"token URL":       func(c *campaign.Config) { c.TokenURL = "nonsense" },
		"lookup mode":     func(c *campaign.Config) { c.Lookup.Mode = "guess" },
		"filter":          func(c *campaign.Config) { c.Lookup.Filter = "a/b" },
		"parameter":       func(c *campaign.Config) { c.Lookups = map[string]campaign.Lookup{"cusX": {Parameter: "a=b"}} },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := campaign.New(cfg); fault.KindOf(err) != fault.Fatal || err == nil {
			t.Errorf("%s: %v, want fatal", name, err)
		}
	}
}

// A link to another origin must not be followed: the token would go with it.
func TestForeignLinksAreNotFollowed(t *testing.T) {
	foreign := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the link was followed") }))
	defer foreign.Close()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			remotetest.WriteJSON(w, 200, map[string]any{"access_token": "t", "token_type": "bearer", "expires_in": 100})
			return
		}
		remotetest.WriteJSON(w, 200, map[string]any{"content": []any{map[string]string{"PKey": "@1", "href": foreign.URL + "/profile/@1"}}})
	}))
	defer api.Close()
	c, err := campaign.New(campaign.Config{URL: api.URL + "/acme", TokenURL: api.URL, ClientID: "id", ClientSecret: "s", Lookup: campaign.Lookup{Mode: campaign.ByFilter}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Upsert(t.Context(), profile("k", false, map[string]any{"title": "x"})); fault.KindOf(err) != fault.Fatal || err == nil {
		t.Errorf("got %v", err)
	}
}
