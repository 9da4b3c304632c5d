package dynamicstest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
)

const (
	ada  = "0a000000-0000-4000-8000-000000000001"
	bob  = "0b000000-0000-4000-8000-000000000002"
	cleo = "0c000000-0000-4000-8000-000000000003"
)

func (e *environment) people() {
	e.Put("contact", map[string]any{"contactid": ada, "firstname": "Ada", "lastname": "Lovelace", "gendercode": 2, "donotemail": true,
		"birthdate": time.Date(1815, 12, 10, 0, 0, 0, 0, time.UTC), "numberofchildren": 3})
	e.Put("contact", map[string]any{"contactid": bob, "firstname": "Bob", "lastname": "O'Brien", "gendercode": 1, "emailaddress1": "bob@example.com"})
	e.Put("contact", map[string]any{"contactid": cleo, "firstname": "Cleo", "lastname": "Ünal", "_parentcustomerid_value": ada})
}

// The shapes, as the vendor's documentation has them.
func TestGoldenAnswers(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.people()
	const all = `odata.include-annotations="*"`
	golden(t, env, "rows", env.get("contacts?$select=firstname,birthdate,gendercode,donotemail,_parentcustomerid_value&$count=true", "Prefer", all))
	golden(t, env, "row", env.get("contacts("+ada+")?$select=fullname,modifiedon"))
	golden(t, env, "load", env.get("contacts?$select=lastname", "Prefer", "odata.track-changes"))
	delta := env.page("contacts?$select=lastname", "Prefer", "odata.track-changes").Delta
	env.advance(time.Minute)
	env.Put("contact", map[string]any{"contactid": bob, "lastname": "Brown"})
	env.Delete("contact", cleo)
	golden(t, env, "delta", env.get(delta))
	golden(t, env, "error-row", env.get("contacts("+cleo+")"))
	golden(t, env, "error-property", env.get("contacts?$select=nope"))
	golden(t, env, "error-tracking", env.get("contacts?$filter=lastname eq 'x'", "Prefer", "odata.track-changes"))
	golden(t, env, "table", env.get("EntityDefinitions(LogicalName='new_membership')?$select=LogicalName,EntitySetName,PrimaryIdAttribute,ChangeTrackingEnabled"))
	golden(t, env, "attributes", env.get("EntityDefinitions(LogicalName='new_membership')/Attributes?$select=LogicalName,AttributeType,AttributeTypeName,IsValidForRead"))
	golden(t, env, "options", env.get("EntityDefinitions(LogicalName='new_membership')/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata?$select=LogicalName&$expand=OptionSet($select=Options)"))
	golden(t, env, "count", env.get(`RetrieveTotalRecordCount(EntityNames=@p)?@p=["contact"]`))
	golden(t, env, "whoami", env.get("WhoAmI()"))
	if inline := env.get("RetrieveTotalRecordCount(EntityNames=['contact'])"); !strings.Contains(inline.body, `"Values":[2]`) {
		t.Errorf("names in line: %s", inline.body)
	}
}

func TestTokens(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	good := url.Values{"grant_type": {"client_credentials"}, "client_id": {"causeway"}, "client_secret": {"causeway-sandbox"}, "scope": {env.web.URL + "/.default"}}
	status, body := env.tokenFor("sandbox", good)
	if status != 200 || body["token_type"] != "Bearer" || body["expires_in"] != float64(3600) || body["access_token"] == "" {
		t.Fatalf("%d %v", status, body)
	}
	env.token = body["access_token"].(string)
	if got := env.get("WhoAmI()"); got.status != 200 {
		t.Errorf("with the token: %d", got.status)
	}
	for name, tc := range map[string]struct {
		tenant, field, value string
		status               int
		word                 string
		code                 float64
	}{
		"tenant":        {"other", "", "", 400, "invalid_request", 90002},
		"client":        {"sandbox", "client_id", "x", 400, "unauthorized_client", 700016},
		"secret":        {"sandbox", "client_secret", "x", 401, "invalid_client", 7000215},
		"no secret":     {"sandbox", "client_secret", "", 401, "invalid_client", 7000218},
		"grant":         {"sandbox", "grant_type", "password", 400, "unsupported_grant_type", 70003},
		"scope":         {"sandbox", "scope", env.web.URL, 400, "invalid_scope", 70011},
		"doubled slash": {"sandbox", "scope", env.web.URL + "//.default", 400, "invalid_scope", 70011},
	} {
		form := url.Values{}
		for k, v := range good {
			form[k] = v
		}
		if tc.field != "" {
			form.Set(tc.field, tc.value)
		}
		status, body := env.tokenFor(tc.tenant, form)
		codes, _ := body["error_codes"].([]any)
		if status != tc.status || body["error"] != tc.word || len(codes) != 1 || codes[0] != tc.code {
			t.Errorf("%s: %d %v", name, status, body)
		}
	}
	env.token = "guessed"
	if got := env.get("contacts"); got.status != 401 || !strings.Contains(got.header.Get("WWW-Authenticate"), "authorization_uri=") {
		t.Errorf("a guessed token: %d %v", got.status, got.header)
	}
}

