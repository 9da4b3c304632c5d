package dynamicstest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/causeway-sync/causeway/pkg/dynamics/dynamicstest"
)

func TestCreate(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.people()
	got := env.send("POST", "contacts", `{"firstname":"Dan","lastname":"Dare","creditlimit":12.50,"parentcustomerid_contact@odata.bind":"/contacts(`+ada+`)"}`)
	address := got.header.Get("OData-EntityId")
	if got.status != 204 || got.body != "" || !strings.HasPrefix(address, env.web.URL+dynamicstest.Root+"contacts(") {
		t.Fatalf("%d %q %s", got.status, got.body, address)
	}
	row := env.get(address, "Prefer", `odata.include-annotations="*"`)
	for _, part := range []string{`"fullname":"Dan Dare"`, `"creditlimit":12.50`, `"_parentcustomerid_value":"` + ada + `"`,
		`"_parentcustomerid_value@Microsoft.Dynamics.CRM.lookuplogicalname":"contact"`,
		`"_parentcustomerid_value@OData.Community.Display.V1.FormattedValue":"Ada Lovelace"`, `"statecode":0`, `"followemail":true`} {
		if !strings.Contains(row.body, part) {
			t.Errorf("the row lacks %s: %s", part, row.body)
		}
	}
	chosen := "0d000000-0000-4000-8000-000000000004"
	if got = env.send("POST", "contacts", `{"contactid":"`+chosen+`","lastname":"Eve"}`, "Prefer", "return=representation"); got.status != 201 || !strings.Contains(got.body, chosen) {
		t.Errorf("with representation: %d %s", got.status, got.body)
	}
	for body, want := range map[string]string{
		`{"contactid":"` + chosen + `"}`: "412 0x80040237",
		`{"nope":1}`:                     "400 0x80048d19",
		`{"lastname":1}`:                 "400 0x80048d19",
		`{"gendercode":9}`:               "400 0x80048d19",
		`{"birthdate":"yesterday"}`:      "400 0x80048d19",
		`[1]`:                            "400 0x80048d19",
		`{`:                              "400 0x80048d19",
		`{"lastname":"` + strings.Repeat("é", 51) + `"}`:                                                 "400 0x80044331",
		`{"_parentcustomerid_value":"` + ada + `"}`:                                                      "400 0x80048d19",
		`{"parentcustomerid@odata.bind":"/contacts(x)"}`:                                                 "400 0x80048d19",
		`{"parentcustomerid_contact@odata.bind":"/contacts(` + strings.Replace(ada, "1", "9", 1) + `)"}`: "404 0x80040217",
		`{"parentcustomerid_account@odata.bind":"/accounts(` + ada + `)"}`:                               "404 0x8006088a",
	} {
		if got := env.send("POST", "contacts", body); http.StatusText(got.status) == "" || got.summary() != want {
			t.Errorf("%s: %s, want %s", body, got.summary(), want)
		}
	}
	if got := env.send("POST", "new_memberships", `{"new_points":1}`); got.summary() != "400 0x80040203" {
		t.Errorf("without what is required: %s", got.summary())
	}
	if got := env.send("POST", "contacts", `{"lastname":"`+strings.Repeat("é", 50)+`"}`); got.status != 204 {
		t.Errorf("as long as the column: %d", got.status)
	}
}

// summary is the status and code of an error answer.
func (a answer) summary() string {
	text, _ := json.Marshal(a.status)
	return strings.TrimSpace(string(text) + " " + a.code())
}

func TestUpsertAndDelete(t *testing.T) {
	env := newEnvironment(t, dynamicstest.Options{})
	env.people()
	row := "contacts(" + ada + ")"
	missing := "contacts(0e000000-0000-4000-8000-000000000005)"
	var body map[string]any
	_ = json.Unmarshal([]byte(env.get(row).body), &body)
	tag := body["@odata.etag"].(string)
	for _, step := range []struct {
		name, method, path, body, want string
		header                         []string
	}{
		{"cached", "GET", row, "", "304", []string{"If-None-Match", tag}},
		{"not cached by null", "GET", row, "", "200", []string{"If-None-Match", "null"}},
		{"update", "PATCH", row, `{"jobtitle":"Analyst"}`, "204", []string{"If-Match", tag}},
		{"stale", "PATCH", row, `{"jobtitle":"x"}`, "412 0x80060882", []string{"If-Match", tag}},
		{"stale deletion", "DELETE", row, "", "412 0x80060882", []string{"If-Match", tag}},
		{"create only", "PATCH", row, `{}`, "412 0x80040237", []string{"If-None-Match", "*"}},
		{"update only", "PATCH", missing, `{}`, "404 0x80040217", []string{"If-Match", "*"}},
		{"representation of an update", "PATCH", row, `{"nickname":"A"}`, "200", []string{"Prefer", "return=representation"}},
		{"upsert creates", "PATCH", missing, `{"lastname":"New"}`, "204", nil},
		{"upsert updates", "PATCH", missing, `{"lastname":"Newer"}`, "204", nil},
		{"delete", "DELETE", missing, "", "204", nil},
		{"delete again", "DELETE", missing, "", "404 0x80040217", nil},
		{"representation of a creation", "PATCH", missing, `{}`, "201", []string{"Prefer", "return=representation"}},
		{"no such method", "PUT", row, `{}`, "405 0x80040216", nil},
		{"no such method for all", "DELETE", "contacts", ``, "405 0x80040216", nil},
	} {
		if got := env.send(step.method, step.path, step.body, step.header...); got.summary() != step.want {
			t.Errorf("%s: %s %s, want %s", step.name, got.summary(), got.body, step.want)
		}
	}
	values, ok := env.Row("contact", ada)
	if !ok || values["jobtitle"] != "Analyst" || values["lastname"] != "Lovelace" {
		t.Errorf("the row after it: %v", values)
	}
	want := []dynamicstest.Write{{Order: 1, Method: "PATCH", Table: "contact", ID: ada}, {Order: 2, Method: "PATCH", Table: "contact", ID: ada}}
	if diff := cmp.Diff(want, env.Writes()[:2], cmpopts.IgnoreFields(dynamicstest.Write{}, "Version")); diff != "" || len(env.Writes()) != 6 {
		t.Errorf("%d writes: %s", len(env.Writes()), diff)
	}
}
