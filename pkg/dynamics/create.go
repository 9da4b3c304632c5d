package dynamics

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// NewRow is a row to create under an id of the caller's choice, so that creating it twice makes one row (invariant 3).
type NewRow struct {
	// Table is the logical name.
	Table string
	// ID is the primary key, a GUID.
	ID string
	// Values are columns, and "<navigation property>@odata.bind": "/contacts(guid)". They hold what JSON can.
	Values map[string]any
	// Binds are the GUIDs of the rows that it leads to. Only a row among them that is not there is fault.NotFound; with no
	// Binds any is.
	Binds []string
}

// Created is what became of one row. Without an error it is there.
type Created struct {
	// Existed says that it was there before; it was left as it is.
	Existed bool
	// Err is one of fault.NotFound (a row that it leads to is not there: the message names its table and id),
	// fault.Rejected (the row will never be taken), fault.Transient and fault.Throttled (send it again; what became of it
	// may be unknown) and fault.Fatal (a person has to mend something first).
	Err error
}

// creation is one call of Create.
type creation struct {
	w      *Writer
	rows   []NewRow
	tables map[string]Table
	keys   []string // the ids in their canonical spelling
	bodies [][]byte // the columns as JSON; nil for a row that is not sent
	same   []int    // the row that a repeated one repeats, itself for all others
	result []Created
	alone  []bool // to be sent by itself: its CreateMultiple failed for the sake of some row
	doubt  []bool // refused as a duplicate, of itself or of another row
}

// Create creates rows: one answer a row, in order. Rows go by the thousand: one $batch carries one CreateMultiple a table.
// That is all or nothing and tells only the first error, so the rows of one that fails go again, each by itself and a few
// hundred to a request: a bad row costs the others a request and nothing else. Where a table has no CreateMultiple they
// go that way at once. A row that is given twice is created once.
func (w *Writer) Create(ctx context.Context, rows []NewRow) []Created {
	c := &creation{
		w: w, rows: rows, tables: map[string]Table{}, keys: make([]string, len(rows)), bodies: make([][]byte, len(rows)),
		same: make([]int, len(rows)), result: make([]Created, len(rows)), alone: make([]bool, len(rows)), doubt: make([]bool, len(rows)),
	}
	w.run(ctx, c.prepare(ctx), job{w.rows, c.together, c.settleTogether})
	w.run(ctx, where(c.alone), job{w.singles, c.single, c.settleSingle})
	w.run(ctx, where(c.doubt), job{w.singles, c.look, c.settleLook})
	for i, first := range c.same {
		if first != i {
			c.result[i] = c.result[first]
			c.result[i].Existed = c.result[first].Err == nil
		}
	}
	return c.result
}

// where lists the places that are marked.
func where(marks []bool) []int {
	var places []int
	for i, marked := range marks {
		if marked {
			places = append(places, i)
		}
	}
	return places
}

// prepare checks the rows, asks for what is not yet known of their tables, and returns the rows that can be sent.
func (c *creation) prepare(ctx context.Context) []int {
	var send []int
	first := map[string]int{}
	failed := map[string]error{}
	for i, row := range c.rows {
		c.same[i] = i
		if err := c.check(i); err != nil {
			c.result[i].Err = err
			continue
		}
		if _, known := c.tables[row.Table]; !known && failed[row.Table] == nil {
			if err := c.describe(ctx, row.Table); err != nil {
				failed[row.Table] = err
			}
		}
		if err := failed[row.Table]; err != nil {
			c.result[i].Err = err
			continue
		}
		id := row.Table + " " + c.keys[i]
		if earlier, repeated := first[id]; repeated {
			c.same[i] = earlier // a CreateMultiple refuses duplicate targets
			continue
		}
		first[id] = i
		send = append(send, i)
	}
	return send
}

// check makes the id and the body of a row.
func (c *creation) check(i int) error {
	row := c.rows[i]
	if err := checkName("table", row.Table); err != nil {
		return err
	}
	key, err := parseGUID(row.ID)
	if err != nil {
		return fault.Wrap(fault.Rejected, err, "the key of a new row of "+row.Table+" is not a GUID")
	}
	body, err := json.Marshal(row.Values)
	if err != nil || row.Values == nil {
		return fault.Wrap(fault.Rejected, err, "the values of "+row.Table+" "+key.String()+" cannot be written as JSON")
	}
	c.keys[i], c.bodies[i] = key.String(), body
	return nil
}

func (c *creation) describe(ctx context.Context, table string) error {
	def, err := c.w.client.describe(ctx, table)
	if err != nil {
		return err
	}
	if _, err := c.w.takesBulk(ctx, table); err != nil {
		return err
	}
	c.tables[table] = def
	return nil
}

// together builds one CreateMultiple for each table, and single operations for tables that do not take it or have one
// row.
func (c *creation) together(rows []int) []piece {
	byTable := map[string][]int{}
	for _, i := range rows {
		byTable[c.rows[i].Table] = append(byTable[c.rows[i].Table], i)
	}
	var pieces []piece
	for _, table := range slices.Sorted(maps.Keys(byTable)) {
		group := byTable[table]
		if len(group) == 1 || !c.w.isBulk(table) {
			pieces = append(pieces, c.single(group)...)
			continue
		}
		pieces = append(pieces, piece{createRows(c.tables[table].EntitySetName, c.targets(table, group)), group})
	}
	return pieces
}

// targets is the body of a CreateMultiple. Every target has to name its type (Dataverse docs, Use bulk operation
// messages) and carries its key.
func (c *creation) targets(table string, rows []int) []byte {
	body := []byte(`{"Targets":[`)
	for n, i := range rows {
		if n > 0 {
			body = append(body, ',')
		}
		body = append(body, `{"@odata.type":"Microsoft.Dynamics.CRM.`+table+`","`+c.tables[table].PrimaryIDAttribute+`":"`+c.keys[i]+`"`...)
		if members := c.bodies[i][1:]; len(members) > 1 {
			body = append(append(body, ','), members...)
		} else {
			body = append(body, '}')
		}
	}
	return append(body, `]}`...)
}

func (c *creation) single(rows []int) []piece {
	pieces := make([]piece, len(rows))
	for n, i := range rows {
		pieces[n] = piece{createRow(c.tables[c.rows[i].Table].EntitySetName, c.keys[i], c.bodies[i]), []int{i}}
	}
	return pieces
}

func (c *creation) look(rows []int) []piece {
	pieces := make([]piece, len(rows))
	for n, i := range rows {
		table := c.tables[c.rows[i].Table]
		pieces[n] = piece{lookAt(table.EntitySetName, c.keys[i], table.PrimaryIDAttribute), []int{i}}
	}
	return pieces
}
