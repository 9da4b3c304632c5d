package dynamics

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote"
)

// Change sets columns of a row that exists; it never creates one.
type Change struct {
	// Table is the logical name.
	Table string
	// ID is the primary key, a GUID.
	ID string
	// Values are the columns to set; those that are not named are left alone.
	Values map[string]any
	// IfVersion is the version that the caller decided on; 0 for whatever it is now.
	IfVersion int64
}

// Changed is what became of one change.
type Changed struct {
	// Version and Modified are the row's after the write; 0 and the zero time where the server did not say, which is no
	// reason to believe that it was not written.
	Version  int64
	Modified time.Time
	// Err is one of fault.NotFound (the row is gone), fault.Stale (it has another version now: read it and decide again),
	// fault.Rejected, fault.Transient and fault.Throttled (send it again; what became of it may be unknown), fault.Fatal.
	Err error
}

// update is one call of Update.
type update struct {
	w       *Writer
	changes []Change
	tables  []Table
	keys    []string
	bodies  [][]byte
	result  []Changed
}

// Update changes rows: one answer a change, in order. Changes of one row are done in the order in which they are given
// (invariant 4); after one of them fails the later ones are still tried.
func (w *Writer) Update(ctx context.Context, changes []Change) []Changed {
	u := &update{w: w, changes: changes, tables: make([]Table, len(changes)), keys: make([]string, len(changes)),
		bodies: make([][]byte, len(changes)), result: make([]Changed, len(changes))}
	pending := make([]int, 0, len(changes))
	for i := range changes {
		if err := u.prepare(ctx, i); err != nil {
			u.result[i].Err = err
			continue
		}
		pending = append(pending, i)
	}
	for len(pending) > 0 {
		var now, later []int
		seen := map[string]bool{}
		for _, i := range pending {
			if row := changes[i].Table + " " + u.keys[i]; seen[row] {
				later = append(later, i)
			} else {
				seen[row] = true
				now = append(now, i)
			}
		}
		w.run(ctx, now, job{w.singles, u.build, u.settle})
		pending = later
	}
	return u.result
}

func (u *update) prepare(ctx context.Context, i int) error {
	change := u.changes[i]
	if err := checkName("table", change.Table); err != nil {
		return err
	}
	key, err := parseGUID(change.ID)
	if err != nil {
		return fault.Wrap(fault.Rejected, err, "the key of a row of "+change.Table+" is not a GUID")
	}
	u.keys[i] = key.String()
	if u.bodies[i], err = json.Marshal(change.Values); err != nil || change.Values == nil {
		return fault.Wrap(fault.Rejected, err, "the values of "+change.Table+" "+u.keys[i]+" cannot be written as JSON")
	}
	u.tables[i], err = u.w.client.describe(ctx, change.Table)
	return err
}

func (u *update) build(rows []int) []piece {
	pieces := make([]piece, len(rows))
	for n, i := range rows {
		condition := "*" // without a condition a row that was deleted would come back to life
		if version := u.changes[i].IfVersion; version != 0 {
			condition = fmt.Sprintf(`W/"%d"`, version)
		}
		pieces[n] = piece{changeRow(u.tables[i].EntitySetName, u.keys[i], condition, u.bodies[i]), []int{i}}
	}
	return pieces
}

func (u *update) settle(p piece, answer *remote.Response, err error) {
	i := p.rows[0]
	result, table, key := &u.result[i], u.changes[i].Table, u.keys[i]
	switch {
	case err != nil:
		result.Err = err
	case isSuccess(answer):
		result.Version, result.Modified = written(answer)
	case answer.Status == http.StatusPreconditionFailed && parseErrorCode(answer) != codeKeyTaken && parseErrorCode(answer) != codeDuplicate:
		result.Err = fault.Wrap(fault.Stale, parseError(answer), fmt.Sprintf("%s %s was changed by somebody else meanwhile; read it again", table, key))
	default:
		result.Err = u.w.client.refusedWrite("update", table, key, answer)
		if fault.Is(result.Err, fault.NotFound) {
			result.Err = fault.Wrap(fault.NotFound, result.Err, fmt.Sprintf("%s has no %s %s any more", name, table, key))
		}
		if fault.Is(result.Err, fault.Conflict) {
			result.Err = fault.Wrap(fault.Rejected, result.Err, fault.Message(result.Err))
		}
	}
}

// written reads version and time of the row that a write answers with. A server that forgets the preference answers with
// nothing; asking afterwards would tell the version of whoever wrote last.
func written(answer *remote.Response) (int64, time.Time) {
	var r row
	if json.Unmarshal(answer.Body, &r) != nil {
		return 0, time.Time{}
	}
	modified, err := time.Parse(time.RFC3339, r.text("modifiedon"))
	if err != nil {
		modified = time.Time{}
	}
	return r.version(), modified
}
