package campaign_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// One test a line of what a reader of the journal must survive: lines 1, 8 and 11 of what an Adobe client does.

// 1. Token expiry, 401013 mid-run: one token serves Campaign and the journal.
func TestJournalSurvivesTokenExpiryMidRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, campaigntest.Options{}, withJournal)
		appendEvents(t, h, 25)
		if _, err := h.client.Upsert(t.Context(), profile("k", true, nil)); err != nil {
			t.Fatal(err)
		}
		f := readJournal(t, h.client, campaign.JournalConfig{Limit: 10})
		for range 3 {
			if _, err := f.step(); err != nil {
				t.Fatal(err)
			}
			h.Issuer().RevokeAll()
		}
		if len(f.distinct()) != 25 || h.Stats().Get("token") != 3 {
			t.Errorf("%d events with %d tokens, want 25 with 3", len(f.distinct()), h.Stats().Get("token"))
		}
	})
}

// 8. 429 and 5xx: kinds, and nothing inside Retry-After, not even by another Journal.
func TestJournalSurvivesThrottlingAndTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, campaigntest.Options{}, withJournal)
		appendEvents(t, h, 5)
		stop := h.Faults().Inject(remotetest.Fault{Kind: remotetest.Throttle, RetryAfter: 7})
		f := readJournal(t, h.client, campaign.JournalConfig{})
		if _, err := f.step(); fault.After(err) != 7*time.Second {
			t.Errorf("throttled: %v", err)
		}
		stop()
		<-time.After(3 * time.Second)
		if _, err := readJournal(t, h.client, campaign.JournalConfig{}).step(); fault.After(err) != 4*time.Second {
			t.Errorf("another journal of the client: %v", err)
		}
		<-time.After(4 * time.Second)
		if _, err := f.step(); err != nil || len(f.ids) != 5 {
			t.Errorf("after the pause: %d events, %v", len(f.ids), err)
		}
		if got := h.Stats().Get(remotetest.DuringRetryAfter); got != 0 {
			t.Errorf("%d requests inside Retry-After", got)
		}
		for _, bad := range []remotetest.Fault{
			{Kind: remotetest.Error, Status: 500}, {Kind: remotetest.Error, Status: 502}, {Kind: remotetest.Error, Status: 503}, {Kind: remotetest.Cut},
		} {
			stop := h.Faults().Inject(bad)
			_, err := f.step()
			isKind(t, err, fault.Transient)
			stop()
		}
	})
}

func TestJournalSurvivesRefusals(t *testing.T) {
	for status, says := range map[int]string{
		401: "organisation id", 403: "I/O Management", 404: "journal URL", 301: "journal URL", 400: "journal URL", 418: "organisation id",
	} {
		c, _ := vendor(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		_, err := c.Journal(campaign.JournalConfig{}).Read(t.Context(), nil)
		isKind(t, err, fault.Fatal)
		if !strings.Contains(fault.Message(err), says) {
			t.Errorf("%d: %q does not say %q", status, fault.Message(err), says)
		}
	}
	for _, said := range []string{"<html>secret-value</html>", `{"events":{"secret-value":1}}`, ""} {
		c, _ := vendor(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(said)) })
		_, err := c.Journal(campaign.JournalConfig{}).Read(t.Context(), nil)
		isKind(t, err, fault.Transient)
		if strings.Contains(fmt.Sprintf("%v %+v", err, err), "secret-value") {
			t.Errorf("the message holds the body: %v", err)
		}
	}
}

// A pause that trouble asks for is an error, and not the quiet of an idle journal.
func TestJournalSurvivesTroubleWithRetryAfter(t *testing.T) {
	calls := 0
	c, _ := vendor(t, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(500)
	})
	_, err := c.Journal(campaign.JournalConfig{}).Read(t.Context(), nil)
	isKind(t, err, fault.Transient)
	_, err = c.Journal(campaign.JournalConfig{}).Read(t.Context(), nil)
	isKind(t, err, fault.Throttled)
	if calls != 1 {
		t.Errorf("%d requests inside Retry-After", calls-1)
	}
}

