package dynamicstest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// query holds the options of a request for rows.
type query struct {
	columns   []int // places of the selected columns; all where nil
	selected  string
	filter    *parsedFilter
	order     []orderBy
	top       int
	count     bool
	delta     string
	skiptoken string
	// plain is the query string without the token of a page, to put behind links.
	plain []string
	seen  map[string]bool
}

type orderBy struct {
	column     int
	descending bool
}

// parseQuery reads a query string by hand: url.Values would forget the order and the encoding.
func parseQuery(t *table, raw string) (*query, *odataError) {
	q := &query{seen: map[string]bool{}}
	for _, part := range strings.Split(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil {
			return nil, fail(http.StatusBadRequest, codeSyntax, "The query string cannot be decoded.")
		}
		if name != "$skiptoken" && name != "$deltatoken" {
			q.plain = append(q.plain, part)
		}
		q.seen[name] = true
		if err := q.option(t, name, value); err != nil {
			return nil, err
		}
	}
	return q, nil
}

func (q *query) option(t *table, name, value string) *odataError {
	switch name {
	case "$select":
		return q.choose(t, value)
	case "$filter":
		f, err := parseFilter(t, value)
		if err != nil {
			return err.(*odataError)
		}
		q.filter = &f
	case "$orderby":
		return q.sort(t, value)
	case "$top":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > maxPageSize {
			return fail(http.StatusBadRequest, codeSyntax, "Invalid value '%s' for $top query option found.", value)
		}
		q.top = n
	case "$count":
		q.count = value == "true"
	case "$deltatoken":
		q.delta = value
	case "$skiptoken":
		q.skiptoken = value
	default:
		if strings.HasPrefix(name, "$") {
			return fail(http.StatusBadRequest, codeSyntax, "The query parameter %s is not supported.", name)
		}
	}
	return nil
}

func (q *query) choose(t *table, value string) *odataError {
	q.selected, q.columns = value, []int{}
	for _, name := range strings.Split(value, ",") {
		i, ok := t.byProperty[strings.TrimSpace(name)]
		if !ok || t.Columns[i].Secured {
			return errNoProperty(t, name)
		}
		if i != primaryColumn {
			q.columns = append(q.columns, i)
		}
	}
	q.columns = append(q.columns, primaryColumn) // the primary key is always returned
	return nil
}

func (q *query) sort(t *table, value string) *odataError {
	for _, part := range strings.Split(value, ",") {
		name, direction, _ := strings.Cut(strings.TrimSpace(part), " ")
		i, ok := t.byProperty[name]
		if !ok {
			return errNoProperty(t, name)
		}
		if direction != "" && direction != "asc" && direction != "desc" {
			return fail(http.StatusBadRequest, codeSyntax, "Syntax error in $orderby '%s'.", value)
		}
		q.order = append(q.order, orderBy{i, direction == "desc"})
	}
	return nil
}

// preferences are what a request wishes in Prefer headers.
type preferences struct {
	pageSize        int
	sized           bool
	track           bool
	representation  bool
	formatted       bool
	lookups         bool
	annotationsText string
}

func parsePrefer(header http.Header) preferences {
	p := preferences{pageSize: maxPageSize}
	for _, part := range splitPreferences(strings.Join(header.Values("Prefer"), ",")) {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "odata.maxpagesize":
			if n, err := strconv.Atoi(value); err == nil && n > 0 {
				p.pageSize, p.sized = min(n, maxPageSize), true
			}
		case "odata.track-changes":
			p.track = true
		case "return":
			p.representation = value == "representation"
		case "odata.include-annotations":
			p.annotationsText = value
			for _, pattern := range strings.Split(value, ",") {
				p.formatted = p.formatted || pattern == "*" || pattern == "OData.Community.Display.V1.FormattedValue"
				p.lookups = p.lookups || pattern == "*" || strings.HasPrefix(pattern, "Microsoft.Dynamics.CRM.")
			}
		}
	}
	return p
}

// splitPreferences cuts at commas outside of quotes.
func splitPreferences(s string) []string {
	quoted := false
	return strings.FieldsFunc(s, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ',' && !quoted
	})
}

// apply says in Preference-Applied what was honoured.
func (p preferences) apply(w http.ResponseWriter, tracking bool) {
	var applied []string
	if tracking && p.track {
		applied = append(applied, "odata.track-changes")
	}
	if p.sized {
		applied = append(applied, fmt.Sprintf("odata.maxpagesize=%d", p.pageSize))
	}
	if p.annotationsText != "" {
		applied = append(applied, fmt.Sprintf("odata.include-annotations=%q", p.annotationsText))
	}
	if len(applied) > 0 {
		w.Header().Set("Preference-Applied", strings.Join(applied, ","))
	}
}

// cookie is where a page ended. It travels inside the $skiptoken, where Dataverse has an XML cookie of its own.
type cookie struct {
	Epoch    int64  `json:"e"`
	Life     int64  `json:"l"`
	Page     int    `json:"p"`
	Tracking bool   `json:"t,omitempty"`
	Last     string `json:"k,omitempty"` // primary key of the last row
	Modified int64  `json:"m,omitempty"` // and its modifiedon, where the order is by it
	Skip     int    `json:"s,omitempty"` // rows before, where the order is any other
	// Of a page of changes: what was asked for, up to where, and how far it came.
	From      int64 `json:"f,omitempty"`
	Until     int64 `json:"u,omitempty"`
	After     int64 `json:"a,omitempty"`
	Deletions bool  `json:"d,omitempty"`
}

func (c cookie) encode() string {
	inner, _ := json.Marshal(c) // plain fields always marshal
	xml := fmt.Sprintf(`<cookie pagenumber="%d" pagingcookie="%s" istracking="%s" />`, c.Page,
		base64.RawURLEncoding.EncodeToString(inner), map[bool]string{true: "True", false: "False"}[c.Tracking])
	return escape(xml)
}

// escape encodes as Dataverse does: lower-case digits, a blank as %20.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-_.~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return b.String()
}

func (s *Server) decodeCookie(token string) (cookie, *odataError) {
	bad := fail(http.StatusBadRequest, codeArgument, "The paging cookie is not valid or has expired.")
	var c cookie
	_, rest, ok := strings.Cut(token, `pagingcookie="`)
	text, _, closed := strings.Cut(rest, `"`)
	inner, err := base64.RawURLEncoding.DecodeString(text)
	if !ok || !closed || err != nil || json.Unmarshal(inner, &c) != nil {
		return c, bad
	}
	if c.Life != s.store.base || c.Epoch != s.linkEpoch.Load() {
		return c, bad
	}
	return c, nil
}

// link is the address of another page of the same request.
func (q *query) link(r *http.Request, parameter, token string) string {
	parts := append(append([]string(nil), q.plain...), parameter+"="+token)
	return origin(r) + r.URL.EscapedPath() + "?" + strings.Join(parts, "&")
}