func TestFilters(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{TokenLife: 24 * time.Hour})
	env.people()
	env.advance(time.Hour)
	env.Put("contact", map[string]any{"contactid": bob, "jobtitle": "Baker"})
	for filter, want := range map[string]string{
		"lastname eq 'LOVELACE'": "Ada",
		"lastname eq 'O''Brien'": "Bob",
		"contains(lastname,'o')": "Ada Bob", "startswith(firstname,'c')": "Cleo", "endswith(emailaddress1,'EXAMPLE.COM')": "Bob",
		"emailaddress1 eq null": "Ada Cleo", "emailaddress1 ne null": "Bob", "gendercode ne 1": "Ada Cleo",
		"gendercode gt 1": "Ada", "gendercode ge 1 and gendercode le 2": "Ada Bob", "numberofchildren lt 4": "Ada",
		"donotemail eq true": "Ada", "not donotemail eq true": "Bob Cleo", "not (donotemail eq true or firstname eq 'Bob')": "Cleo",
		"birthdate lt 1900-01-01":                                  "Ada",
		"contactid eq " + ada + " or contactid eq " + cleo:         "Ada Cleo",
		"_parentcustomerid_value eq " + strings.ToUpper(ada):       "Cleo",
		"modifiedon ge 2024-01-31T09:00:00Z":                       "Bob",
		"modifiedon lt 2024-01-31T09:00:00Z and firstname ne null": "Ada Cleo",
		"firstname eq 'Ada' or modifiedon ge 2024-01-31T09:00:00Z": "Ada Bob",
		"statecode eq 0 and statuscode eq 1":                       "Ada Bob Cleo",
		"(((firstname eq 'Ada')))":                                 "Ada",
	} {
		for _, order := range []string{"", "&$orderby=modifiedon asc,contactid asc"} {
			got := env.page("contacts?$select=firstname&$filter=" + url.QueryEscape(filter) + order)
			names := strings.Fields(got.names("firstname"))
			slices.Sort(names)
			if strings.Join(names, " ") != want {
				t.Errorf("%s %s: %v, want %s", filter, order, names, want)
			}
		}
	}
	for filter, code := range map[string]string{
		"nope eq 1": "0x0", "lastname eq": "0x80060888", "lastname": "0x80060888", "lastname like 'x'": "0x80060888", "(lastname eq 'x'": "0x80060888",
		"gendercode eq 'x'": "0x80060888", "lastname eq 'x": "0x80060888", "length(lastname) eq 3": "0x80060888", "contactid eq 'x'": "0x80060888",
		"lastname eq 'x' lastname": "0x80060888", "contains(lastname)": "0x80060888",
	} {
		if got := env.get("contacts?$filter=" + url.QueryEscape(filter)); got.status != 400 || got.code() != code {
			t.Errorf("%s: %d %s", filter, got.status, got.body)
		}
	}
}

