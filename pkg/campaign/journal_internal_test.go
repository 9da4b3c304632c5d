package campaign

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/remote"
)

func TestLinks(t *testing.T) {
	for header, want := range map[string][]string{
		`</a?x=1,2;3>; rel="next"`:                      {"/a?x=1,2;3"},
		`</a>; rel=next, </b>; rel="prev next"`:         {"/a", "/b"},
		`</a>; rel="x"; rel="next"`:                     nil, // the first rel counts
		`</a>;rel = Next ; title="<b>; rel=\"x\", <c>"`: {"/a"},
		`</a>`:               nil,
		`</a>; next`:         nil,
		`</a; rel=next`:      nil,
		`< /a >;rel="next`:   {"/a"},
		`, ,</a>;;rel=next;`: {"/a"},
		``:                   nil,
	} {
		if diff := cmp.Diff(want, links(http.Header{"Link": {header}}, "next")); diff != "" {
			t.Errorf("%s: %s", header, diff)
		}
	}
}

func FuzzLinks(f *testing.F) {
	f.Add(`</a>; rel="next"`)
	f.Add(`</a>; rel=x; y="\"", <b>;rel=next`)
	f.Add("</a>;rel=\"\\")
	f.Fuzz(func(t *testing.T, value string) {
		for _, target := range links(http.Header{"Link": {value}}, "next") {
			if !strings.Contains(value, target) || strings.ContainsRune(target, '>') {
				t.Errorf("%q is no target of %q", target, value)
			}
		}
		base := &url.URL{Scheme: "https", Host: "events.example", Path: "/events/organizations/1/integrations/2/3"}
		api := &journalAPI{base: base}
		link, err := api.nextLink(&journalAnswer{header: http.Header{"Link": {value}}, to: base})
		if err != nil || link == "" {
			return
		}
		if target, err := api.resolve(link); err == nil && !remote.SameOrigin(target, base) {
			t.Errorf("%q leads from %s to %s", value, base.Host, target.Host)
		}
	})
}

func FuzzJournalPosition(f *testing.F) {
	f.Add([]byte(`{"v":1,"journal":"/organizations/1/integrations/2/3","link":"/events?since=p","last":"p","time":"2026-05-01T00:00:00Z"}`))
	f.Add([]byte(`{"v":1,"journal":"/organizations/1/integrations/2/3","begun":"2026-05-01T00:00:00Z"}`))
	f.Add([]byte(`{"v":9}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		const journal = "/organizations/1/integrations/2/3"
		p, reason := parseJournalPosition(journal, text)
		if reason != "" {
			return
		}
		again, reason := parseJournalPosition(journal, p.encode())
		if reason != "" {
			t.Fatalf("what was read cannot be read again: %s", reason)
		}
		if diff := cmp.Diff(p, again); diff != "" {
			t.Error(diff)
		}
		if p.address(10) == "" {
			t.Error("no address")
		}
	})
}