func TestJournalNeedsItsSettings(t *testing.T) {
	for name, change := range map[string]func(*campaign.Config){
		"no journal is set":     func(cfg *campaign.Config) { cfg.JournalURL = " " },
		"must begin with":       func(cfg *campaign.Config) { cfg.JournalURL = "ftp://x/y" },
		"with the registration": func(cfg *campaign.Config) { cfg.JournalURL = "https://events.example/" },
		"must end with":         func(cfg *campaign.Config) { cfg.JournalURL += "?limit=2" },
		"organisation id":       func(cfg *campaign.Config) { cfg.OrgID = "" },
	} {
		h := start(t, campaigntest.Options{}, func(cfg *campaign.Config) { withJournal(cfg); change(cfg) })
		_, err := h.client.Journal(campaign.JournalConfig{}).Read(t.Context(), nil)
		isKind(t, err, fault.Fatal)
		if !strings.Contains(fault.Message(err), name) {
			t.Errorf("%q does not say %q", fault.Message(err), name)
		}
		if _, err := h.client.Upsert(t.Context(), profile("k", true, nil)); err != nil {
			t.Errorf("%s: who does not read the journal is hindered: %v", name, err)
		}
	}
}

// 11. 204 with Retry-After: an idle journal is left alone, by every Journal of the client.
func TestJournalSurvives204WithRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, campaigntest.Options{}, withJournal)
		appendEvents(t, h, 3)
		f := readJournal(t, h.client, campaign.JournalConfig{})
		f.drain()
		asked := h.Stats().Get("journal")
		for second := range 10 {
			for _, reader := range []*journalReader{f, {t: t, journal: h.client.Journal(campaign.JournalConfig{}), position: f.position}} {
				page, err := reader.step()
				if err != nil || len(page.Events) > 0 || page.More || string(page.Next) != string(f.position) {
					t.Fatalf("second %d: %+v %v", second, page, err)
				}
			}
			<-time.After(time.Second)
		}
		if got := h.Stats().Get("journal"); got != asked {
			t.Errorf("%d requests inside Retry-After", got-asked)
		}
		appendEvents(t, h, 1)
		f.drain()
		if len(f.ids) != 4 || h.JournalPolledEarly() != 0 {
			t.Errorf("%d events, %d early requests", len(f.ids), h.JournalPolledEarly())
		}
	})
}

// 11. 204 without Retry-After: the poll interval is the engine's; every Read asks.
func TestJournalSurvives204WithoutRetryAfter(t *testing.T) {
	h := start(t, campaigntest.Options{Journal: campaigntest.JournalOptions{RetryAfter: -1}}, withJournal)
	f := readJournal(t, h.client, campaign.JournalConfig{})
	f.drain()
	f.drain()
	appendEvents(t, h, 2)
	f.drain()
	if len(f.ids) != 2 || h.Stats().Get("journal") != 4 {
		t.Errorf("%d events in %d requests, want 2 in 4", len(f.ids), h.Stats().Get("journal"))
	}
}

// 11. 204 whose next link stays, or is missing: so does the position.
func TestJournalSurvivesAnEndThatStays(t *testing.T) {
	for name, links := range map[string]func(string) []string{"a link": nil, "no link": func(string) []string { return nil }} {
		h := start(t, campaigntest.Options{Journal: campaigntest.JournalOptions{RetryAfter: -1, Links: links}}, withJournal)
		f := readJournal(t, h.client, campaign.JournalConfig{Limit: 2})
		f.drain()
		appendEvents(t, h, 5)
		f.drain()
		before := string(f.position)
		f.drain()
		if string(f.position) != before {
			t.Errorf("%s: an idle poll moved the position from %s to %s", name, before, f.position)
		}
		appendEvents(t, h, 5)
		f.drain()
		if len(f.ids) != 10 {
			t.Errorf("%s: %d deliveries of 10 events", name, len(f.ids))
		}
	}
}

// 11. Relative links, several Link headers, other relations, a link that is absolute; limit is remembered in the link.
func TestJournalSurvivesFormsOfLinks(t *testing.T) {
	for name, links := range map[string]func(next string) []string{
		"the vendor's": nil,
		"one header": func(next string) []string {
			return []string{`</a>; rel=events, <` + next + `>; rel="next", </b>; rel=page`}
		},
		"several relations": func(next string) []string {
			return []string{`<` + next + `>; title="a, b; rel=\"x\""; REL="page NEXT"`}
		},
		"no quotes": func(next string) []string {
			return []string{`<` + next + `>;rel=next`, `<` + next + `&other>;rel=next`}
		},
		"absolute": func(next string) []string { return []string{`<http://campaign.test:80` + next + `>; rel="next"`} },
		"query alone": func(next string) []string {
			return []string{`<` + next[strings.IndexByte(next, '?'):] + `>; rel="next"`}
		},
		"garbage in front": func(next string) []string {
			return []string{`garbage`, `<`, `<>; rel=`, `</x>; rel`, `<` + next + `>; rel="next"`}
		},
		"none":        func(string) []string { return nil },
		"only others": func(next string) []string { return []string{`<` + next + `>; rel="seek"`} },
	} {
		h := start(t, campaigntest.Options{Journal: campaigntest.JournalOptions{Links: links}}, withJournal)
		appendEvents(t, h, 25)
		f := readJournal(t, h.client, campaign.JournalConfig{Limit: 10})
		f.drain()
		if diff := cmp.Diff([]int{10, 10, 5, 0}, f.pages); diff != "" || len(f.distinct()) != 25 {
			t.Errorf("%s: %d events in pages of %v", name, len(f.distinct()), f.pages)
		}
	}
}

