package campaign

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote"
)

// journalName stands in messages.
const journalName = "Adobe I/O Events"

// journalAPI is the journal's server: an API of its own beside Campaign's, with the same credential.
type journalAPI struct {
	broken error // why it cannot be called, or nil
	remote *remote.Client
	base   *url.URL
	path   string // of the registration, without the prefix /events that may or may not be given

	mu sync.Mutex
	// until is the end of the last Retry-After, calm whether a good answer said it; guarded by mu.
	until time.Time
	calm  bool
}

// newJournalAPI makes the client of the journal. Settings that cannot work are an error of the first Read: who does not
// read the journal does not need them.
func newJournalAPI(cfg Config, signedIn *remote.Client) *journalAPI {
	base, err := journalBase(cfg)
	if err != nil {
		return &journalAPI{broken: err}
	}
	api, err := remote.New(remote.Config{
		Name: journalName, BaseURL: base.String(), TokenOf: signedIn,
		Header:    http.Header{"X-Api-Key": {cfg.ClientID}, "X-Ims-Org-Id": {cfg.OrgID}, "Accept": {"application/json"}},
		Transport: cfg.Transport, Timeout: cfg.Timeout, Observe: cfg.Observe, Gates: cfg.Gates,
	})
	return &journalAPI{broken: err, remote: api, base: base, path: strings.TrimPrefix(base.Path, "/events")}
}

func journalBase(cfg Config) (*url.URL, error) {
	if strings.TrimSpace(cfg.JournalURL) == "" {
		return nil, fault.New(fault.Fatal, "no journal is set for the events of Adobe Campaign: set the journal URL to the one that the registration "+
			"shows in the Adobe Developer Console, like https://events-va6.adobe.io/events/organizations/1/integrations/2/abc")
	}
	base, err := remote.ParseOrigin(cfg.JournalURL)
	switch {
	case err != nil:
		return nil, fault.Wrap(fault.Fatal, err, fmt.Sprintf("the journal URL of %s %v", journalName, err))
	case strings.Trim(base.Path, "/") == "" || base.RawQuery != "" || base.Fragment != "":
		return nil, fault.New(fault.Fatal, "the journal URL of "+journalName+" must end with the registration, like https://events-va6.adobe.io/events/organizations/1/integrations/2/abc")
	case cfg.OrgID == "":
		return nil, fault.New(fault.Fatal, journalName+" asks for the organisation: set the organisation id of Adobe Campaign (...@AdobeOrg)")
	}
	base.Path = strings.TrimRight(base.Path, "/")
	return base, nil
}

func (a *journalAPI) close() {
	if a.remote != nil {
		a.remote.Close()
	}
}

// resting is how long the journal still wants to be left alone; calm when it has nothing to say, and not trouble.
func (a *journalAPI) resting() (left time.Duration, calm bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return max(time.Until(a.until), 0), a.calm
}

func (a *journalAPI) rest(d time.Duration, calm bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if until := time.Now().Add(d); until.After(a.until) {
		a.until, a.calm = until, calm
	}
}

// pause is the error of a request that comes too early.
func pause(left time.Duration) error {
	return fault.ThrottledFor(left, fmt.Sprintf("%s asked for a pause; %s of it remain", journalName, left.Round(time.Millisecond)))
}

// journalAnswer is an answer 200, 204, 400 or 410.
type journalAnswer struct {
	status int
	header http.Header
	body   []byte
	to     *url.URL // of the request: what its links are relative to
	at     time.Time
}

// resolve makes a request's address of a link of this origin, or of the query of a request to the journal itself.
func (a *journalAPI) resolve(address string) (*url.URL, error) {
	if strings.HasPrefix(address, "/") {
		address = a.base.Scheme + "://" + a.base.Host + address
	}
	reference, err := url.Parse(address)
	if err != nil {
		return nil, fault.New(fault.Fatal, journalName+": a link of the journal cannot be understood as an address")
	}
	return a.base.ResolveReference(reference), nil
}

// get asks for an address. An answer that Read does not understand is an error.
func (a *journalAPI) get(ctx context.Context, address string) (*journalAnswer, error) {
	target, err := a.resolve(address)
	if err != nil {
		return nil, err
	}
	if left, _ := a.resting(); left > 0 { // invariant 10
		return nil, pause(left)
	}
	resp, err := a.remote.Do(ctx, remote.Request{Method: http.MethodGet, URL: target.String(), Kind: "journal"})
	if err != nil {
		return nil, err
	}
	a.rest(remote.RetryAfter(resp.Header, time.Now()), resp.Status < 300)
	positioned := !strings.HasPrefix(address, "?") || target.Query().Has("since")
	if err := judgeJournal(resp.Status, positioned); err != nil {
		return nil, err
	}
	said := &journalAnswer{status: resp.Status, header: resp.Header, body: resp.Body, to: target, at: time.Now()}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		said.at = date
	}
	return said, nil
}

// judgeJournal is nil for an answer that Read understands. 400 and 410 can be answers to a position only.
func judgeJournal(status int, positioned bool) error {
	refused := func(why string) error {
		return fault.New(fault.Fatal, fmt.Sprintf("%s refused to be read: %s (HTTP %d)", journalName, why, status))
	}
	switch {
	case status == http.StatusOK, status == http.StatusNoContent:
		return nil
	case positioned && (status == http.StatusBadRequest || status == http.StatusGone):
		return nil
	case status == http.StatusUnauthorized:
		return refused("the token is not accepted, not even a new one; check that client id, secret and organisation id belong together")
	case status == http.StatusForbidden:
		return refused("access is denied; add the I/O Events and I/O Management APIs to the project, and check organisation id and client id")
	case status == http.StatusNotFound:
		return refused("there is no such journal; check the journal URL against the registration in the Adobe Developer Console")
	case status >= 500, status == http.StatusGone, status == http.StatusRequestTimeout:
		return fault.New(fault.Transient, fmt.Sprintf("%s is in trouble (HTTP %d)", journalName, status))
	case status >= 300 && status < 400:
		return refused("the address points elsewhere; check the journal URL")
	}
	return refused("the request was not acceptable to it; check the journal URL and the organisation id")
}

// journalBody is the body of an answer.
type journalBody struct {
	Events []struct {
		Position string          `json:"position"`
		Event    json.RawMessage `json:"event"`
	} `json:"events"`
	Page struct {
		Last string `json:"last"`
	} `json:"_page"`
}

func (a *journalAnswer) decode() (b journalBody, err error) {
	if a.status == http.StatusNoContent {
		return b, nil
	}
	if err := json.Unmarshal(a.body, &b); err != nil {
		// The cause quotes the body, and the body holds data: it stays out (invariant 9).
		return b, fault.New(fault.Transient, journalName+" answered with something that is no page of a journal; check the journal URL and what stands between if this stays")
	}
	return b, nil
}

// first are the events that fit a page; cut says that there are more. A page ends with an event that has a position: the
// rest is asked for behind it.
func (b journalBody) first(limit int) (events []JournalEvent, cut bool, err error) {
	n := len(b.Events)
	if n > limit {
		cut = true
		for n = limit; n > 0 && b.Events[n-1].Position == ""; n-- {
		}
		if n == 0 {
			return nil, false, fault.New(fault.Transient, fmt.Sprintf("%s sent %d events at once and no position to divide them at; a page holds at most %d",
				journalName, len(b.Events), limit))
		}
	}
	for _, e := range b.Events[:n] {
		body := e.Event
		if len(body) == 0 {
			body = json.RawMessage("null")
		}
		events = append(events, JournalEvent{Position: e.Position, Body: body})
	}
	return events, cut, nil
}
