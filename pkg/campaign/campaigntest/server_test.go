package campaigntest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

func TestGatewayRefuses(t *testing.T) {
	s := open(t, campaigntest.Options{})
	for name, tc := range map[string]struct {
		path   string
		change func(http.Header)
		status int
		text   string
	}{
		"wrong organisation": {s.web.URL + "/acme/campaign" + profiles, func(http.Header) {}, 500, `"message":"Oops. Something went wrong. Check your URI and try again."`},
		"no path":            {s.web.URL + "/", func(http.Header) {}, 500, "Oops"},
		"no token":           {profiles, func(h http.Header) { h.Del("Authorization") }, 401, `"error_code":"401010"`},
		"bad token":          {profiles, func(h http.Header) { h.Set("Authorization", "Bearer x") }, 401, `{"error_code":"401013","message":"Oauth token is not valid"}`},
		"no key":             {profiles, func(h http.Header) { h.Del("X-Api-Key") }, 403, `"error_code":"403000"`},
		"other key":          {profiles, func(h http.Header) { h.Set("X-Api-Key", "x") }, 403, `"error_code":"403003"`},
	} {
		good := s.header.Clone()
		tc.change(s.header)
		if status, text := s.do(t, "GET", tc.path, ""); status != tc.status || !strings.Contains(text, tc.text) {
			t.Errorf("%s: %d %s", name, status, text)
		}
		s.header = good
	}
	if calls := s.sim.EngineCalls(); calls != (campaigntest.EngineCalls{}) {
		t.Errorf("refused calls reached the engine: %+v", calls)
	}
}

func TestInjectedErrorsSpeakAsTheVendor(t *testing.T) {
	s := open(t, campaigntest.Options{})
	for status, text := range map[int]string{
		401: "401013", 403: "403023", 429: "429050", 500: "RST-360011", 502: "Oops", 503: "<html>", 504: "<html>",
	} {
		stop := s.sim.Faults().Inject(remotetest.Fault{Kind: remotetest.Error, Status: status})
		if got, body := s.do(t, "GET", profiles, ""); got != status || !strings.Contains(body, text) {
			t.Errorf("%d: %d %s", status, got, body)
		}
		stop()
	}
	s.sim.Faults().Inject(remotetest.Fault{Kind: remotetest.Throttle, RetryAfter: 60})
	if status, body := s.do(t, "GET", profiles, ""); status != 429 || !strings.Contains(body, "429050") {
		t.Errorf("throttled: %d %s", status, body)
	}
	if status, body := s.do(t, "DELETE", "/_sandbox/faults", ""); status != 204 {
		t.Errorf("the sandbox's own path: %d %s", status, body)
	}
}

func TestPKeysAreOpaqueDifferAndResolve(t *testing.T) {
	s := open(t, campaigntest.Options{})
	created := s.object(t, "POST", profiles, `{"externalId":"k"}`)
	read := s.object(t, "GET", profiles+"/k", "")
	if created["PKey"] == read["PKey"] || !strings.HasPrefix(created["PKey"].(string), "@") {
		t.Errorf("PKeys %v and %v", created["PKey"], read["PKey"])
	}
	for _, address := range []string{created["href"].(string), read["href"].(string), profiles + "/" + created["PKey"].(string)} {
		if row := s.object(t, "GET", address, ""); row["externalId"] != "k" {
			t.Errorf("%s is %v", address, row)
		}
	}
	s.sim.DefineResource(campaigntest.Resource{Name: "cusPet", Schema: "cus:pet", API: campaigntest.Custom})
	if status, text := s.do(t, "GET", "/customResources/cusPet/"+created["PKey"].(string), ""); status != 500 || !strings.Contains(text, "XTK-170036") {
		t.Errorf("a profile's PKey for a pet: %d %s", status, text)
	}
}

func TestPagesCoverTheListAndAreExpired(t *testing.T) {
	s := open(t, campaigntest.Options{})
	for i := range 60 {
		mustPut(t, s, map[string]any{"externalId": fmt.Sprintf("k%02d", i), "lastName": fmt.Sprint(i % 7)})
	}
	for _, query := range []string{"", "?_lineCount=7", "?_order=lastName%20desc", "/byText?text=&_lineCount=13"} {
		seen := map[string]bool{}
		next := profiles + query
		for pages := 0; next != "" && pages < 20; pages++ {
			page := s.object(t, "GET", next, "")
			for _, row := range page["content"].([]any) {
				seen[row.(map[string]any)["externalId"].(string)] = true
			}
			next = link(page, "next")
		}
		if len(seen) != 60 {
			t.Errorf("%q: %d of 60 rows", query, len(seen))
		}
	}
	page := s.object(t, "GET", profiles, "")
	if rows := page["content"].([]any); len(rows) != 25 {
		t.Errorf("a page without _lineCount has %d rows", len(rows))
	}
	if n := s.object(t, "GET", link(page, "count"), "")["count"]; n != 60.0 {
		t.Errorf("count is %v", n)
	}
	s.sim.Faults().Inject(remotetest.Fault{Kind: remotetest.ExpireLinks})
	if status, _ := s.do(t, "GET", link(page, "next"), ""); status != 500 {
		t.Errorf("an expired link is answered %d", status)
	}
}