// 11. A link to another origin would take the token there.
func TestJournalSurvivesALinkToAnotherOrigin(t *testing.T) {
	leaked := false
	_, other := vendor(t, func(http.ResponseWriter, *http.Request) { leaked = true })
	for _, link := range []string{other.URL + "/events?since=p1", "//evil.example/events", "https://evil.example"} {
		c, _ := vendor(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "<"+link+`>; rel="next"`)
			_, _ = w.Write([]byte(body(1)))
		})
		_, err := c.Journal(campaign.JournalConfig{}).Read(t.Context(), nil)
		isKind(t, err, fault.Fatal)
		if !strings.Contains(fault.Message(err), "journal URL") {
			t.Errorf("%s: %v", link, err)
		}
		stored, _ := json.Marshal(map[string]any{"v": 1, "journal": "/organizations/1/integrations/2/3", "link": link})
		if _, err := c.Journal(campaign.JournalConfig{}).Read(t.Context(), stored); fault.KindOf(err) != fault.Fatal {
			t.Errorf("%s in a position: %v", link, err)
		}
	}
	if leaked {
		t.Error("the token travelled")
	}
}

// 11. A link that does not move on must not bring the same page for ever.
func TestJournalSurvivesALinkThatStaysBehind(t *testing.T) {
	c, _ := vendor(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", `</events/organizations/1/integrations/2/3?since=p1>; rel="next"`)
		switch r.URL.Query().Get("since") {
		case "":
			_, _ = w.Write([]byte(body(1)))
		case "p1":
			_, _ = w.Write([]byte(body(2)))
		case "p2":
			w.WriteHeader(204)
		}
	})
	f := readJournal(t, c, campaign.JournalConfig{})
	f.drain()
	if diff := cmp.Diff([]string{"e1", "e2"}, f.ids); diff != "" {
		t.Error(diff)
	}
}

// 11. A link that stopped working: the place of the last event is used; when that is unknown too, it is a gap.
func TestJournalSurvivesALinkThatIsRefused(t *testing.T) {
	for _, knowsLast := range []bool{true, false} {
		c, _ := vendor(t, func(w http.ResponseWriter, r *http.Request) {
			switch since := r.URL.Query().Get("since"); {
			case since == "":
				w.Header().Set("Link", `<?since=broken>; rel="next"`)
				_, _ = w.Write([]byte(body(1)))
			case since == "p1" && knowsLast:
				w.Header().Set("Link", `<?since=end>; rel="next"`)
				_, _ = w.Write([]byte(body(2)))
			case since == "end":
				w.WriteHeader(204)
			default:
				w.WriteHeader(400)
			}
		})
		f := readJournal(t, c, campaign.JournalConfig{})
		for range 2 {
			if _, err := f.step(); err != nil {
				t.Fatal(err)
			}
		}
		want := []string{"e1", "e2"}
		if !knowsLast {
			want = []string{"e1", "e1"}
		}
		if diff := cmp.Diff(want, f.ids); diff != "" || (len(f.gaps) == 0) != knowsLast {
			t.Errorf("knows the last place %v: %v, gaps %v", knowsLast, f.ids, f.gaps)
		}
	}
}

// 11. Batches smaller than the limit because of 1.5 MB, and answers larger than a page may be.
func TestJournalSurvivesShortAndLongBatches(t *testing.T) {
	for name, tc := range map[string]struct {
		opt campaigntest.JournalOptions
		max int
	}{
		"short": {campaigntest.JournalOptions{MaxBody: 60_000}, 90},
		"long":  {campaigntest.JournalOptions{IgnoreLimit: true}, campaign.MaxJournalPage},
	} {
		h := start(t, campaigntest.Options{Journal: tc.opt}, withJournal)
		appendEvents(t, h, 4000)
		f := readJournal(t, h.client, campaign.JournalConfig{Limit: 5000})
		f.drain()
		if largest := slices.Max(f.pages); largest > tc.max || largest < tc.max/2 {
			t.Errorf("%s: the largest page has %d events", name, largest)
		}
		if len(f.ids) != 4000 || len(f.distinct()) != 4000 {
			t.Errorf("%s: %d deliveries of %d events, want 4000", name, len(f.ids), len(f.distinct()))
		}
	}
}

