package dynamics

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote"
)

// settleTogether takes the answer to a CreateMultiple, or to a row that went beside one.
func (c *creation) settleTogether(p piece, answer *remote.Response, err error) {
	if p.method != http.MethodPost {
		c.settleSingle(p, answer, err)
		return
	}
	table := c.rows[p.rows[0]].Table
	if err == nil && isSuccess(answer) {
		err = c.checkIDs(table, p.rows, answer)
	} else if err == nil {
		if c.w.isSplit(table, len(p.rows), answer) {
			for _, i := range p.rows {
				c.alone[i] = true
			}
			return
		}
		err = c.w.client.refusedWrite("create", table, "", answer)
	}
	for _, i := range p.rows {
		c.result[i].Err = err
	}
}

// checkIDs makes sure that the server took the ids that it was given: writing twice would make two rows otherwise
// (invariant 3).
func (c *creation) checkIDs(table string, rows []int, answer *remote.Response) error {
	var body struct{ Ids []string }
	if json.Unmarshal(answer.Body, &body) != nil || len(body.Ids) != len(rows) {
		return nil // cut short, but a success
	}
	for n, i := range rows {
		if key, err := parseGUID(body.Ids[n]); err != nil || key.String() != c.keys[i] {
			return fault.New(fault.Fatal, name+" created rows of "+table+" under ids of its own and not under those it was given; writing would make duplicates")
		}
	}
	return nil
}

// settleSingle takes the answer to a row that was sent by itself.
func (c *creation) settleSingle(p piece, answer *remote.Response, err error) {
	i := p.rows[0]
	switch {
	case err != nil:
	case isSuccess(answer):
	case isExisting(answer):
		c.result[i].Existed = true
	case isDoubtful(answer):
		c.doubt[i] = true
		return
	default:
		if err = c.w.client.refusedWrite("create", c.rows[i].Table, c.keys[i], answer); fault.Is(err, fault.NotFound) {
			err = c.missing(i, answer)
		}
	}
	c.result[i].Err = err
}

// missing is the fault of a row that leads to one that is not there.
func (c *creation) missing(i int, answer *remote.Response) error {
	row, said := c.rows[i], parseError(answer)
	table, id := said.missingRow()
	subject := "cannot create " + row.Table + " " + c.keys[i] + ": "
	if id == "" {
		return fault.Wrap(fault.NotFound, said, subject+"a row that it leads to does not exist in "+name+" "+said.trace())
	}
	isBound := len(row.Binds) == 0 || slices.ContainsFunc(row.Binds, func(bind string) bool {
		return strings.EqualFold(strings.Trim(bind, "{}"), id)
	})
	if !isBound {
		return fault.Wrap(fault.Rejected, said, subject+table+" "+id+" does not exist in "+name+" "+said.trace())
	}
	return fault.Wrap(fault.NotFound, said, subject+table+" "+id+", which it leads to, does not exist in "+name+" "+said.trace())
}

// settleLook decides about a row that was refused as a duplicate by whether it is there.
func (c *creation) settleLook(p piece, answer *remote.Response, err error) {
	i := p.rows[0]
	subject := "create " + c.rows[i].Table + " " + c.keys[i]
	switch {
	case err != nil:
		c.result[i].Err = err
	case isSuccess(answer):
		c.result[i].Existed = true
	case answer.Status == http.StatusNotFound:
		c.result[i].Err = fault.New(fault.Rejected, name+" refused to "+subject+": another row holds one of its unique values")
	default:
		c.result[i].Err = c.w.client.refusedWrite("create", c.rows[i].Table, c.keys[i], answer)
	}
}
