package campaigntest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// defaultLines is the page size of a list without _lineCount (ACS documentation, "Pagination").
const defaultLines = 25

// cutFilters takes the filters off the front of the path: /byChannel/byText.
func (s *Server) cutFilters(r *request) (filters []Filter, rest []string) {
	rest = r.rest
	for len(rest) > 0 {
		f, ok := s.filter(r.table.def, rest[0])
		if !ok {
			break
		}
		filters, rest = append(filters, f), rest[1:]
	}
	return filters, rest
}

// filter finds a filter of the resource by its name: the built-in ones of profile, the custom ones, and for any other
// resource by its identification key.
func (s *Server) filter(d Resource, name string) (Filter, bool) {
	for _, f := range s.filters(d) {
		if f.Name == name {
			return f, true
		}
	}
	return Filter{}, false
}

func (s *Server) filters(d Resource) []Filter {
	switch {
	case d.Name == "profile":
		return append([]Filter{{Name: "byText", Parameter: "text"}, {Name: "byEmail", Parameter: "email", Field: "email"}}, s.opt.Filters...)
	case d.Key != "":
		return []Filter{{Name: "by" + strings.ToUpper(d.Key[:1]) + d.Key[1:], Parameter: d.Key + "_parameter", Field: d.Key}}
	}
	return nil
}

// page is one answer of a list.
type page struct {
	rows []*row
	next int64 // where the next page starts; 0: there is none
	size int   // of the whole list, where it was needed
}

func (s *Server) list(w http.ResponseWriter, r *request, filters []Filter) {
	query := r.URL.Query()
	lines, start, refused := s.window(query)
	if refused != nil {
		s.write(w, refused)
		return
	}
	p := s.page(r.table, filters, query, start, lines)
	b := []byte(`{"content":[`)
	for i, found := range p.rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, s.render(r, found)...)
	}
	self := r.collectionURL()
	for _, f := range filters {
		self += "/" + f.Name
	}
	b = append(b, `],"count":{"href":`...)
	b = append(b, strconv.Quote(self+"/_count?"+query.Encode())...)
	b = append(b, '}')
	if p.next > 0 && (p.size <= s.opt.BigTable || query.Get("_forcePagination") == "true") {
		query.Set("_lineCount", strconv.Itoa(lines))
		query.Set("_lineStart", s.sealer.seal(s.linkPurpose(), p.next))
		b = append(b, `,"next":{"href":`...)
		b = append(b, strconv.Quote(self+"?"+query.Encode())...)
		b = append(b, '}')
	}
	answer(w, http.StatusOK, append(b, `,"serverSidePagination":true}`...))
}

func (s *Server) linkPurpose() string { return fmt.Sprint("link", s.links.Load()) }

// window reads _lineCount and _lineStart.
func (s *Server) window(query url.Values) (lines int, start int64, refused *refusal) {
	lines = defaultLines
	if text := query.Get("_lineCount"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return 0, 0, s.badValue("_lineCount", Integer, text)
		}
		lines = n
	}
	if text := query.Get("_lineStart"); text != "" {
		n, ok := s.sealer.open(s.linkPurpose(), text)
		if !ok {
			return 0, 0, engineFault(rst)
		}
		start = n
	}
	return lines, start, nil
}

// page cuts one page out of the list. Without filter and order it walks the table by id, so that a page of a large table
// costs no more than its rows; else it makes the whole list.
func (s *Server) page(t *table, filters []Filter, query url.Values, start int64, lines int) page {
	order := query.Get("_order")
	if len(filters) == 0 && order == "" {
		return t.walk(start, lines)
	}
	all := t.matching(filters, query)
	sortRows(all, order)
	p := page{size: len(all)}
	from := min(int(start), len(all))
	to := min(from+lines, len(all))
	p.rows = all[from:to]
	if to < len(all) {
		p.next = int64(to)
	}
	return p
}

func (t *table) walk(start int64, lines int) page {
	t.mu.RLock()
	defer t.mu.RUnlock()
	p := page{size: t.live}
	for i := int(start); i < len(t.rows); i++ {
		if t.rows[i] == nil {
			continue
		}
		if len(p.rows) == lines {
			p.next = int64(i)
			break
		}
		p.rows = append(p.rows, t.rows[i])
	}
	return p
}

// matching are the rows that pass every filter. Where one filters by the identification key, no other row is looked at.
func (t *table) matching(filters []Filter, query url.Values) []*row {
	candidates := t.snapshot
	for _, f := range filters {
		if f.Field != "" && f.Field == t.def.Key && query.Has(f.Parameter) {
			candidates = func() []*row {
				t.mu.RLock()
				defer t.mu.RUnlock()
				if r := t.byKey[query.Get(f.Parameter)]; r != nil {
					return []*row{r}
				}
				return nil
			}
		}
	}
	var found []*row
	for _, r := range candidates() {
		if slices.ContainsFunc(filters, func(f Filter) bool { return f.Since && !r.since(query, f.Parameter) }) {
			continue
		}
		v := decode(r.data)
		if !slices.ContainsFunc(filters, func(f Filter) bool { return !f.Since && !passes(v, f, query) }) {
			found = append(found, r)
		}
	}
	return found
}

// since reports whether a row was written on or after the time that a query names; all were when it names none.
func (r *row) since(query url.Values, parameter string) bool {
	if !query.Has(parameter) {
		return true
	}
	at, err := time.Parse(dateTimeForm, query.Get(parameter))
	return err == nil && !r.modified.Truncate(time.Millisecond).Before(at)
}

// passes compares one row. byText is a prefix, case-sensitive, of e-mail or a name (ACS documentation, "Filtering"). A
// filter whose parameter was not given lets everything pass: that is how a misspelt parameter shows.
func passes(v values, f Filter, query url.Values) bool {
	if !query.Has(f.Parameter) {
		return true
	}
	wanted := query.Get(f.Parameter)
	if f.Field != "" {
		return text(v[f.Field]) == wanted
	}
	fields := []string{"email", "firstName", "lastName"}
	if only := query.Get("filterType"); only != "" {
		fields = []string{only}
	}
	return slices.ContainsFunc(fields, func(name string) bool { return strings.HasPrefix(text(v[name]), wanted) })
}

func sortRows(rows []*row, order string) {
	if order == "" {
		return
	}
	field, direction, _ := strings.Cut(order, " ")
	keys := make(map[int64]string, len(rows))
	for _, r := range rows {
		switch field {
		case "created":
			keys[r.id] = r.created.UTC().Format(dateTimeForm)
		case "lastModified":
			keys[r.id] = r.modified.UTC().Format(dateTimeForm)
		default:
			keys[r.id] = unquotedOrEmpty(decode(r.data)[field])
		}
	}
	slices.SortStableFunc(rows, func(a, b *row) int {
		if direction == "desc" {
			a, b = b, a
		}
		return strings.Compare(keys[a.id], keys[b.id])
	})
}

func unquotedOrEmpty(raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	return unquoted(raw)
}

func (s *Server) countRows(w http.ResponseWriter, r *request, filters []Filter) {
	n := 0
	if len(filters) == 0 {
		n = s.Len(r.table.def.Name)
	} else {
		n = len(r.table.matching(filters, r.URL.Query()))
	}
	remotetest.WriteJSON(w, http.StatusOK, map[string]int{"count": n})
}