func TestNextIsMissingOnBigTables(t *testing.T) {
	s := open(t, campaigntest.Options{BigTable: 30})
	for i := range 31 {
		mustPut(t, s, map[string]any{"externalId": fmt.Sprint(i)})
	}
	if next := link(s.object(t, "GET", profiles, ""), "next"); next != "" {
		t.Errorf("next is %s", next)
	}
	page := s.object(t, "GET", profiles+"?_forcePagination=true", "")
	if link(page, "next") == "" {
		t.Error("_forcePagination=true brings no next link")
	}
	if rest := s.object(t, "GET", link(page, "next"), ""); len(rest["content"].([]any)) != 6 {
		t.Errorf("the second page has %d rows", len(rest["content"].([]any)))
	}
}

func TestStandardHidesExtendedFields(t *testing.T) {
	s := open(t, campaigntest.Options{})
	d := campaigntest.Profile()
	d.Fields = append(d.Fields, campaigntest.Field{Name: "cusTier", Type: campaigntest.String, Extended: true})
	s.sim.DefineResource(d)
	s.object(t, "POST", profiles, `{"externalId":"k","cusTier":"gold"}`)
	row := s.object(t, "GET", "/profileAndServices/profile", "")["content"].([]any)[0].(map[string]any)
	if _, shown := row["cusTier"]; shown || row["externalId"] != "k" {
		t.Errorf("profileAndServices shows %v", row)
	}
	if status, text := s.do(t, "POST", "/profileAndServices/profile", `{"cusTier":"gold"}`); status != 500 || !strings.Contains(text, "not valid") {
		t.Errorf("profileAndServices takes it: %d %s", status, text)
	}
}

func TestLinksAreStoredByPKey(t *testing.T) {
	s := open(t, campaigntest.Options{})
	s.sim.DefineResource(campaigntest.Resource{Name: "cusPet", Schema: "cus:pet", API: campaigntest.Extended, Key: "tag", Fields: []campaigntest.Field{
		{Name: "tag", Type: campaigntest.String}, {Name: "owner", Type: campaigntest.Link, Target: "profile"},
	}})
	owner := s.object(t, "POST", profiles, `{"externalId":"ann"}`)
	pets := "/profileAndServicesExt/cusPet"
	s.object(t, "POST", pets, fmt.Sprintf(`{"tag":"t1","owner":{"PKey":"%s"}}`, owner["PKey"]))
	s.object(t, "POST", pets, `{"tag":"t2","owner":{"firstName":"nested"}}`)
	page := s.object(t, "GET", pets, "")["content"].([]any)
	if found := s.object(t, "GET", link(page[0].(map[string]any), "owner"), ""); found["externalId"] != "ann" {
		t.Errorf("the link leads to %v", found)
	}
	if page[1].(map[string]any)["owner"] != nil {
		t.Errorf("a nested object became a link: %v", page[1])
	}
	if status, _ := s.do(t, "POST", pets, `{"owner":{"PKey":"@nonsense"}}`); status != 500 {
		t.Errorf("a forged PKey is answered %d", status)
	}
}

func TestEveryWriteIsRecordedInOrder(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := open(t, campaigntest.Options{Now: func() time.Time { return at }})
	s.do(t, "POST", profiles, `{"externalId":"k","firstName":"Ann"}`)
	s.do(t, "POST", profiles, `{"externalId":"k"}`)       // refused
	s.do(t, "PATCH", profiles+"/k", `{"gender":"bad"}`)   // refused
	s.do(t, "PATCH", profiles+"/nobody", `{"title":"x"}`) // refused
	s.do(t, "PATCH", profiles+"/k", `{"firstName":null}`) //
	s.do(t, "DELETE", profiles+"/k", ``)                  //
	s.do(t, "DELETE", profiles+"/k", ``)                  // refused
	s.do(t, "GET", "/profileAndServicesExt/resourceType/profile", "")
	want := []campaigntest.Write{
		{Seq: 1, Op: campaigntest.Create, Resource: "profile", Key: "k", Fields: map[string]any{"externalId": "k", "firstName": "Ann"}, Time: at},
		{Seq: 2, Op: campaigntest.Update, Resource: "profile", Key: "k", Fields: map[string]any{"firstName": nil}, Time: at},
		{Seq: 3, Op: campaigntest.Delete, Resource: "profile", Key: "k", Time: at},
	}
	if diff := cmp.Diff(want, s.sim.Writes()); diff != "" {
		t.Error(diff)
	}
	if _, text := s.do(t, "GET", "/_sandbox/stats", ""); strings.TrimSpace(text) !=
		`{"engineCalls":{"read":1,"create":2,"update":3,"delete":2},"journal":0,"token":1,"throttled":0,"duringRetryAfter":0}` {
		t.Errorf("stats: %s", text)
	}
}