func TestOrderAndTop(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.people()
	for query, want := range map[string]string{
		"$orderby=firstname desc":                   "Cleo Bob Ada",
		"$orderby=gendercode,firstname":             "Cleo Bob Ada",
		"$orderby=gendercode desc,firstname":        "Ada Bob Cleo",
		"$orderby=modifiedon asc,contactid asc":     "Ada Bob Cleo",
		"$top=2":                                    "Ada Bob",
		"$top=2&$orderby=firstname desc":            "Cleo Bob",
		"$filter=gendercode ge 1&$orderby=jobtitle": "Ada Bob",
	} {
		if got := env.page("contacts?$select=firstname&" + query); got.names("firstname") != want || got.Next != "" {
			t.Errorf("%s: %s, next %s", query, got.names("firstname"), got.Next)
		}
	}
	for _, bad := range []string{"$top=5001", "$top=x", "$orderby=nope", "$orderby=firstname up", "$skip=3", "$search=x", "$filter=%zz"} {
		if got := env.get("contacts?" + bad); got.status != 400 {
			t.Errorf("%s: %d", bad, got.status)
		}
	}
}

func TestPaging(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.Seed(25, 1)
	for name, query := range map[string]string{
		"by key": "$select=lastname", "by time": "$select=lastname&$orderby=modifiedon,contactid", "by name": "$select=lastname&$orderby=lastname",
		"tracked": "$select=lastname", "filtered": "$select=lastname&$filter=lastname ne null",
	} {
		prefer := "odata.maxpagesize=10"
		if name == "tracked" {
			prefer += ",odata.track-changes"
		}
		seen := map[string]bool{}
		next, sizes := "contacts?"+query, ""
		for next != "" {
			p := env.page(next, "Prefer", prefer)
			for _, row := range p.Value {
				seen[row["contactid"].(string)] = true
			}
			sizes += fmt.Sprint(len(p.Value), " ")
			next = p.Next
			if (p.Delta != "") != (name == "tracked" && next == "") {
				t.Errorf("%s: change link %q with next link %q", name, p.Delta, next)
			}
		}
		if sizes != "10 10 5 " || len(seen) != 25 {
			t.Errorf("%s: pages of %s, %d rows", name, sizes, len(seen))
		}
	}
	// A page size that is not repeated is forgotten.
	first := env.page("contacts?$select=lastname", "Prefer", "odata.maxpagesize=10")
	if rest := env.page(first.Next); len(rest.Value) != 15 {
		t.Errorf("%d rows without the preference", len(rest.Value))
	}
	env.ExpireLinks()
	if got := env.get(first.Next); got.status != 400 {
		t.Errorf("an expired page link: %d", got.status)
	}
	if got := env.get("contacts?$skiptoken=junk"); got.status != 400 {
		t.Errorf("a page link that was made up: %d", got.status)
	}
	env.Seed(6000, 2)
	if p := env.page("contacts?$select=lastname&$count=true", "Prefer", "odata.maxpagesize=9999"); len(p.Value) != 5000 || p.Count != 5000 || p.Next == "" {
		t.Errorf("%d rows, count %d", len(p.Value), p.Count)
	}
	if got := env.get("contacts/$count"); got.body != "\ufeff5000" || got.header.Get("Content-Type") != "text/plain" {
		t.Errorf("$count: %q %s", got.body, got.header.Get("Content-Type"))
	}
	if got := env.get("contacts/$count?$filter=gendercode eq 9"); got.body != "\ufeff0" {
		t.Errorf("$count with a filter: %q", got.body)
	}
}

