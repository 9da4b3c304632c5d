package dynamicstest

import (
	"fmt"
	"net/http"
	"strconv"
)

// answer builds the body of a collection.
type answer struct {
	s        *Server
	w        http.ResponseWriter
	r        *http.Request
	t        *table
	q        *query
	prefer   preferences
	tracking bool
	delta    bool
	items    []byte
	tail     []byte
	counted  string
	columns  []int
	scratch  []cell
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, t *table, q *query, prefer preferences, tracking bool) *answer {
	return &answer{s: s, w: w, r: r, t: t, q: q, prefer: prefer, tracking: tracking, columns: t.visible(q), scratch: make([]cell, len(t.Columns))}
}

// visible are the selected columns, or all that can be read.
func (t *table) visible(q *query) []int {
	if q.columns != nil {
		return q.columns
	}
	var all []int
	for i, c := range t.Columns {
		if !c.Secured {
			all = append(all, i)
		}
	}
	return all
}

func (a *answer) count(q *query, total int) {
	if q.count {
		a.counted = `"@odata.count":` + strconv.Itoa(total) + ","
	}
}

func (a *answer) separate() {
	if len(a.items) > 0 {
		a.items = append(a.items, ',')
	}
}

func (a *answer) rows(rows []*row) {
	for _, r := range rows {
		a.separate()
		a.items = a.row(append(a.items, '{'), r)
		a.items = append(a.items, '}')
	}
}

// row writes the members of a row's object.
func (a *answer) row(out []byte, r *row) []byte {
	cells := a.t.cells(r, a.scratch)
	out = append(out, `"@odata.etag":"W/\"`...)
	out = strconv.AppendInt(out, r.version, 10)
	out = append(out, `\""`...)
	for _, i := range a.columns {
		c := a.t.Columns[i]
		name := c.Property()
		out = a.annotations(out, c, name, cells[i])
		out = append(append(append(out, `,"`...), name...), `":`...)
		out = c.appendJSON(out, cells[i])
	}
	return out
}

// annotations are what stands before a member when it was preferred.
func (a *answer) annotations(out []byte, c Column, name string, v cell) []byte {
	if !v.set || (!a.prefer.formatted && !a.prefer.lookups) {
		return out
	}
	label := c.formatted(v)
	if c.isLookup() {
		target := c.Targets[min(int(v.n), len(c.Targets)-1)]
		if a.prefer.lookups {
			out = fmt.Appendf(out, `,"%s@Microsoft.Dynamics.CRM.lookuplogicalname":"%s"`, name, target)
		}
		label = a.s.nameOf(target, guid(v.b))
	}
	if label == "" || !a.prefer.formatted {
		return out
	}
	out = fmt.Appendf(out, `,"%s@OData.Community.Display.V1.FormattedValue":`, name)
	return appendString(out, []byte(label))
}

// nameOf is the primary name of a row that a lookup points to, empty where there is none.
func (s *Server) nameOf(logical string, id guid) string {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	t := s.store.byLogical(logical)
	if t == nil || t.rows[id] == nil {
		return ""
	}
	cells := t.cells(t.rows[id], make([]cell, len(t.Columns)))
	return string(cells[t.byProperty[t.PrimaryName]].b)
}

// deleted writes the items of rows that are gone.
func (a *answer) deleted(ids []guid) {
	for _, id := range ids {
		a.separate()
		a.items = fmt.Appendf(a.items, `{"@odata.context":"%s$metadata#%s/$deletedEntity","id":"%s","reason":"deleted"}`,
			root(a.r), a.t.EntitySetName, id)
	}
}

func (a *answer) link(name, address string) {
	a.tail = append(append(append(a.tail, `,"`...), name...), `":`...)
	a.tail = appendString(a.tail, []byte(address))
}

// context names what the body holds.
func (a *answer) context() string {
	context := root(a.r) + "$metadata#" + a.t.EntitySetName
	if a.q.selected != "" {
		context += "(" + a.q.selected + ")"
	}
	if a.delta {
		context += "/$delta"
	}
	return context
}

func (a *answer) send() {
	a.prefer.apply(a.w, a.tracking)
	out := appendString([]byte(`{"@odata.context":`), []byte(a.context()))
	out = append(append(out, ','), a.counted...)
	out = append(out, `"value":[`...)
	out = append(append(append(out, a.items...), ']'), a.tail...)
	writeBody(a.w, http.StatusOK, append(out, '}'))
}

// one answers with a single row.
func (a *answer) one(status int, r *row) {
	a.prefer.apply(a.w, false)
	out := appendString([]byte(`{"@odata.context":`), []byte(a.context()+"/$entity"))
	out = a.row(append(out, ','), r)
	writeBody(a.w, status, append(out, '}'))
}

func writeBody(w http.ResponseWriter, status int, body []byte) {
	w = odata(w)
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that went away is not our trouble
}
