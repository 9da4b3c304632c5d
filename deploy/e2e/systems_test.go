package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/causeway-sync/causeway/deploy/internal/truth"
)

// systems are both simulated remote systems, asked as any other client of theirs would: with a token, over their own
// web APIs.
type systems struct {
	t *testing.T
	// dynamics and campaign are their origins.
	dynamics, campaign string
	tokens             map[string]string
}

func newSystems(t *testing.T, dynamics, campaign string) *systems {
	return &systems{t: t, dynamics: "http://" + dynamics, campaign: "http://" + campaign, tokens: map[string]string{}}
}

// token asks a token endpoint once; the process that gave it must still be the same.
func (s *systems) token(endpoint, scope string) string {
	s.t.Helper()
	if s.tokens[endpoint] != "" {
		return s.tokens[endpoint]
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"causeway"}, "client_secret": {"causeway-sandbox"}, "scope": {scope}}
	r, err := ask(http.MethodPost, endpoint, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	var answer struct {
		Token string `json:"access_token"`
	}
	if err == nil {
		err = json.Unmarshal(r.body, &answer)
	}
	if err != nil || answer.Token == "" {
		s.t.Fatalf("%s gives no token: %d %s %v", endpoint, r.status, r.body, err)
	}
	s.tokens[endpoint] = answer.Token
	return answer.Token
}

// forgetTokens is for a test that starts the systems again.
func (s *systems) forgetTokens() { clear(s.tokens) }

// webAPI calls the Dataverse Web API.
func (s *systems) webAPI(method, url, body string, headers ...string) reply {
	s.t.Helper()
	if !strings.HasPrefix(url, "http") {
		url = s.dynamics + "/api/data/v9.2/" + url
	}
	token := s.token(s.dynamics+"/sandbox/oauth2/v2.0/token", s.dynamics+"/.default")
	r, err := ask(method, url, body, append(headers, "Authorization", "Bearer "+token, "Content-Type", "application/json", "OData-Version", "4.0", "Accept", "application/json")...)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// contacts reads every contact, page by page.
func (s *systems) contacts() map[string]map[string]any {
	s.t.Helper()
	rows := map[string]map[string]any{}
	next := "contacts?$select=salutation,firstname,middlename,lastname,emailaddress1,telephone1,mobilephone,birthdate,gendercode"
	for next != "" {
		r := s.webAPI(http.MethodGet, next, "", "Prefer", "odata.maxpagesize=2500")
		var page struct {
			Value []map[string]any `json:"value"`
			Next  string           `json:"@odata.nextLink"`
		}
		if err := json.Unmarshal(r.body, &page); err != nil || r.status != http.StatusOK {
			s.t.Fatalf("contacts: %d %s %v", r.status, r.body, err)
		}
		for _, row := range page.Value {
			rows[row["contactid"].(string)] = row
		}
		next = page.Next
	}
	return rows
}

// patch changes columns of a contact, delete removes it; both as an integration of the customer's own would.
func (s *systems) patch(id string, columns map[string]any) {
	s.t.Helper()
	body, err := json.Marshal(columns)
	if err != nil {
		s.t.Fatal(err)
	}
	if r := s.webAPI(http.MethodPatch, "contacts("+id+")", string(body), "If-Match", "*"); r.status != http.StatusNoContent {
		s.t.Fatalf("PATCH: %d %s", r.status, r.body)
	}
}

func (s *systems) create(columns map[string]any) (id string) {
	s.t.Helper()
	body, err := json.Marshal(columns)
	if err != nil {
		s.t.Fatal(err)
	}
	r := s.webAPI(http.MethodPost, "contacts", string(body))
	_, id, _ = strings.Cut(r.header.Get("OData-EntityId"), "(")
	if r.status != http.StatusNoContent || id == "" {
		s.t.Fatalf("POST: %d %s", r.status, r.body)
	}
	return strings.TrimSuffix(id, ")")
}

func (s *systems) delete(id string) {
	s.t.Helper()
	if r := s.webAPI(http.MethodDelete, "contacts("+id+")", ""); r.status != http.StatusNoContent {
		s.t.Fatalf("DELETE: %d %s", r.status, r.body)
	}
}

// rest calls Campaign's REST API.
func (s *systems) rest(url string) reply {
	s.t.Helper()
	if !strings.HasPrefix(url, "http") {
		url = s.campaign + "/sandbox/campaign/profileAndServicesExt/" + url
	}
	token := s.token(s.campaign+"/ims/token/v3", "campaign_sdk")
	r, err := ask(http.MethodGet, url, "", "Authorization", "Bearer "+token, "X-Api-Key", "causeway")
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// profile looks one up by its custom key; nil when there is none.
func (s *systems) profile(key string) map[string]any {
	s.t.Helper()
	r := s.rest("profile/" + url.PathEscape(key))
	if r.status == http.StatusNotFound {
		return nil
	}
	var profile map[string]any
	if err := json.Unmarshal(r.body, &profile); err != nil || r.status != http.StatusOK {
		s.t.Fatalf("profile: %d %s %v", r.status, r.body, err)
	}
	return profile
}

// profiles reads every profile, page by page, by external id.
func (s *systems) profiles() map[string]map[string]any {
	s.t.Helper()
	rows := map[string]map[string]any{}
	next := "profile?_lineCount=2500&_forcePagination=true"
	for next != "" {
		r := s.rest(next)
		var page struct {
			Content []map[string]any
			Next    struct{ Href string }
		}
		if err := json.Unmarshal(r.body, &page); err != nil || r.status != http.StatusOK {
			s.t.Fatalf("profiles: %d %s %v", r.status, r.body, err)
		}
		for _, row := range page.Content {
			rows[fmt.Sprint(row["externalId"])] = row
		}
		next = page.Next.Href
	}
	return rows
}

// differences compares both sides and names up to ten that differ.
func (s *systems) differences() []string {
	s.t.Helper()
	return truth.Differences(maps.All(s.contacts()), s.profiles())
}

// writes is how often Campaign was written to, by its own count.
func (s *systems) writes() int {
	s.t.Helper()
	var stats struct {
		EngineCalls struct{ Create, Update, Delete int }
	}
	r, err := ask(http.MethodGet, s.campaign+"/_sandbox/stats", "")
	if err == nil {
		err = json.Unmarshal(r.body, &stats)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return stats.EngineCalls.Create + stats.EngineCalls.Update + stats.EngineCalls.Delete
}