func TestRecordOfWritesIsBounded(t *testing.T) {
	for keep, want := range map[int]string{0: "[1 2 3 4 5]", 3: "[3 4 5]", 5: "[1 2 3 4 5]", 9: "[1 2 3 4 5]", -1: "[]"} {
		s := campaigntest.New(campaigntest.Options{KeepWrites: keep})
		for i := range 5 {
			if err := s.Put("profile", map[string]any{"externalId": fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
		}
		got := []int64{}
		for _, w := range s.Writes() {
			got = append(got, w.Seq)
		}
		if fmt.Sprint(got) != want || s.WriteCount() != 5 {
			t.Errorf("keep %d: %v of %d, want %s", keep, got, s.WriteCount(), want)
		}
	}
}

func TestRefuse(t *testing.T) {
	s := open(t, campaigntest.Options{})
	s.sim.Refuse(func(fields map[string]any) string {
		if fields["externalId"] == "bad" || fields["title"] == "bad" {
			return "XTK-000000 we do not take this one"
		}
		return ""
	})
	s.object(t, "POST", profiles, `{"externalId":"good"}`)
	for _, st := range []step{{"POST", profiles, `{"externalId":"bad"}`}, {"PATCH", profiles + "/good", `{"title":"bad"}`}} {
		if status, text := s.do(t, st.method, st.path, st.body); status != 500 || !strings.Contains(text, "XTK-000000") {
			t.Errorf("%s: %d %s", st.method, status, text)
		}
	}
	s.sim.Refuse(nil)
	s.object(t, "POST", profiles, `{"externalId":"bad"}`)
	if diff := cmp.Diff(map[string]map[string]any{"good": {"externalId": "good"}, "bad": {"externalId": "bad"}}, s.sim.Profiles()); diff != "" {
		t.Error(diff)
	}
}

// A key is created once, however many ask at the same time, and the counts agree with the record.
func TestRacingCreationsMakeOneRow(t *testing.T) {
	s := open(t, campaigntest.Options{})
	var racers sync.WaitGroup
	for range 16 {
		racers.Go(func() {
			for i := range 20 {
				s.do(t, "POST", profiles, fmt.Sprintf(`{"externalId":"%d"}`, i))
			}
		})
	}
	racers.Wait()
	if s.sim.Len("profile") != 20 || s.sim.WriteCount() != 20 || s.sim.EngineCalls().Create != 320 {
		t.Errorf("%d rows, %d writes, %d calls", s.sim.Len("profile"), s.sim.WriteCount(), s.sim.EngineCalls().Create)
	}
}

func TestPutSpeaksAsTheAPI(t *testing.T) {
	s := campaigntest.New(campaigntest.Options{})
	if err := s.Put("profile", map[string]any{"gender": "bad"}); err == nil || !strings.Contains(err.Error(), "enumeration") {
		t.Errorf("got %v", err)
	}
	if err := s.Put("nothing", nil); err == nil {
		t.Error("a row of nothing is taken")
	}
}

func FuzzBodies(f *testing.F) {
	for _, body := range []string{`{"externalId":"k"}`, `{"gender":1}`, `{"location":{"city":"x"}}`, `null`, `{"a":`, `{"birthDate":null,"externalId":5}`} {
		f.Add(body)
	}
	s := open(f, campaigntest.Options{})
	f.Fuzz(func(t *testing.T, body string) {
		before := s.sim.Len("profile")
		status, text := s.do(t, "POST", profiles, body)
		made := s.sim.Len("profile") - before
		if (status == 201) != (made == 1) {
			t.Errorf("%q: %d, %d rows made", body, status, made)
		}
		if status == 201 && !json.Valid([]byte(text)) {
			t.Errorf("%q: the answer is not JSON: %s", body, text)
		}
	})
}

func link(row map[string]any, member string) string {
	target, _ := row[member].(map[string]any)
	href, _ := target["href"].(string)
	return href
}

func mustPut(t *testing.T, s *site, row map[string]any) {
	t.Helper()
	if err := s.sim.Put("profile", row); err != nil {
		t.Fatal(err)
	}
}
