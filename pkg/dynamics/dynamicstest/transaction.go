package dynamicstest

import "net/http"

// operation is a write that was understood and not yet done.
type operation struct {
	method string
	table  *table
	id     guid
	values map[string]any // nil for a deletion
	check  func(old *row) *odataError
}

// effect is what an operation did: the row as it is now, nil where it was deleted.
type effect struct {
	row     *row
	created bool
}

// creation understands POST of an entity set. The client may choose the primary key.
func (s *Server) creation(r *http.Request, t *table) (operation, *odataError) {
	values, bad := readBody(r)
	if bad != nil {
		return operation{}, bad
	}
	return s.creationOf(r.Method, t, values)
}

func (s *Server) creationOf(method string, t *table, values map[string]any) (operation, *odataError) {
	if bad := checkMembers(values); bad != nil {
		return operation{}, bad
	}
	id := newGUID()
	if chosen, ok := values[t.PrimaryID].(string); ok {
		var err error
		if id, err = parseGUID(chosen); err != nil {
			return operation{}, errPayload(t, t.PrimaryID, err)
		}
	}
	return operation{method: method, table: t, id: id, values: values, check: func(old *row) *odataError {
		if old != nil {
			return fail(http.StatusPreconditionFailed, codeDuplicate, "Cannot insert duplicate key.")
		}
		return nil
	}}, nil
}

// changeOf understands PATCH (update or create, one of them where a condition says so) and DELETE of a row.
func (s *Server) changeOf(r *http.Request, t *table, id guid) (operation, *odataError) {
	op := operation{method: r.Method, table: t, id: id, check: func(old *row) *odataError { return condition(r, t, id, old) }}
	if r.Method == http.MethodDelete {
		return op, nil
	}
	values, bad := readBody(r)
	if bad == nil {
		bad = checkMembers(values)
	}
	delete(values, t.PrimaryID)
	op.values = values
	return op, bad
}

// transaction holds the lock of the store and remembers what to put back.
type transaction struct {
	s      *Server
	marks  map[*table]mark
	undo   []func()
	writes []Write
}

// mark is where a table's log ended.
type mark struct{ entries, deletions int }

// begin starts a transaction, which has to be ended.
func (s *Server) begin() *transaction {
	s.store.mu.Lock()
	s.store.atomic = true
	return &transaction{s: s, marks: map[*table]mark{}}
}

// apply does one operation. After a refusal the transaction can go on or be ended without keeping.
func (tx *transaction) apply(op operation) (effect, *odataError) {
	t, old := op.table, op.table.rows[op.id]
	if bad := op.check(old); bad != nil {
		return effect{}, bad
	}
	if bad := tx.s.lacks(t, privilegeOf(op, old)); bad != nil {
		return effect{}, bad
	}
	if _, marked := tx.marks[t]; !marked {
		tx.marks[t] = mark{len(t.log), t.deletions}
	}
	done := effect{created: old == nil}
	if op.values == nil {
		if !tx.s.store.deleteLocked(t, op.id) {
			return effect{}, errNoRow(t, op.id)
		}
		done.created = false
	} else {
		var bad *odataError
		if done.row, bad = tx.s.writeLocked(t, op.id, op.values); bad != nil {
			return effect{}, bad
		}
	}
	tx.undo = append(tx.undo, func() { t.restore(op.id, old) })
	tx.writes = append(tx.writes, Write{Method: op.method, Table: t.LogicalName, ID: op.id.String(), Version: tx.s.store.version, Created: done.created})
	return done, nil
}

// end keeps what was done, or puts everything back as it was, and gives the lock back.
func (tx *transaction) end(keep bool) {
	defer tx.s.store.mu.Unlock()
	tx.s.store.atomic = false
	if keep {
		tx.s.recordWrites(tx.writes)
		for t := range tx.marks {
			t.compact()
		}
		return
	}
	for i := len(tx.undo) - 1; i >= 0; i-- {
		tx.undo[i]()
	}
	for t, m := range tx.marks {
		t.log, t.deletions = t.log[:m.entries], m.deletions
	}
}

// restore puts an old version of a row back; nil where there was none. The log is not its business.
func (t *table) restore(id guid, old *row) {
	if now := t.rows[id]; now != nil {
		t.sorted.remove(now)
		t.recent.remove(now)
		delete(t.rows, id)
	}
	if old != nil {
		t.rows[id] = old
		t.sorted.insert(old)
		t.recent.insert(old)
	}
}

func privilegeOf(op operation, old *row) string {
	switch {
	case op.values == nil:
		return "Delete"
	case old == nil:
		return "Create"
	}
	return "Write"
}
