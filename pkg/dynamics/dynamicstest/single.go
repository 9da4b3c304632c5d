package dynamicstest

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// single answers requests for one row by its primary key.
func (s *Server) single(w http.ResponseWriter, r *http.Request, t *table, key string) *odataError {
	id, err := parseGUID(key)
	if err != nil {
		return errKey(t)
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return s.retrieve(w, r, t, id)
	case http.MethodPatch, http.MethodDelete:
		op, bad := s.changeOf(r, t, id)
		if bad != nil {
			return bad
		}
		return s.write(w, r, op)
	}
	return fail(http.StatusMethodNotAllowed, codeGeneralError, "The requested resource does not support http method '%s'.", r.Method)
}

func (s *Server) retrieve(w http.ResponseWriter, r *http.Request, t *table, id guid) *odataError {
	q, bad := parseQuery(t, r.URL.RawQuery)
	if bad != nil {
		return bad
	}
	s.store.mu.RLock()
	found := t.rows[id]
	s.store.mu.RUnlock()
	prefer := parsePrefer(r.Header)
	switch {
	case found == nil:
		return errNoRow(t, id)
	case r.Header.Get("If-None-Match") == etag(found) && prefer.annotationsText == "":
		odata(w).WriteHeader(http.StatusNotModified)
		return nil
	}
	s.answer(w, r, t, q, prefer, false).one(http.StatusOK, found)
	return nil
}

func etag(r *row) string { return fmt.Sprintf(`W/"%d"`, r.version) }

// write answers the writes that stand alone.
func (s *Server) write(w http.ResponseWriter, r *http.Request, op operation) *odataError {
	s.work(r, 1)
	tx := s.begin()
	done, bad := tx.apply(op)
	tx.end(bad == nil)
	if bad != nil {
		return bad
	}
	return s.wrote(w, r, op.table, done)
}

func errKey(t *table) *odataError {
	return fail(http.StatusBadRequest, codeSyntax, "The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.%s'.", t.LogicalName)
}

// condition checks If-Match and If-None-Match (Dataverse docs, Perform conditional operations).
func condition(r *http.Request, t *table, id guid, old *row) *odataError {
	match := r.Header.Get("If-Match")
	switch {
	case match != "" && old == nil:
		return errNoRow(t, id)
	case match != "" && match != "*" && match != etag(old):
		return fail(http.StatusPreconditionFailed, codeStale, "The version of the existing record doesn't match the RowVersion property provided.")
	case r.Header.Get("If-None-Match") == "*" && old != nil:
		return fail(http.StatusPreconditionFailed, codeDuplicate, "A record with matching key values already exists.")
	}
	return nil
}

// wrote answers a write: with the row where it was preferred, else with its address.
func (s *Server) wrote(w http.ResponseWriter, r *http.Request, t *table, done effect) *odataError {
	prefer := parsePrefer(r.Header)
	if prefer.representation && done.row != nil && !s.opt.NoRepresentation {
		q, bad := parseQuery(t, r.URL.RawQuery)
		if bad != nil {
			return bad
		}
		s.answer(w, r, t, q, prefer, false).one(map[bool]int{true: http.StatusCreated, false: http.StatusOK}[done.created], done.row)
		return nil
	}
	if done.row != nil {
		address := fmt.Sprintf("%s%s(%s)", root(r), t.EntitySetName, done.row.id)
		w.Header().Set("Location", address)
		w.Header().Set("OData-EntityId", address)
	}
	odata(w).WriteHeader(http.StatusNoContent)
	return nil
}

// readBody decodes the JSON object of a write; numbers keep their digits.
func readBody(r *http.Request) (map[string]any, *odataError) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	values := map[string]any{}
	if err == nil {
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		err = dec.Decode(&values)
	}
	if err != nil {
		return nil, fail(http.StatusBadRequest, codePayload, "Error identified in Payload provided by the user: the body is not a JSON object.")
	}
	return values, nil
}

// checkMembers refuses lookups that are set by their value.
func checkMembers(values map[string]any) *odataError {
	for name := range values {
		if strings.HasPrefix(name, "_") && strings.HasSuffix(name, "_value") {
			return fail(http.StatusBadRequest, codePayload,
				"CRM do not support direct update of Entity Reference properties, Use Navigation properties instead.")
		}
	}
	return nil
}

func errPayload(t *table, name string, err error) *odataError {
	return fail(http.StatusBadRequest, codePayload, "Error identified in Payload provided by the user for Entity :'%s'. The property '%s' is not valid: %v.",
		t.EntitySetName, name, err)
}

