package dynamics_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

func TestRecordData(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	contact := env.put("", "O'Neil")
	env.Put("new_membership", map[string]any{
		"new_name": "Größe \"x\" 😀", "new_level": 100000002, "new_interests": "1,3", "new_spent": json.Number("1234567890.1200"), "new_score": 0.5,
		"new_renewedon": time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC), "new_active": true, "_new_contactid_value": contact,
	})
	read := func(cfg dynamics.SourceConfig) string {
		cfg.Table = "new_membership"
		page, err := env.client.Source(cfg).Read(t.Context(), nil)
		if err != nil || len(page.Records) != 1 {
			t.Fatalf("%d records, %v", len(page.Records), err)
		}
		return strings.ReplaceAll(strings.ReplaceAll(string(page.Records[0].Data), page.Records[0].Key, "KEY"), contact, "CONTACT")
	}
	columns := []string{"new_name", "new_level", "new_interests", "new_spent", "new_score", "new_renewedon", "new_active", "_new_contactid_value", "new_points"}
	want := `{"_new_contactid_value":"CONTACT","new_active":true,"new_interests":"1,3","new_level":100000002,"new_membershipid":"KEY",` +
		`"new_name":"Größe \"x\" 😀","new_points":null,"new_renewedon":"2024-02-03T04:05:06Z","new_score":0.5,"new_spent":1234567890.1200}`
	if got := read(dynamics.SourceConfig{Columns: columns}); got != want {
		t.Errorf("plain\n got %s\nwant %s", got, want)
	}
	const label = "@OData.Community.Display.V1.FormattedValue"
	want = `{"_new_contactid_value":"CONTACT","_new_contactid_value` + label + `":"O'Neil","new_active":true,"new_active` + label + `":"Yes","new_interests":"1,3","new_interests` + label +
		`":"News; Sport","new_level":100000002,"new_level` + label + `":"Gold","new_membershipid":"KEY"}`
	if got := read(dynamics.SourceConfig{FormattedValues: true, Columns: []string{"new_level", "new_interests", "new_active", "_new_contactid_value"}}); got != want {
		t.Errorf("with labels\n got %s\nwant %s", got, want)
	}
	if got := read(dynamics.SourceConfig{}); !strings.Contains(got, `"createdon":`) || strings.Contains(got, "@") {
		t.Errorf("all columns: %s", got)
	}
}

func TestNewColumnsAreReadFromTheBeginning(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Put("contact", map[string]any{"lastname": "a", "jobtitle": "b"})
	old := env.reader(dynamics.SourceConfig{Columns: []string{"lastname", "jobtitle"}})
	old.drain(t)

	fewer := env.reader(dynamics.SourceConfig{Columns: []string{"lastname"}})
	fewer.position = old.position
	env.Put("contact", map[string]any{"lastname": "c", "jobtitle": "d"})
	if page := fewer.next(t); page.Notice != "" || len(page.Records) != 1 || strings.Contains(string(page.Records[0].Data), "jobtitle") {
		t.Errorf("a column less: %+v", page)
	}
	for want, cfg := range map[string]dynamics.SourceConfig{
		"column emailaddress1 was added to contact: reading it again from the beginning": {Columns: []string{"lastname", "emailaddress1"}},
		"labels were added to contact: reading it again from the beginning":              {FormattedValues: true},
	} {
		more := env.reader(cfg)
		more.position = old.position
		if page := more.next(t); page.Notice != want || len(page.Records) != 2 || !page.Records[0].Snapshot {
			t.Errorf("notice %q with %d records, want %q", page.Notice, len(page.Records), want)
		}
	}
}

