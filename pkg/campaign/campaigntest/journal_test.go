package campaigntest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

const journalPath = "/events/organizations/1/integrations/2/3"

// journalAnswer is what a journal request brought.
type journalAnswer struct {
	Status int
	Header http.Header
	Text   string
	Events []struct {
		Position string
		Event    struct {
			ID   string
			Type string
			Data struct{ RecipientID string }
		}
	}
	Page struct {
		Last  string
		Count int
	} `json:"_page"`
}

func (s *site) journal(t *testing.T, path string) journalAnswer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.web.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = s.header.Clone()
	if req.Header.Get("x-ims-org-id") == "" {
		req.Header.Set("x-ims-org-id", "sandbox@AdobeOrg")
	}
	resp, err := s.web.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := journalAnswer{Status: resp.StatusCode, Header: resp.Header, Text: string(raw)}
	if resp.StatusCode == 200 {
		if err := json.Unmarshal(raw, &a); err != nil {
			t.Fatal(err)
		}
		if a.Page.Count != len(a.Events) || a.Page.Last != a.Events[len(a.Events)-1].Position {
			t.Errorf("_page is %+v for %d events", a.Page, len(a.Events))
		}
	}
	return a
}

// next is the link to the next page.
func (a journalAnswer) next(t *testing.T) string {
	t.Helper()
	for _, value := range a.Header.Values("Link") {
		if target, ok := strings.CutSuffix(value, `>; rel="next"`); ok {
			return strings.TrimPrefix(target, "<")
		}
	}
	t.Fatalf("no next link in %q", a.Header.Values("Link"))
	return ""
}

