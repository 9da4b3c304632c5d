package campaign

import (
	"net/http"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// The texts are those of Campaign's documentation, word for word.
func TestClassify(t *testing.T) {
	sent := map[string]any{"gender": "invalid", "age": 4, "firstName": strings.Repeat("é", 31), "lastName": "Short", "title": "already exists"}
	for _, tc := range []struct {
		status int
		body   string
		rule   string
		kind   fault.Kind
		says   string
	}{
		{200, ``, "done", 0, ""},
		{204, ``, "done", 0, ""},
		{401, `{"error_code":"401013","message":"Oauth token is not valid"}`, "token", fault.Fatal, "client id"},
		{403, `{"error_code":"403023","message":"Profile is not valid"}`, "no product profile", fault.Fatal, "product profile"},
		{403, `{"error_code":"403000","message":"Api Key is required"}`, "no API key", fault.Fatal, "API key"},
		{403, `<html>`, "forbidden", fault.Fatal, ""},
		{500, `{"code":500,"message":"Oops. Something went wrong. Check your URI and try again."}`, "wrong address", 0, ""},
		{502, `{"code":502, "message":"Oops. Something went wrong. Check your URI and try again."}`, "wrong address", 0, ""},
		{404, "RST-360011 An error has occurred - please contact your administrator. Unable to find document with path 'Service' from key 'adobe_nl' (document with schema 'service' and name 'adobe_nl')", "no such row", 0, ""},
		{404, "Unable to find document with path 'Service' from key 'adobe_nl' (document with schema 'service' and name 'adobe_nl')", "no such row", 0, ""},
		{404, "Unable to decrypt PKey. (PKey=@jksad) Unsupported endpoint. (endpoint=rest/profileAndServices/profile/@jksad)", "no such row", 0, ""},
		{404, "<html>nginx</html>", "no such path", fault.Fatal, "published"},
		{301, "", "moved", fault.Fatal, "URL"},
		{500, `A 'Service' with the same key 'SVC4' already exists. PGS-220000 PostgreSQL error: ERROR:  duplicate key value violates unique constraint "nmsservice_name" DETAIL:  Key (sname)=(SVC4) already exists.`, "exists", 0, ""},
		{500, `{"message":"A 'Service' with the same key 'SVC4' already exists."}`, "exists", 0, ""},
		{500, "RST-360011 An error has occurred - please contact your administrator. RST-360012 Inconsistent operation on resource 'service' – Cannot update key 'SVC3' to 'SVC4'.", "key change", fault.Rejected, "key"},
		{500, "'O5iRp40EGA' attribute unknown (see definition of 'Profiles (nms:recipient)' schema). XTK-170036 Unable to parse expression '@id = @O5iRp40EGA'.", "not valid", fault.Rejected, "a field"},
		{500, "RST-360011 An error has occurred - please contact your administrator. The value 'invalid' is not valid for the 'nms:recipient:gender' enumeration of the '@gender' field", "enumeration", fault.Rejected, "gender"},
		{500, "Cannot update the 'age' property that is read-only\n'age' property is not valid for the 'profile' resource.", "read-only field", fault.Fatal, "age"},
		{500, "'shoeSize' property is not valid for the 'profile' resource.", "unknown field", fault.Fatal, "a field"},
		{500, "PGS-220000 PostgreSQL error: ERROR:  value too long for type character varying(30)", "too long", fault.Rejected, "firstName (more than 30 characters)"},
		{500, "RST-360011 An error has occurred - please contact your administrator.", "engine in trouble", fault.Transient, "RST-360011"},
		{500, "An error has occurred - please contact your administrator.", "without a reason", 0, ""},
		{500, "The value 'already exists' is not valid for the '@title' field", "value of a field", fault.Rejected, "title"},
		{500, "PGS-220001 cannot connect to the database", "anything else", fault.Transient, ""},
		{503, "<html><h1>Service Unavailable</h1></html>", "anything else", fault.Transient, ""},
		{504, "", "anything else", fault.Transient, ""},
		{400, "The body is not a JSON object.", "unusable request", fault.Rejected, ""},
		{413, "", "unusable request", fault.Rejected, ""},
	} {
		a := newAnswer(tc.status, http.Header{}, []byte(tc.body), call{fields: sent})
		r, said := a.classify(rules())
		if r.name != tc.rule || r.kind != tc.kind || !strings.Contains(said, tc.says) {
			t.Errorf("%d %.80s:\n got  %q, %v, %q\n want %q, %v, %q", tc.status, tc.body, r.name, r.kind, said, tc.rule, tc.kind, tc.says)
		}
	}
}

func TestAWebPageIsNoSuccess(t *testing.T) {
	a := newAnswer(200, http.Header{"Content-Type": {"text/html; charset=utf-8"}}, []byte("<html>sign in</html>"), call{})
	if r, _ := a.classify(rules()); r.verdict != failed || r.kind != fault.Transient {
		t.Errorf("got %+v", r)
	}
}

// Nothing that stands in an answer, and no value that was sent, comes through into what is said, except names of fields
// that were sent (invariant 9).
func FuzzClassify(f *testing.F) {
	for _, body := range []string{
		"The value 'invalid' is not valid for the 'nms:recipient:gender' enumeration of the '@SECRET' field",
		"'SECRET' property is not valid for the 'profile' resource.", "value too long for type character varying(3)",
		`{"a":[1,{"b":"RST-360012 SECRET"}]}`, "value too long for type character varying(99999999999999999999)", `"`,
	} {
		f.Add(500, body)
	}
	f.Add(404, "Unable to find document SECRET")
	f.Fuzz(func(t *testing.T, status int, body string) {
		k := call{key: "SECRETKEY", fields: map[string]any{"gender": "SECRET", "n": 5}}
		a := newAnswer(status, http.Header{}, []byte(body), k)
		r, said := a.classify(rules())
		if strings.Contains(said, "SECRET") {
			t.Errorf("%q gives away a value: %q", body, said)
		}
		if strings.Contains(said, "%!") {
			t.Errorf("%q is badly formatted: %q", body, said)
		}
		if r.verdict == taken && (status < 200 || status > 299) {
			t.Errorf("%d is taken for a success", status)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"content":[{"PKey":"@1","href":"h"}]}`))
	f.Add([]byte(`{"PKey":"@1"}`))
	f.Add([]byte(`{"content":{"a":{"type":"enumeration","values":{"x":{}}}},"name":"profile"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if rows, err := parseRows(body); err == nil {
			for _, r := range rows {
				_, _ = r.href("/x")
			}
		}
		if r, err := parseResource(body); err == nil && len(r.Fields) == 0 {
			t.Error("a resource without fields")
		}
	})
}
