package remotetest_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

func TestStatsShape(t *testing.T) {
	s := remotetest.NewStats("engineCalls.read", "engineCalls.create", "journal", "token")
	s.Counter("engineCalls.create").Add(2)
	s.Counter(remotetest.Throttled).Add(1)
	got, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"engineCalls":{"read":0,"create":2},"journal":0,"token":0,"throttled":1,"duringRetryAfter":0}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got, _ = json.Marshal(remotetest.NewStats("plain", "a.b", "c.d"))
	if want := `{"plain":0,"a":{"b":0},"c":{"d":0},"throttled":0,"duringRetryAfter":0}`; string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.Reset()
	if s.Get("engineCalls.create") != 0 {
		t.Error("Reset left a count")
	}
}

func TestFaultsOverHTTP(t *testing.T) {
	v := newVendor(remotetest.InjectorOptions{})
	send := func(method, path, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		v.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w
	}
	if w := send("POST", "/_sandbox/faults", `{"kind":"error","rate":1,"seconds":30,"status":500,"retryAfter":2,"latencyMs":50}`); w.Code != 201 {
		t.Fatalf("POST answers %d %s", w.Code, w.Body)
	}
	if w := send("GET", "/api/x", ""); w.Code != 500 {
		t.Errorf("the API answers %d", w.Code)
	}
	if w := send("GET", "/_sandbox/faults", ""); !strings.Contains(w.Body.String(), `"kind":"error"`) {
		t.Errorf("the list is %s", w.Body)
	}
	if w := send("DELETE", "/_sandbox/faults", ""); w.Code != 204 {
		t.Errorf("DELETE answers %d", w.Code)
	}
	if w := send("GET", "/api/x", ""); w.Code != 200 {
		t.Errorf("the API still answers %d", w.Code)
	}
	send("POST", "/_sandbox/faults", `{"kind":"throttle","retryAfter":60}`)
	send("GET", "/api/x", "")
	if w := send("GET", "/_sandbox/stats", ""); w.Body.String() != `{"requests":{"read":0},"throttled":1,"duringRetryAfter":0}`+"\n" {
		t.Errorf("stats: %s", w.Body)
	}
	send("DELETE", "/_sandbox/faults", "")
	if w := send("GET", "/api/x", ""); w.Code != 200 {
		t.Errorf("DELETE left the 429 window open: %d", w.Code)
	}
	send("DELETE", "/_sandbox/stats", "")
	if v.stats.Get(remotetest.Throttled) != 0 {
		t.Error("DELETE left the counts")
	}
}

func TestBadFaultsNameTheField(t *testing.T) {
	for body, field := range map[string]string{
		`{"kind":"explode"}`:                     "kind",
		`{}`:                                     "kind",
		`null`:                                   "kind",
		`{"kind":"cut","rate":1.5}`:              "rate",
		`{"kind":"cut","rate":0}`:                "rate",
		`{"kind":"cut","rate":-1}`:               "rate",
		`{"kind":"cut","rate":"often"}`:          "rate",
		`{"kind":"cut","seconds":-1}`:            "seconds",
		`{"kind":"cut","seconds":1e300}`:         "seconds",
		`{"kind":"error","status":200}`:          "status",
		`{"kind":"error","status":"bad"}`:        "status",
		`{"kind":"throttle","retryAfter":-1}`:    "retryAfter",
		`{"kind":"latency","latencyMs":-1}`:      "latencyMs",
		`{"kind":"cut","paths":"everywhere"}`:    "paths",
		`{"kind":"cut","color":"red"}`:           "color",
		`[1]`:                                    "",
		`{"kind":"cut"} {"kind":"cut"}`:          "",
		`{"kind":`:                               "",
		``:                                       "",
		`{"kind":"cut","rate":0.5,"Fault":{}}`:   "Fault",
		`{"kind":"cut","x":"` + long() + `" }  `: "",
	} {
		v := newVendor(remotetest.InjectorOptions{})
		w := httptest.NewRecorder()
		v.ServeHTTP(w, httptest.NewRequest("POST", "/_sandbox/faults", strings.NewReader(body)))
		var answer remotetest.FieldError
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 400 || answer.Message == "" {
			t.Errorf("%.60s: answer %d %s", body, w.Code, w.Body)
		}
		if answer.Field != field {
			t.Errorf("%.60s: names field %q, want %q (%s)", body, answer.Field, field, answer.Message)
		}
		if len(v.faults.Active()) != 0 {
			t.Errorf("%.60s: a fault is under way", body)
		}
	}
}

func long() string { return strings.Repeat("x", 70<<10) }

func FuzzParseFault(f *testing.F) {
	f.Add([]byte(`{"kind":"throttle","rate":0.1,"seconds":30,"status":503,"retryAfter":2,"latencyMs":50}`))
	f.Add([]byte(`{"kind":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		fault, err := remotetest.ParseFault(data)
		if err == nil && fault.Validate() != nil {
			t.Errorf("accepted, yet not valid: %+v", fault)
		}
	})
}
