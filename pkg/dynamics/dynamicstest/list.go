package dynamicstest

import (
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
)

// list answers GET of an entity set: a page of rows, or of changes.
func (s *Server) list(w http.ResponseWriter, r *http.Request, t *table) *odataError {
	q, err := parseQuery(t, r.URL.RawQuery)
	if err != nil {
		return err
	}
	prefer := parsePrefer(r.Header)
	at := cookie{Epoch: s.linkEpoch.Load(), Life: s.store.base, Tracking: prefer.track}
	if q.skiptoken != "" {
		if at, err = s.decodeCookie(q.skiptoken); err != nil {
			return err
		}
	}
	at.Page++
	switch {
	case q.delta != "" || at.Until > 0:
		return s.listChanges(w, r, t, q, prefer, at)
	case at.Tracking:
		if err := trackable(t, q); err != nil {
			return err
		}
	}
	return s.listRows(w, r, t, q, prefer, at)
}

// trackable refuses what change tracking cannot do (Dataverse docs, Use change tracking).
func trackable(t *table, q *query) *odataError {
	if t.Untracked {
		return errUntracked(t)
	}
	for _, option := range []string{"$filter", "$orderby", "$expand", "$top"} {
		if q.seen[option] {
			return fail(http.StatusBadRequest, codeSyntax, "The \"%s\" query parameter isn't supported when Change Tracking is enabled.", option)
		}
	}
	return nil
}

func (s *Server) listRows(w http.ResponseWriter, r *http.Request, t *table, q *query, prefer preferences, at cookie) *odataError {
	size := prefer.pageSize
	if q.top > 0 && !prefer.sized {
		size = q.top
	}
	s.store.mu.RLock()
	rows, more := t.page(q, at, size)
	version, total := s.store.version, 0
	if q.count {
		total = t.count(q)
	}
	s.store.mu.RUnlock()

	a := s.answer(w, r, t, q, prefer, at.Tracking)
	a.count(q, total)
	a.rows(rows)
	switch {
	case more && (q.top == 0 || prefer.sized):
		last := rows[len(rows)-1]
		at.Last, at.Modified, at.Skip = last.id.String(), last.modified, at.Skip+len(rows)
		a.link("@odata.nextLink", q.link(r, "$skiptoken", at.encode()))
	case at.Tracking:
		a.link("@odata.deltaLink", q.link(r, "$deltatoken", s.changeToken(version)))
	}
	a.send()
	return nil
}

// page finds the next rows of a query and whether there are more behind them.
func (t *table) page(q *query, at cookie, size int) (rows []*row, more bool) {
	keep := t.keeper(q)
	for r := range t.scan(q, at) {
		if !keep(r) {
			continue
		}
		if len(rows) == size {
			return rows, true
		}
		rows = append(rows, r)
	}
	return rows, false
}

// keeper is the filter on stored rows.
func (t *table) keeper(q *query) func(*row) bool {
	if q.filter == nil {
		return func(*row) bool { return true }
	}
	scratch := make([]cell, len(t.Columns))
	return func(r *row) bool { return q.filter.keep(t.cells(r, scratch)) }
}

// scan walks the table in the order of the query behind a cookie: along an index where there is one.
func (t *table) scan(q *query, at cookie) iter.Seq[*row] {
	var behind *row
	if at.Last != "" {
		id, _ := parseGUID(at.Last) // a cookie is our own
		behind = &row{id: id, modified: at.Modified}
	}
	switch {
	case len(q.order) == 0:
		return t.sorted.from(behind)
	case q.order[0] == orderBy{column: modifiedColumn} && (len(q.order) == 1 || q.order[1] == orderBy{column: primaryColumn}):
		if behind == nil && q.filter != nil && q.filter.since > 0 {
			behind = &row{modified: q.filter.since - 1, id: guid(slices.Repeat([]byte{0xff}, 16))}
		}
		return t.recent.from(behind)
	}
	return t.scanSorted(q, at.Skip)
}

// scanSorted sorts the whole table for a page: for orders without an index, in small tables.
func (t *table) scanSorted(q *query, skip int) iter.Seq[*row] {
	type entry struct {
		row   *row
		cells []cell
	}
	keep := t.keeper(q)
	var all []entry
	for r := range t.sorted.from(nil) {
		if keep(r) {
			all = append(all, entry{r, t.cells(r, make([]cell, len(t.Columns)))})
		}
	}
	slices.SortStableFunc(all, func(a, b entry) int {
		for _, o := range q.order {
			if n := t.compareBy(o, a.cells[o.column], b.cells[o.column]); n != 0 {
				return n
			}
		}
		return 0
	})
	return func(yield func(*row) bool) {
		for _, e := range all[min(skip, len(all)):] {
			if !yield(e.row) {
				return
			}
		}
	}
}

// compareBy orders two cells, null before everything, as SQL Server does.
func (t *table) compareBy(o orderBy, a, b cell) int {
	n := 0
	switch {
	case a.set && b.set:
		n = compareCells(t.Columns[o.column], a, b)
	case a.set:
		n = 1
	case b.set:
		n = -1
	}
	if o.descending {
		return -n
	}
	return n
}

// count is how many rows a query has, at most 5000.
func (t *table) count(q *query) int {
	if q.filter == nil {
		return min(len(t.rows), maxPageSize)
	}
	keep, n := t.keeper(q), 0
	for r := range t.sorted.from(nil) {
		if keep(r) {
			if n++; n == maxPageSize {
				break
			}
		}
	}
	return n
}

// countRows answers set/$count: a bare number behind a byte order mark.
func (s *Server) countRows(w http.ResponseWriter, r *http.Request, t *table) *odataError {
	q, err := parseQuery(t, r.URL.RawQuery)
	if err != nil {
		return err
	}
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	n := 0
	if q.delta == "" {
		n = t.count(q)
	} else {
		from, err := s.checkTokenLocked(t, q.delta)
		if err != nil {
			return err
		}
		for _, deletions := range []bool{false, true} {
			for range t.changes(from, s.store.version, deletions) {
				n++
			}
		}
	}
	w.Header().Set("OData-Version", "4.0")
	w.Header().Set("Content-Type", "text/plain")
	_, _ = fmt.Fprint(w, "\ufeff"+strconv.Itoa(min(n, maxPageSize))) // a client that went away is not our trouble
	return nil
}