func TestChangeTracking(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.people()
	delta := env.page("contacts?$select=firstname", "Prefer", "odata.track-changes").Delta
	if !strings.Contains(delta, "?$select=firstname&$deltatoken=") || !strings.HasSuffix(delta, "%2101%2f31%2f2024%2008%3a10%3a44") {
		t.Errorf("change link %s", delta)
	}
	idle := env.page(delta)
	if len(idle.Value) != 0 || idle.Delta != delta || !strings.HasSuffix(idle.Context, "/$delta") {
		t.Errorf("an idle poll: %+v", idle)
	}
	short := env.Put("contact", map[string]any{"lastname": "x"})
	env.Delete("contact", short)
	env.Delete("contact", bob)
	env.Put("contact", map[string]any{"contactid": bob, "firstname": "Bob II"})
	for range 3 {
		env.Put("contact", map[string]any{"contactid": ada, "firstname": "Augusta"})
	}
	changed := env.page(delta)
	var gone []string
	for _, row := range changed.Value {
		if row["reason"] == "deleted" {
			gone = append(gone, row["id"].(string))
		}
	}
	if strings.TrimSpace(changed.names("firstname")) != "Bob II Augusta" || !slices.Equal(gone, []string{short, bob}) || len(changed.Value) != 4 {
		t.Errorf("changes: %v", changed.Value)
	}
	if got := env.get("contacts/$count?" + delta[strings.Index(delta, "$deltatoken"):]); got.body != "\ufeff4" {
		t.Errorf("$count of changes: %q", got.body)
	}
	// Pages: one token for all, bounded by the moment of the first.
	first := env.page(delta, "Prefer", "odata.maxpagesize=3")
	env.Put("contact", map[string]any{"contactid": cleo, "firstname": "Cleopatra"})
	last := env.page(first.Next, "Prefer", "odata.maxpagesize=3")
	if len(first.Value) != 3 || first.Delta != "" || len(last.Value) != 1 || last.Next != "" {
		t.Errorf("pages of %d and %d", len(first.Value), len(last.Value))
	}
	if after := env.page(last.Delta); after.names("firstname") != "Cleopatra" {
		t.Errorf("what changed between the pages: %v", after.Value)
	}
	for _, option := range []string{"$filter=firstname eq 'x'", "$orderby=firstname", "$top=3"} {
		name, _, _ := strings.Cut(option, "=")
		got := env.get("contacts?"+option, "Prefer", "odata.track-changes")
		if got.status != 400 || !strings.Contains(got.body, name+`\" query parameter isn't supported when Change Tracking is enabled`) {
			t.Errorf("%s: %d %s", option, got.status, got.body)
		}
	}
}

func TestChangeTokensExpire(t *testing.T) {
	for name, expire := range map[string]func(*environment){
		"age":      func(env *environment) { env.advance(7*24*time.Hour + time.Second) },
		"metadata": func(env *environment) { env.ChangeMetadata("contact") },
		"links":    func(env *environment) { env.ExpireLinks() },
	} {
		env := newEnvironment(t, dynamicstest.Options{ExpiredStatus: 410, TokenLife: 1000 * time.Hour})
		delta := env.page("contacts", "Prefer", "odata.track-changes").Delta
		expire(env)
		if got := env.get(delta); got.status != 410 || got.code() != "0x80044352" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		if p := env.page("contacts", "Prefer", "odata.track-changes"); env.get(p.Delta).status != 200 {
			t.Errorf("%s: a token that was made after it is refused", name)
		}
	}
	old := newEnvironment(t, dynamicstest.Options{})
	delta := old.page("contacts", "Prefer", "odata.track-changes").Delta
	old.advance(time.Minute)
	reborn := newEnvironmentAt(t, dynamicstest.Options{}, old.now.Load())
	if got := reborn.get("contacts?" + delta[strings.Index(delta, "$deltatoken"):]); got.code() != "0x80044352" {
		t.Errorf("a token of another life: %d %s", got.status, got.body)
	}
	if got := old.get("contacts?$deltatoken=junk"); got.status != 400 {
		t.Errorf("a token that was made up: %d", got.status)
	}
}

func TestPrerequisites(t *testing.T) {
	untracked := dynamicstest.Membership()
	untracked.LogicalName, untracked.EntitySetName, untracked.Untracked = "new_plain", "new_plains", true
	env := newEnvironment(t, dynamicstest.Options{Tables: []dynamicstest.Table{untracked}, NoOrganizationRead: []string{"new_membership"}})
	if got := env.get("new_plains", "Prefer", "odata.track-changes"); got.status != 400 || !strings.Contains(got.body, "isn't enabled for change tracking") {
		t.Errorf("untracked: %d %s", got.status, got.body)
	}
	if got := env.get("new_memberships"); got.status != http.StatusForbidden || !strings.Contains(got.body, "prvReadNew_membership") {
		t.Errorf("no privilege: %d %s", got.status, got.body)
	}
	for path, status := range map[string]int{"Contacts": 404, "contact": 404, "contacts/x": 404, "contacts(1)": 400, "EntityDefinitions(LogicalName='x')": 404} {
		if got := env.get(path); got.status != status {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}