func mustAppend(t testing.TB, s *campaigntest.Server, b campaigntest.EventBatch) campaigntest.EventsAppended {
	t.Helper()
	done, err := s.AppendEvents(b)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func people() campaigntest.JournalOptions {
	return campaigntest.JournalOptions{Contacts: func() []string { return []string{"c1", "c2", "c3"} }}
}

func TestJournalIsReadByItsLinksAndEndsWith204(t *testing.T) {
	s := open(t, campaigntest.Options{Journal: people()})
	done := mustAppend(t, s.sim, campaigntest.EventBatch{Count: 250, Duplicates: 0.2, Disorder: true, UnknownContacts: 0.1, UnknownTypes: 0.1})
	for _, start := range []string{journalPath + "?limit=40", strings.TrimPrefix(journalPath, "/events") + "?limit=40"} {
		entries, distinct := 0, map[string]bool{}
		answer := s.journal(t, start)
		for ; answer.Status == 200; answer = s.journal(t, answer.next(t)) {
			entries += len(answer.Events)
			for _, e := range answer.Events {
				distinct[e.Event.ID] = true
			}
			if link := answer.next(t); len(answer.Events) > 40 || !strings.HasPrefix(link, journalPath+"?since=") || !strings.HasSuffix(link, "&limit=40") {
				t.Fatalf("%d events, next %s", len(answer.Events), link)
			}
		}
		if entries != done.Written || len(distinct) != 250 {
			t.Errorf("%s: %d entries of %d distinct events, want %d of 250", start, entries, len(distinct), done.Written)
		}
		if answer.Status != 204 || answer.Text != "" || answer.Header.Get("retry-after") != "10" {
			t.Errorf("at the end: %d %q, retry-after %q", answer.Status, answer.Text, answer.Header.Get("retry-after"))
		}
		if again := s.journal(t, answer.next(t)); again.Status != 204 || again.next(t) != answer.next(t) {
			t.Errorf("the end moved: %d %s", again.Status, again.next(t))
		}
		if all := strings.Join(answer.Header.Values("Link"), ", "); !strings.Contains(all, `/validate?since=`) || !strings.Contains(all, `rel="validate"`) {
			t.Errorf("links of a 204: %s", all)
		}
	}
	if got := s.sim.JournalPolledEarly(); got == 0 {
		t.Error("polls inside Retry-After were not counted")
	}
}

func TestJournalParameters(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	s := open(t, campaigntest.Options{Journal: people(), Now: func() time.Time { return at }})
	for range 3 {
		mustAppend(t, s.sim, campaigntest.EventBatch{Count: 10})
		at = at.Add(time.Hour)
	}
	for query, want := range map[string]string{
		"":                       "200 30",
		"?limit=7":               "200 7",
		"?seek=-PT90M":           "200 10",
		"?seek=-PT2H30M":         "200 20",
		"?seek=-P1DT1H":          "200 30",
		"?latest=true":           "204 0",
		"?limit=0":               "400 0",
		"?limit=x":               "400 0",
		"?seek=PT1H":             "400 0",
		"?seek=-P":               "400 0",
		"?seek=-P1H":             "400 0",
		"?since=a&seek=-PT1H":    "400 0",
		"?since=nothing":         "400 0",
		"?since=moose:12:34":     "400 0",
		"?latest=true&limit=100": "204 0",
	} {
		answer := s.journal(t, journalPath+query)
		if got := fmt.Sprint(answer.Status, " ", len(answer.Events)); got != want {
			t.Errorf("%q: %s %s, want %s", query, got, answer.Text, want)
		}
	}
	if end := s.journal(t, journalPath+"?latest=true"); s.journal(t, end.next(t)).Status != 204 {
		t.Error("the link of latest is not the end")
	}
}

func TestJournalForgetsAfterSevenDays(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	s := open(t, campaigntest.Options{Journal: people(), Now: func() time.Time { return at }})
	s.header.Set("Authorization", "Bearer "+s.sim.Issuer().Issue("causeway"))
	mustAppend(t, s.sim, campaigntest.EventBatch{Count: 10})
	first := s.journal(t, journalPath+"?limit=4")
	at = at.Add(6 * 24 * time.Hour)
	s.header.Set("Authorization", "Bearer "+s.sim.Issuer().Issue("causeway"))
	mustAppend(t, s.sim, campaigntest.EventBatch{Count: 5})
	if second := s.journal(t, first.next(t)); second.Status != 200 || len(second.Events) != 4 {
		t.Errorf("after six days: %d with %d events", second.Status, len(second.Events))
	}
	at = at.Add(25 * time.Hour)
	s.header.Set("Authorization", "Bearer "+s.sim.Issuer().Issue("causeway"))
	gone := s.journal(t, first.next(t))
	if want := "Events at position " + first.Page.Last + " have expired."; gone.Status != 410 || gone.Text != want {
		t.Errorf("after seven days: %d %q, want 410 %q", gone.Status, gone.Text, want)
	}
	if oldest := s.journal(t, journalPath); len(oldest.Events) != 5 {
		t.Errorf("%d events are left, want 5", len(oldest.Events))
	}
	kept := s.journal(t, journalPath+"?limit=2")
	s.sim.ExpireEvents(1)
	if gone := s.journal(t, kept.next(t)); gone.Status != 410 {
		t.Errorf("expired on demand: %d", gone.Status)
	}
	if oldest := s.journal(t, journalPath); len(oldest.Events) != 1 {
		t.Errorf("%d events are left, want 1", len(oldest.Events))
	}
	left := s.journal(t, journalPath)
	s.sim.Faults().Inject(remotetest.Fault{Kind: remotetest.ExpireLinks})
	if gone := s.journal(t, left.next(t)); gone.Status != 410 {
		t.Errorf("an expired link: %d", gone.Status)
	}
	if oldest := s.journal(t, journalPath); len(oldest.Events) != 1 {
		t.Errorf("expire-links took events away")
	}
}

func TestJournalBodyIsCapped(t *testing.T) {
	s := open(t, campaigntest.Options{Journal: campaigntest.JournalOptions{MaxBody: 20_000, IgnoreLimit: true}})
	mustAppend(t, s.sim, campaigntest.EventBatch{Count: 200})
	seen := 0
	answer := s.journal(t, journalPath+"?limit=200")
	for ; answer.Status == 200; answer = s.journal(t, answer.next(t)) {
		if len(answer.Text) > 20_000 {
			t.Errorf("a body of %d bytes", len(answer.Text))
		}
		seen += len(answer.Events)
	}
	if seen != 200 {
		t.Errorf("%d events, want 200", seen)
	}
}

func TestJournalRefuses(t *testing.T) {
	s := open(t, campaigntest.Options{Journal: campaigntest.JournalOptions{Path: strings.TrimPrefix(journalPath, "/events/"), RetryAfter: -1}})
	for name, tc := range map[string]struct {
		path, header, value string
		status              int
	}{
		"the right one":      {journalPath, "x-ims-org-id", "sandbox", 204},
		"no token":           {journalPath, "Authorization", "", 401},
		"bad token":          {journalPath, "Authorization", "Bearer x", 401},
		"no key":             {journalPath, "X-Api-Key", "", 403},
		"other key":          {journalPath, "X-Api-Key", "x", 403},
		"other organisation": {journalPath, "x-ims-org-id", "acme@AdobeOrg", 403},
		"other registration": {journalPath + "4", "x-ims-org-id", "sandbox", 404},
		"no registration":    {"/events/organizations/1", "x-ims-org-id", "sandbox", 404},
	} {
		good := s.header.Clone()
		s.header.Set(tc.header, tc.value)
		answer := s.journal(t, tc.path)
		if answer.Status != tc.status {
			t.Errorf("%s: %d %s, want %d", name, answer.Status, answer.Text, tc.status)
		}
		if answer.Status == 204 && answer.Header.Get("retry-after") != "" {
			t.Error("Retry-After was switched off")
		}
		s.header = good
	}
	if got := s.sim.Stats().Get("journal"); got != 3 {
		t.Errorf("%d requests reached the journal, want 3", got)
	}
	if calls := s.sim.EngineCalls(); calls != (campaigntest.EngineCalls{}) {
		t.Errorf("the journal cost engine calls: %+v", calls)
	}
}

// The REST API and the journal are two systems: who is throttled at one is not at the other.
func TestJournalIsThrottledByItself(t *testing.T) {
	s := open(t, campaigntest.Options{})
	stop := s.sim.Faults().Inject(remotetest.Fault{Kind: remotetest.Throttle, RetryAfter: 60})
	if status, _ := s.do(t, "GET", profiles, ""); status != 429 {
		t.Fatalf("profiles: %d", status)
	}
	stop()
	if answer := s.journal(t, journalPath); answer.Status != 204 {
		t.Errorf("journal: %d", answer.Status)
	}
}

func TestAppendedEventsAreWhatWasSaid(t *testing.T) {
	batch := campaigntest.EventBatch{Count: 2000, Types: []string{"send", "bounce"}, Duplicates: 0.1, UnknownContacts: 0.02, SoftBounces: 0.5, UnknownTypes: 0.05}
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	open2 := func() *campaigntest.Server {
		return campaigntest.New(campaigntest.Options{Seed: 7, Journal: people(), Now: func() time.Time { return at }})
	}
	s := open2()
	done := mustAppend(t, s, batch)
	counted := campaigntest.EventsAppended{Distinct: map[string]int{"send": 0, "bounce": 0}, Written: done.Written}
	for _, e := range s.EmittedEvents() {
		if e.Kind == "sms" {
			counted.UnknownTypes++
		} else {
			counted.Distinct[e.Kind]++
		}
		if !e.Known {
			counted.Unknown++
		}
		if e.Soft {
			counted.SoftBounces++
		}
	}
	if diff := cmp.Diff(counted, done); diff != "" {
		t.Errorf("emitted and said differ:\n%s", diff)
	}
	if dup := done.Written - 2000; dup < 120 || dup > 280 {
		t.Errorf("%d duplicates of 2000 at a share of 0.1", dup)
	}
	if done.Unknown < 15 || done.Unknown > 80 {
		t.Errorf("%d unknown contacts of 2000 at a share of 0.02", done.Unknown)
	}
	again := open2()
	mustAppend(t, again, batch)
	if diff := cmp.Diff(s.EmittedEvents(), again.EmittedEvents()); diff != "" {
		t.Errorf("the same seed gives other events:\n%s", diff)
	}
	mustAppend(t, again, batch)
	if all := again.EmittedEvents(); all[0].ID == all[2000].ID {
		t.Error("the second batch repeats the first")
	}
}

func TestEventsOverHTTP(t *testing.T) {
	s := open(t, campaigntest.Options{Journal: people()})
	said := s.object(t, "POST", "/_sandbox/events", `{"count":500,"types":["send","open","click","bounce"],"duplicates":0.1,"disorder":true,"unknownContacts":0.02}`)
	distinct := said["distinct"].(map[string]any)
	if sum := distinct["send"].(float64) + distinct["open"].(float64) + distinct["click"].(float64) + distinct["bounce"].(float64); sum != 500 {
		t.Errorf("%v", said)
	}
	if list := s.object(t, "GET", "/_sandbox/events", "")["events"].([]any); len(list) != 500 {
		t.Errorf("%d events are listed", len(list))
	}
	if status, _ := s.do(t, "DELETE", "/_sandbox/events", ""); status != 204 {
		t.Errorf("DELETE: %d", status)
	}
	if answer := s.journal(t, journalPath); answer.Status != 204 {
		t.Errorf("after DELETE: %d", answer.Status)
	}
	for body, field := range map[string]string{
		`{"count":0}`: "count", `{"count":1,"types":["fax"]}`: "types", `{"count":1,"duplicates":2}`: "duplicates",
		`{"count":1,"unknownContacts":-1}`: "unknownContacts", `{"count":1,"softBounces":1.1}`: "softBounces", `{"count":1,"color":1}`: "", `[`: "",
	} {
		status, text := s.do(t, "POST", "/_sandbox/events", body)
		var refused remotetest.FieldError
		if err := json.Unmarshal([]byte(text), &refused); err != nil || status != 400 || refused.Field != field || refused.Message == "" {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
}

// The payload is Causeway's own default, so the golden file is its documentation.
func TestGoldenEvents(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	s := open(t, campaigntest.Options{Seed: 3, Now: func() time.Time { return at }, Journal: people()})
	var b strings.Builder
	for _, batch := range []campaigntest.EventBatch{
		{Types: []string{"send"}}, {Types: []string{"open"}}, {Types: []string{"click"}}, {Types: []string{"bounce"}}, {Types: []string{"bounce"}, SoftBounces: 1}, {UnknownTypes: 1},
	} {
		batch.Count = 1
		mustAppend(t, s.sim, batch)
		var page struct {
			Events []struct{ Event json.RawMessage }
		}
		if err := json.Unmarshal([]byte(s.journal(t, journalPath).Text), &page); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, indented(string(page.Events[len(page.Events)-1].Event)))
	}
	compare(t, "events.txt", b.String())
}
