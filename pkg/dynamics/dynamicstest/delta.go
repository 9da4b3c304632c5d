package dynamicstest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// changeTime is how a change token spells its moment (Dataverse docs, Use change tracking).
const changeTime = "01/02/2006 15:04:05"

// changeToken makes a token of a row version and the present, encoded for a link.
func (s *Server) changeToken(version int64) string {
	return escape(strconv.FormatInt(version, 10) + "!" + s.opt.Now().UTC().Format(changeTime))
}

// checkTokenLocked returns the version that a token stands for. A token that is too old, of another life of the server,
// or older than a change of the metadata, has expired.
func (s *Server) checkTokenLocked(t *table, token string) (int64, *odataError) {
	versionText, moment, _ := strings.Cut(token, "!")
	version, err := strconv.ParseInt(versionText, 10, 64)
	at, err2 := time.Parse(changeTime, moment)
	if err != nil || err2 != nil {
		return 0, fail(http.StatusBadRequest, codeArgument, "The change tracking token is not valid.")
	}
	if version < s.store.base || version < t.voided || version > s.store.version || s.opt.Now().Sub(at) > s.opt.ChangeTokenLife {
		return 0, fail(s.opt.ExpiredStatus, codeExpired,
			"Version stamp associated with the client has expired. Please perform a full sync.")
	}
	return version, nil
}

// listChanges answers a change link: first what was created or updated, by version, then what was deleted. What changes
// while the pages are read belongs to the next link.
func (s *Server) listChanges(w http.ResponseWriter, r *http.Request, t *table, q *query, prefer preferences, at cookie) *odataError {
	if err := trackable(t, q); err != nil {
		return err
	}
	s.store.mu.RLock()
	if at.Until == 0 {
		from, err := s.checkTokenLocked(t, q.delta)
		if err != nil {
			s.store.mu.RUnlock()
			return err
		}
		at.From, at.After, at.Until = from, from, s.store.version
	}
	rows, deleted, more := t.changesPage(&at, prefer.pageSize)
	total := 0
	if q.count {
		total = len(rows) + len(deleted)
	}
	s.store.mu.RUnlock()

	a := s.answer(w, r, t, q, prefer, false)
	a.delta = true
	a.count(q, total)
	a.rows(rows)
	a.deleted(deleted)
	if more {
		a.link("@odata.nextLink", q.link(r, "$skiptoken", at.encode()))
	} else {
		a.link("@odata.deltaLink", q.link(r, "$deltatoken", s.changeToken(at.Until)))
	}
	a.send()
	return nil
}

// changesPage collects a page of changes and moves the cookie behind it.
func (t *table) changesPage(at *cookie, size int) (rows []*row, deleted []guid, more bool) {
	if !at.Deletions {
		for c := range t.changes(at.After, at.Until, false) {
			if len(rows) == size {
				return rows, nil, true
			}
			rows = append(rows, t.rows[c.id])
			at.After = c.version
		}
		at.Deletions, at.After = true, at.From
	}
	for c := range t.changes(at.After, at.Until, true) {
		if len(rows)+len(deleted) == size {
			return rows, deleted, true
		}
		deleted = append(deleted, c.id)
		at.After = c.version
	}
	return rows, deleted, false
}