// 11. Events without a position: a page is divided where one is, and nothing is lost.
func TestJournalSurvivesEventsWithoutAPosition(t *testing.T) {
	c, _ := vendor(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("since") {
		case "":
			_, _ = w.Write([]byte(`{"events":[{"position":"p1","event":{"id":"e1"}},{"event":{"id":"e2"}},{"position":"p3"}]}`))
		case "p1":
			_, _ = w.Write([]byte(`{"events":[{"event":{"id":"e2"}},{"position":"p3"}],"_page":{"last":"p3"}}`))
		default:
			w.WriteHeader(204)
		}
	})
	f := readJournal(t, c, campaign.JournalConfig{Limit: 2})
	f.drain()
	if diff := cmp.Diff([]string{"e1", "e2", ""}, f.ids); diff != "" {
		t.Error(diff)
	}
	c, _ = vendor(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"events":[{},{},{}]}`)) })
	_, err := c.Journal(campaign.JournalConfig{Limit: 2}).Read(t.Context(), nil)
	isKind(t, err, fault.Transient)
}

// 11. Duplicates and disorder are passed on as they are.
func TestJournalSurvivesDuplicatesAndDisorder(t *testing.T) {
	h := start(t, campaigntest.Options{}, withJournal)
	done, err := h.AppendEvents(campaigntest.EventBatch{Count: 1000, Duplicates: 0.2, Disorder: true, UnknownTypes: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	f := readJournal(t, h.client, campaign.JournalConfig{Limit: 300})
	f.drain()
	if len(f.ids) != done.Written || len(f.distinct()) != 1000 {
		t.Errorf("%d deliveries of %d events, want %d of 1000", len(f.ids), len(f.distinct()), done.Written)
	}
}

// 11. 410 after seven days: the gap is told once with its bounds, then reading goes on where it was configured.
func TestJournalSurvivesExpiry(t *testing.T) {
	for _, after := range []campaign.JournalStart{config.Oldest, config.Latest} {
		synctest.Test(t, func(t *testing.T) {
			h := start(t, campaigntest.Options{}, withJournal)
			appendEvents(t, h, 4)
			f := readJournal(t, h.client, campaign.JournalConfig{AfterGap: after})
			f.drain()
			lastRead := h.EmittedEvents()[3].Time
			<-time.After(24 * time.Hour)
			appendEvents(t, h, 4) // lost
			<-time.After(7 * 24 * time.Hour)
			appendEvents(t, h, 4)
			<-time.After(time.Second)
			f.drain()
			want := campaign.JournalGap{From: lastRead, To: h.EmittedEvents()[8].Time, Reason: "the journal does not hold the read position any more"}
			seen := 8
			if after == config.Latest {
				want.To, seen = time.Now().UTC(), 4
			}
			if diff := cmp.Diff([]campaign.JournalGap{want}, f.gaps); diff != "" || len(f.ids) != seen {
				t.Errorf("%s: %d events, want %d; gap:\n%s", after, len(f.ids), seen, diff)
			}
			<-time.After(time.Minute)
			appendEvents(t, h, 4)
			f.drain()
			if len(f.ids) != seen+4 || len(f.gaps) != 1 {
				t.Errorf("%s: went on with %d events and %d gaps", after, len(f.ids)-seen, len(f.gaps))
			}
		})
	}
}

// 11. 410 and then nothing there: the gap is told once, not at every poll.
func TestJournalSurvivesExpiryOfEverything(t *testing.T) {
	for _, after := range []campaign.JournalStart{config.Oldest, config.Latest} {
		for name, links := range map[string]func(string) []string{"with links": nil, "without links": func(string) []string { return nil }} {
			h := start(t, campaigntest.Options{Journal: campaigntest.JournalOptions{RetryAfter: -1, Links: links}}, withJournal)
			appendEvents(t, h, 4)
			f := readJournal(t, h.client, campaign.JournalConfig{AfterGap: after})
			f.drain()
			appendEvents(t, h, 2)
			h.ExpireEvents(0)
			for range 3 {
				f.drain()
			}
			if len(f.gaps) != 1 || f.gaps[0].From.IsZero() || f.gaps[0].To.Before(f.gaps[0].From) || len(f.ids) != 4 {
				t.Errorf("%s %s: gaps %v, %d events", after, name, f.gaps, len(f.ids))
			}
			appendEvents(t, h, 2)
			f.drain()
			if len(f.distinct()) != 6 || len(f.gaps) != 1 {
				t.Errorf("%s %s: %d events, gaps %v", after, name, len(f.distinct()), f.gaps)
			}
		}
	}
}

// 11. 410 whose restart fails: the gap is told when it succeeds, and a pause is honoured in between.
func TestJournalSurvivesExpiryInTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, campaigntest.Options{}, withJournal)
		appendEvents(t, h, 4)
		f := readJournal(t, h.client, campaign.JournalConfig{Limit: 2})
		if _, err := f.step(); err != nil {
			t.Fatal(err)
		}
		h.ExpireEvents(1)
		stop := h.Faults().Inject(remotetest.Fault{Kind: remotetest.Throttle, RetryAfter: 5})
		_, err := f.step()
		isKind(t, err, fault.Throttled)
		stop()
		<-time.After(5 * time.Second)
		f.drain()
		if len(f.gaps) != 1 || len(f.ids) != 3 {
			t.Errorf("gaps %v, %d events", f.gaps, len(f.ids))
		}
	})
	gone := true
	c, _ := vendor(t, func(w http.ResponseWriter, r *http.Request) {
		if gone && r.URL.Query().Has("since") {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(410)
			return
		}
		t.Error("a request inside Retry-After")
	})
	stored, _ := json.Marshal(map[string]any{"v": 1, "journal": "/organizations/1/integrations/2/3", "last": "p1"})
	_, err := c.Journal(campaign.JournalConfig{}).Read(t.Context(), stored)
	isKind(t, err, fault.Throttled)
}

// 11. latest=true pitfalls: it is asked for once, and what is written between it and the next poll is not lost.
func TestJournalSurvivesLatest(t *testing.T) {
	for name, links := range map[string]func(string) []string{"with links": nil, "without links": func(string) []string { return nil }} {
		h := start(t, campaigntest.Options{Journal: campaigntest.JournalOptions{RetryAfter: -1, Links: links}}, withJournal)
		var asked []string
		h.pool.Proxy = func(r *http.Request) (*url.URL, error) {
			if strings.Contains(r.URL.Path, "/organizations/") {
				asked = append(asked, r.URL.RawQuery)
			}
			return nil, nil
		}
		f := readJournal(t, h.client, campaign.JournalConfig{First: config.Latest})
		f.drain()
		for range 3 {
			appendEvents(t, h, 2)
			f.drain()
		}
		if len(f.distinct()) != 6 || len(f.gaps) != 0 {
			t.Errorf("%s: %d events, gaps %v", name, len(f.distinct()), f.gaps)
		}
		if latest := slices.DeleteFunc(asked, func(q string) bool { return !strings.Contains(q, "latest") }); len(latest) != 1 {
			t.Errorf("%s: latest was asked for %d times", name, len(latest))
		}
	}
	h := start(t, campaigntest.Options{}, withJournal)
	appendEvents(t, h, 3)
	f := readJournal(t, h.client, campaign.JournalConfig{First: config.Latest})
	f.drain()
	if len(f.ids) != 0 {
		t.Errorf("%d old events came", len(f.ids))
	}
}

// 11. Crash between write and cursor save: the stored position is read again by another program.
func TestJournalSurvivesACrashBeforeThePositionIsSaved(t *testing.T) {
	h := start(t, campaigntest.Options{}, withJournal)
	appendEvents(t, h, 30)
	f := readJournal(t, h.client, campaign.JournalConfig{Limit: 10})
	if _, err := f.step(); err != nil {
		t.Fatal(err)
	}
	lost, err := f.journal.Read(t.Context(), f.position) // never stored
	if err != nil {
		t.Fatal(err)
	}
	f.journal = h.client.Journal(campaign.JournalConfig{Limit: 10})
	f.drain()
	if len(f.ids) != 30 || len(f.distinct()) != 30 || !slices.Contains(f.ids, idOf(lost.Events[0])) {
		t.Errorf("%d deliveries of %d events", len(f.ids), len(f.distinct()))
	}
}

// 11. A stored position that leads nowhere is a gap and is told, never passed over in silence.
func TestJournalSurvivesAnUnreadablePosition(t *testing.T) {
	for reason, stored := range map[string]string{
		"cannot be understood":       `{"v":`,
		"cannot be understood ":      `{"v":0}`,
		"newer program":              `{"v":2,"journal":"/organizations/1/integrations/2/3","time":"2026-05-01T00:00:00Z"}`,
		"another journal":            `{"v":1,"journal":"/organizations/9/integrations/2/3","last":"p","time":"2026-05-01T00:00:00Z"}`,
		"does not know the read pos": `{"v":1,"journal":"/organizations/1/integrations/2/3","last":"p","time":"2026-05-01T00:00:00Z"}`,
	} {
		h := start(t, campaigntest.Options{}, withJournal)
		appendEvents(t, h, 3)
		f := readJournal(t, h.client, campaign.JournalConfig{})
		f.position = record.Position(stored)
		f.drain()
		if len(f.gaps) != 1 || !strings.Contains(f.gaps[0].Reason, strings.TrimSpace(reason)) || len(f.ids) != 3 {
			t.Fatalf("%s: gaps %v, %d events", stored, f.gaps, len(f.ids))
		}
		if told := strings.Contains(stored, "time"); told == f.gaps[0].From.IsZero() || f.gaps[0].To.IsZero() {
			t.Errorf("%s: %v", stored, f.gaps[0])
		}
	}
}

func TestJournalGapIsASentence(t *testing.T) {
	for want, gap := range map[string]campaign.JournalGap{
		"r: events from 2026-05-01T00:00:01Z to 2026-05-01T00:00:02Z may be missing": {From: second(1), To: second(2), Reason: "r"},
		"r: events to 2026-05-01T00:00:02Z may be missing":                           {To: second(2), Reason: "r"},
		"r: events of an unknown time may be missing":                                {Reason: "r"},
	} {
		if gap.String() != want {
			t.Errorf("%q, want %q", gap.String(), want)
		}
	}
}

// 11. A journal whose own links lead nowhere is asked at the pace of the engine, not without end.
func TestJournalSurvivesLinksThatAreBornDead(t *testing.T) {
	c, _ := vendor(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("since") {
			w.WriteHeader(410)
			return
		}
		w.Header().Set("Link", `<?since=p0>; rel="next"`)
		w.WriteHeader(204)
	})
	f := readJournal(t, c, campaign.JournalConfig{})
	f.drain()
	f.drain()
	f.drain()
	if len(f.pages) > 6 {
		t.Errorf("%d reads in three polls", len(f.pages))
	}
}

// 11. An empty journal that gives no link has no place to expire: the time of the last look says what may be lost.
func TestJournalSurvivesSevenDaysWithoutAPlace(t *testing.T) {
	for _, first := range []campaign.JournalStart{config.Oldest, config.Latest} {
		synctest.Test(t, func(t *testing.T) {
			noLinks := func(string) []string { return nil }
			h := start(t, campaigntest.Options{Journal: campaigntest.JournalOptions{RetryAfter: -1, Links: noLinks}}, withJournal)
			f := readJournal(t, h.client, campaign.JournalConfig{First: first})
			for range 20 {
				f.drain()
				<-time.After(24 * time.Hour)
			}
			if len(f.gaps) != 0 {
				t.Fatalf("%s: nothing was lost, yet %v", first, f.gaps)
			}
			f.drain()
			looked := time.Now().UTC()
			<-time.After(time.Hour)
			appendEvents(t, h, 1) // lost
			<-time.After(8 * 24 * time.Hour)
			appendEvents(t, h, 1)
			f.drain()
			if len(f.gaps) != 1 || len(f.ids) != 1 || !f.gaps[0].From.Equal(looked) {
				t.Errorf("%s: gaps %v, %d events", first, f.gaps, len(f.ids))
			}
		})
	}
}

// BenchmarkJournal reads a journal of 20,000 events by pages of 900; client and simulator share the machine.
func BenchmarkJournal(b *testing.B) {
	h, err := open(campaigntest.Options{}, withJournal)
	if err != nil {
		b.Fatal(err)
	}
	defer h.close()
	appendEvents(b, h, 20_000)
	read := 0
	for b.Loop() {
		f := readJournal(b, h.client, campaign.JournalConfig{})
		for {
			page, err := f.step()
			if err != nil {
				b.Fatal(err)
			}
			if read += len(page.Events); len(page.Events) < campaign.MaxJournalPage {
				break
			}
		}
	}
	b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "events/s")
}
