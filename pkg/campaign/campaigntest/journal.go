package campaigntest

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// JournalOptions configure the I/O Events journal of a Server. The zero value is the vendor's, with no known contact.
type JournalOptions struct {
	// Contacts lists the ids that AppendEvents may name as known contacts. Nil: there are none.
	Contacts func() []string
	// IMSOrg is what x-ims-org-id must hold. Empty is the organisation, with or without "@AdobeOrg".
	IMSOrg string
	// Path is the journal's own: "organizations/1/integrations/2/3". Empty: every path of that form leads to it.
	Path string
	// RetryAfter is said with every 204, in whole seconds; 0 is 10 s as at the vendor, below 0 leaves it out.
	RetryAfter time.Duration
	// Retention is how long an event stays; 0 is seven days.
	Retention time.Duration
	// PageSize is how many events a request without a limit is given, if they fit; 0 is 100. The vendor does not say.
	PageSize int
	// MaxBody caps an answer, in bytes; 0 is 1,500,000.
	MaxBody int
	// IgnoreLimit has every answer hold as many events as fit.
	IgnoreLimit bool
	// Links makes the values of the Link headers of an answer, one header each, out of the relative link to the next
	// page. Nil makes several headers with the relations that Adobe's SDK knows.
	Links func(next string) []string
}

func (o JournalOptions) withDefaults() JournalOptions {
	if o.Contacts == nil {
		o.Contacts = func() []string { return nil }
	}
	if o.RetryAfter == 0 {
		o.RetryAfter = 10 * time.Second
	}
	if o.Retention == 0 {
		o.Retention = 7 * 24 * time.Hour
	}
	if o.PageSize == 0 {
		o.PageSize = 100
	}
	if o.MaxBody == 0 {
		o.MaxBody = 1_500_000
	}
	if o.Links == nil {
		o.Links = severalLinks
	}
	return o
}

// severalLinks spreads the relations over two headers, as a gateway may that adds its own.
func severalLinks(next string) []string {
	base, _, _ := strings.Cut(next, "?")
	return []string{
		fmt.Sprintf(`<%s>; rel="events", <%s?latest=true>; rel="latest"`, base, base),
		fmt.Sprintf(`<%s>; rel="next"`, next),
	}
}

// journalRest is what stands behind "organizations/" in the path of a journal, with and without the prefix /events: the
// documentation shows both.
func journalRest(path string) (string, bool) {
	path = strings.TrimPrefix(path, "/events")
	return strings.CutPrefix(path, "/organizations/")
}

func isJournal(r *http.Request) bool {
	_, ok := journalRest(r.URL.Path)
	return ok
}

// readJournal answers GET /events/organizations/{organization}/integrations/{credential}/{registration} (Adobe I/O Events
// documentation, "Journaling API").
func (s *Server) readJournal(w http.ResponseWriter, r *http.Request) {
	if !s.admitToJournal(w, r) {
		return
	}
	s.stats.Counter("journal").Add(1)
	rest, _ := journalRest(r.URL.Path)
	path := "organizations/" + rest
	if part := strings.Split(path, "/"); len(part) != 5 || part[2] != "integrations" || s.opt.Journal.Path != "" && path != s.opt.Journal.Path {
		gatewayFault(w, http.StatusNotFound, "404000", "The journal does not exist")
		return
	}
	if r.Method != http.MethodGet {
		gatewayFault(w, http.StatusMethodNotAllowed, "405000", "Method not allowed")
		return
	}
	s.journal.noteEarly()
	q, why := s.journal.query(r.URL.Query())
	switch {
	case q.expired != "":
		w.Header().Set("Content-Type", "text/plain;charset=utf-8")
		w.WriteHeader(http.StatusGone)
		_, _ = fmt.Fprintf(w, "Events at position %s have expired.", q.expired)
	case why != "":
		gatewayFault(w, http.StatusBadRequest, "400000", why)
	default:
		s.answerJournal(w, "/events/"+path, q)
	}
}

// admitToJournal checks who asks: the I/O gateway wants the organisation beside token and key.
func (s *Server) admitToJournal(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Authorization") == "" {
		gatewayFault(w, http.StatusUnauthorized, "401010", "Oauth token is missing")
		return false
	}
	client, ok := s.issuer.Authorize(r)
	org := r.Header.Get("x-ims-org-id")
	wanted := s.opt.Journal.IMSOrg
	switch {
	case !ok:
		gatewayFault(w, http.StatusUnauthorized, "401013", "Oauth token is not valid")
	case r.Header.Get("x-api-key") == "":
		gatewayFault(w, http.StatusForbidden, "403000", "Api Key is required")
	case r.Header.Get("x-api-key") != client:
		gatewayFault(w, http.StatusForbidden, "403003", "Api Key is invalid")
	case wanted != "" && org != wanted, wanted == "" && org != s.opt.Org && org != s.opt.Org+"@AdobeOrg":
		gatewayFault(w, http.StatusForbidden, "403006", "The x-ims-org-id header is missing or wrong")
	default:
		return true
	}
	return false
}

// answerJournal answers 200 with events, or 204 at the end.
func (s *Server) answerJournal(w http.ResponseWriter, path string, q journalQuery) {
	body, count, next := s.journal.render(q)
	link := path + "?since=" + url.QueryEscape(next)
	if q.limit > 0 {
		link += "&limit=" + strconv.Itoa(q.limit) // "remembered in the next link"
	}
	for _, value := range s.opt.Journal.Links(link) {
		w.Header().Add("Link", value)
	}
	if count > 0 {
		answer(w, http.StatusOK, body)
		return
	}
	w.Header().Add("Link", fmt.Sprintf(`<%s/validate?since=%s>; rel="validate"`, path, url.QueryEscape(next)))
	if after := s.opt.Journal.RetryAfter; after > 0 {
		w.Header().Set("retry-after", strconv.Itoa(int((after+time.Second-1)/time.Second)))
		s.journal.toldToWait(after)
	}
	w.WriteHeader(http.StatusNoContent)
}
