package containers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/deploy/internal/truth"
)

// systems are both simulated remote systems, asked over their own web APIs from outside the containers.
type systems struct {
	t                  *testing.T
	dynamics, campaign string
	mu                 sync.Mutex
	tokens             map[string]string
}

func newSystems(t *testing.T, dynamics, campaign string) *systems {
	return &systems{t: t, dynamics: "http://" + dynamics, campaign: "http://" + campaign, tokens: map[string]string{}}
}

type reply struct {
	status int
	body   []byte
}

// ask sends one request; headers are name, value, name, value.
func ask(method, url, body string, headers ...string) (reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, text}, err
}

// must asks, and wants a 2xx that decodes.
func (s *systems) must(into any, method, url, body string, headers ...string) {
	s.t.Helper()
	r, err := ask(method, url, body, headers...)
	if err == nil && r.status/100 == 2 && into != nil {
		err = json.Unmarshal(r.body, into)
	}
	if err != nil || r.status/100 != 2 {
		s.t.Fatalf("%s %s: %d %s %v", method, url, r.status, r.body, err)
	}
}

func (s *systems) token(endpoint, scope string) string {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens[endpoint] == "" {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"causeway"}, "client_secret": {"causeway-sandbox"}, "scope": {scope}}
		var answer struct {
			Token string `json:"access_token"`
		}
		s.must(&answer, http.MethodPost, endpoint, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
		s.tokens[endpoint] = answer.Token
	}
	return s.tokens[endpoint]
}

// webAPI calls the Dataverse Web API.
func (s *systems) webAPI(into any, method, url, body string, headers ...string) {
	s.t.Helper()
	if !strings.HasPrefix(url, "http") {
		url = s.dynamics + "/api/data/v9.2/" + url
	}
	token := s.token(s.dynamics+"/sandbox/oauth2/v2.0/token", s.dynamics+"/.default")
	s.must(into, method, url, body, append(headers, "Authorization", "Bearer "+token, "Content-Type", "application/json", "Accept", "application/json")...)
}

// rows reads every row of a table, page by page.
func (s *systems) rows(set string) []map[string]any {
	s.t.Helper()
	var rows []map[string]any
	for next := set; next != ""; {
		var page struct {
			Value []map[string]any `json:"value"`
			Next  string           `json:"@odata.nextLink"`
		}
		s.webAPI(&page, http.MethodGet, next, "", "Prefer", "odata.maxpagesize=2500")
		rows, next = append(rows, page.Value...), page.Next
	}
	return rows
}

// contacts reads every contact.
func (s *systems) contacts() map[string]map[string]any {
	s.t.Helper()
	contacts := map[string]map[string]any{}
	for _, row := range s.rows("contacts?$select=salutation,firstname,middlename,lastname,emailaddress1,telephone1,mobilephone,birthdate,gendercode,donotbulkemail") {
		contacts[row["contactid"].(string)] = row
	}
	return contacts
}

// change writes columns of a contact, as an integration of the customer's own would.
func (s *systems) change(id string, columns map[string]any) {
	s.t.Helper()
	body, err := json.Marshal(columns)
	if err != nil {
		s.t.Fatal(err)
	}
	s.webAPI(nil, http.MethodPatch, "contacts("+id+")", string(body), "If-Match", "*")
}

// rest calls Campaign's REST API.
func (s *systems) rest(into any, url string) {
	s.t.Helper()
	if !strings.HasPrefix(url, "http") {
		url = s.campaign + "/sandbox/campaign/profileAndServicesExt/" + url
	}
	token := s.token(s.campaign+"/ims/token/v3", "campaign_sdk")
	s.must(into, http.MethodGet, url, "", "Authorization", "Bearer "+token, "X-Api-Key", "causeway")
}

func (s *systems) profile(key string) map[string]any {
	s.t.Helper()
	var profile map[string]any
	s.rest(&profile, "profile/"+url.PathEscape(key))
	return profile
}

// profiles reads every profile, page by page, by external id.
func (s *systems) profiles() map[string]map[string]any {
	s.t.Helper()
	rows := map[string]map[string]any{}
	for next := "profile?_lineCount=2500&_forcePagination=true"; next != ""; {
		var page struct {
			Content []map[string]any
			Next    struct{ Href string }
		}
		s.rest(&page, next)
		for _, row := range page.Content {
			rows[fmt.Sprint(row["externalId"])] = row
		}
		next = page.Next.Href
	}
	return rows
}

// differences compares contacts with profiles, and events with activities, and names up to ten of each that differ.
func (s *systems) differences() []string {
	s.t.Helper()
	var emitted struct{ Events []truth.Event }
	s.must(&emitted, http.MethodGet, s.campaign+"/_sandbox/events", "")
	timeline := truth.TimelineDifferences(emitted.Events, func(table string) iter.Seq[map[string]any] { return slices.Values(s.rows(table + "s")) })
	return append(truth.Differences(maps.All(s.contacts()), s.profiles()), timeline...)
}

// happen has Campaign send events, some of them twice and in disorder.
func (s *systems) happen(count int) {
	s.t.Helper()
	s.must(nil, http.MethodPost, s.campaign+"/_sandbox/events", fmt.Sprintf(`{"count":%d,"duplicates":0.1,"disorder":true}`, count), "Content-Type", "application/json")
}

// optOut opts a person out in Campaign, and has the daily file written.
func (s *systems) optOut(id string) {
	s.t.Helper()
	s.must(nil, http.MethodPost, s.campaign+"/_sandbox/profiles/"+id, `{"blackListEmail":true}`, "Content-Type", "application/json")
	s.must(nil, http.MethodPost, s.campaign+"/_sandbox/export", "")
}

// impolite is how often either system was asked inside its Retry-After.
func (s *systems) impolite() (n int) {
	s.t.Helper()
	for _, origin := range []string{s.dynamics, s.campaign} {
		var stats struct{ DuringRetryAfter int }
		s.must(&stats, http.MethodGet, origin+"/_sandbox/stats", "")
		n += stats.DuringRetryAfter
	}
	return n
}