// TestAnotherDestinationIsReadFromTheBeginning: what was read for one mapping was not written where another one says. A position that
// names none, of an earlier release, goes on and names it from then on.
func TestAnotherDestinationIsReadFromTheBeginning(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Put("contact", map[string]any{"lastname": "a"})
	old := env.reader(dynamics.SourceConfig{Columns: []string{"lastname"}})
	old.drain(t)
	named := env.reader(dynamics.SourceConfig{Columns: []string{"lastname"}, Destinations: []string{"profile"}})
	named.position = old.position
	env.Put("contact", map[string]any{"lastname": "b"})
	if page := named.next(t); page.Notice != "" || len(page.Records) != 1 {
		t.Errorf("a position without a destination: %q with %d records", page.Notice, len(page.Records))
	}
	same := env.reader(dynamics.SourceConfig{Columns: []string{"lastname"}, Destinations: []string{"profile"}})
	same.position = named.position
	if page := same.next(t); page.Notice != "" || len(page.Records) != 0 {
		t.Errorf("the same destination: %q with %d records", page.Notice, len(page.Records))
	}
	other := env.reader(dynamics.SourceConfig{Columns: []string{"lastname"}, Destinations: []string{"cusPerson"}})
	other.position = named.position
	if page := other.next(t); page.Notice != "contact goes to cusPerson now: reading it again from the beginning" || len(page.Records) != 2 {
		t.Errorf("another destination: %q with %d records", page.Notice, len(page.Records))
	}
	other.drain(t)
	if page := other.next(t); page.Notice != "" || len(page.Records) != 0 {
		t.Errorf("it begins again and again: %q with %d records", page.Notice, len(page.Records))
	}
}

func TestReadRefuses(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	for name, tc := range map[string]struct {
		cfg  dynamics.SourceConfig
		from string
		says string
	}{
		"garbage":         {from: "{", says: "cannot be understood"},
		"no version":      {from: "{}", says: "cannot be understood"},
		"newer program":   {from: `{"v":99}`, says: "format 99"},
		"another table":   {from: `{"v":1,"table":"account","phase":"load"}`, says: "another table"},
		"unknown phase":   {from: `{"v":1,"table":"contact","phase":"x"}`, says: "state"},
		"no change link":  {from: `{"v":1,"table":"contact","phase":"changes"}`, says: "change link"},
		"foreign link":    {from: `{"v":1,"table":"contact","phase":"changes","delta":"https://other.example/x"}`, says: "belongs to other.example"},
		"broken link":     {from: `{"v":1,"table":"contact","phase":"changes","delta":"%zz"}`, says: "belongs to an unknown host"},
		"no such table":   {cfg: dynamics.SourceConfig{Table: "nothing"}, says: "no table nothing"},
		"not a table":     {cfg: dynamics.SourceConfig{Table: "a')/b"}, says: "not the logical name"},
		"no such column":  {cfg: dynamics.SourceConfig{Columns: []string{"nope"}}, says: "column nope"},
		"not a column":    {cfg: dynamics.SourceConfig{Columns: []string{"a,b"}}, says: "not the logical name"},
		"secured column":  {cfg: dynamics.SourceConfig{Table: "new_membership", Columns: []string{"new_secret"}}, says: "column new_secret"},
		"negative offset": {from: `{"v":1,"table":"contact","phase":"load","offset":-1}`, says: "state"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.cfg.Table == "" {
				tc.cfg.Table = "contact"
			}
			_, err := env.client.Source(tc.cfg).Read(context.Background(), record.Position(tc.from))
			if !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("err = %v (%v), want fatal saying %q", err, fault.KindOf(err), tc.says)
			}
		})
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	good := dynamics.Config{URL: "https://contoso.crm4.dynamics.com", Tenant: "t", ClientID: "c", ClientSecret: "s"}
	if _, err := dynamics.New(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*dynamics.Config){
		"no URL": func(c *dynamics.Config) { c.URL = "" }, "bad URL": func(c *dynamics.Config) { c.URL = "contoso" },
		"no tenant": func(c *dynamics.Config) { c.Tenant = "" }, "no id": func(c *dynamics.Config) { c.ClientID = "" },
		"no secret": func(c *dynamics.Config) { c.ClientSecret = "" },
	} {
		bad := good
		spoil(&bad)
		if _, err := dynamics.New(bad); !fault.Is(err, fault.Fatal) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The scope and the token endpoint are made of what a person typed, slash and all.
func TestSignIn(t *testing.T) {
	var asked []string
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		asked = append(asked, r.URL.String()+" "+form.Get("scope"))
		return nil, io.ErrUnexpectedEOF
	})
	c, err := dynamics.New(dynamics.Config{URL: " https://contoso.crm4.dynamics.com/ ", Tenant: "contoso.com", ClientID: "c", ClientSecret: "s", Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.WhoAmI(t.Context())
	want := "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token https://contoso.crm4.dynamics.com/.default"
	if len(asked) != 1 || asked[0] != want {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