// writeLocked merges values into a row, or into an empty one, and stores it.
func (s *Server) writeLocked(t *table, id guid, values map[string]any) (*row, *odataError) {
	cells := make([]cell, len(t.Columns))
	old := t.rows[id]
	if old != nil {
		unpack(t.Columns, old.packed, cells)
	} else {
		t.defaults(cells)
	}
	for name, value := range values {
		if bad := s.assignLocked(t, cells, name, value); bad != nil {
			return nil, bad
		}
	}
	for i, c := range t.Columns {
		if c.Required && !cells[i].set {
			return nil, fail(http.StatusBadRequest, codeArgument, "The required field '%s' is missing.", c.Name)
		}
	}
	return s.store.putLocked(t, id, cells), nil
}

// defaults are the values that a new row has by itself.
func (t *table) defaults(cells []cell) {
	for i, c := range t.Columns {
		switch {
		case c.Type == State:
			cells[i] = cell{set: true}
		case c.Type == Status:
			cells[i] = cell{set: true, n: 1}
		case c.Type == Boolean:
			cells[i] = cell{set: true}
			if c.Name == "followemail" {
				cells[i].n = 1
			}
		case c.Type == Owner:
			owner, _ := parseGUID(userID) // our own constant
			cells[i] = cell{set: true, b: owner[:]}
		}
	}
}

// assignLocked sets one member of a body.
func (s *Server) assignLocked(t *table, cells []cell, name string, value any) *odataError {
	if nav, ok := strings.CutSuffix(name, "@odata.bind"); ok {
		return s.bindLocked(t, cells, nav, value)
	}
	if strings.Contains(name, "@") || name == t.PrimaryID {
		return nil
	}
	i, ok := t.byProperty[name]
	if !ok {
		return errPayload(t, name, fmt.Errorf("it does not exist on type 'Microsoft.Dynamics.CRM.%s'", t.LogicalName))
	}
	c := t.Columns[i]
	if c.ReadOnly {
		return nil // the Web API takes such values and ignores them
	}
	v, err := c.parse(value)
	if errors.Is(err, errTooLong) {
		return fail(http.StatusBadRequest, codeTooLong,
			"A validation error occurred. The length of the '%s' attribute of the '%s' entity exceeded the maximum allowed length of '%d'.", c.Name, t.LogicalName, c.MaxLength)
	}
	if err != nil {
		return errPayload(t, name, err)
	}
	if v.set && c.isLookup() {
		v.n = s.targetLocked(c, guid(v.b))
	}
	cells[i] = v
	return nil
}

// targetLocked finds the table that holds the row a lookup points to, the first target where none does.
func (s *Server) targetLocked(c Column, id guid) int64 {
	for n, target := range c.Targets {
		if t := s.store.byLogical(target); t != nil && t.rows[id] != nil {
			return int64(n)
		}
	}
	return 0
}

// bindLocked points a lookup to a row: "parentcustomerid_account@odata.bind": "/accounts(guid)".
func (s *Server) bindLocked(t *table, cells []cell, nav string, value any) *odataError {
	for i, c := range t.Columns {
		for n, target := range c.Targets {
			if !c.isLookup() || t.navigation(c, target) != nav {
				continue
			}
			if value == nil {
				cells[i] = cell{}
				return nil
			}
			text, _ := value.(string)
			if _, path, absolute := strings.Cut(text, Root); absolute {
				text = path
			}
			set, key, _ := strings.Cut(strings.TrimPrefix(text, "/"), "(")
			other := s.store.bySet(set)
			id, err := parseGUID(strings.TrimSuffix(key, ")"))
			switch {
			case other == nil || other.LogicalName != target:
				return errSegment(set)
			case err != nil:
				return errPayload(t, nav, err)
			case other.rows[id] == nil:
				return errNoRow(other, id)
			}
			if bad := s.lacks(t, "Append"); bad != nil {
				return bad
			}
			if bad := s.lacks(other, "AppendTo"); bad != nil {
				return bad
			}
			cells[i] = cell{set: true, n: int64(n), b: id[:]}
			return nil
		}
	}
	return errPayload(t, nav, errors.New("it is no navigation property"))
}

func newGUID() guid {
	var g guid
	_, _ = rand.Read(g[:]) // never fails
	g[6], g[8] = g[6]&0x0f|0x40, g[8]&0x3f|0x80
	return g
}
