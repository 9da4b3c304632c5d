package dynamics

import (
	"context"
	"sync"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// definitions remembers what does not change while a client lives: the entity sets and keys of tables.
type definitions struct {
	mu     sync.Mutex
	tables map[string]Table
}

// describe is Table with a memory. A table that is not there is fault.Fatal: somebody named it in a configuration.
func (c *Client) describe(ctx context.Context, logical string) (Table, error) {
	c.known.mu.Lock()
	def, known := c.known.tables[logical]
	c.known.mu.Unlock()
	if known {
		return def, nil
	}
	def, err := c.Table(ctx, logical)
	switch {
	case fault.Is(err, fault.NotFound):
		return def, fault.Wrap(fault.Fatal, err, err.Error()+"; check the configuration")
	case err != nil:
		return def, err
	}
	c.known.mu.Lock()
	defer c.known.mu.Unlock()
	if c.known.tables == nil {
		c.known.tables = map[string]Table{}
	}
	c.known.tables[logical] = def
	return def, nil
}

// TakesBulk asks whether a table takes CreateMultiple (Dataverse docs, Use bulk operation messages).
func (c *Client) TakesBulk(ctx context.Context, table string) (bool, error) {
	if err := checkName("table", table); err != nil {
		return false, err
	}
	var answer struct {
		Value []struct {
			ID string `json:"sdkmessagefilterid"`
		} `json:"value"`
	}
	_, err := c.get(ctx, "metadata", "sdkmessagefilters?$select=sdkmessagefilterid&$filter="+
		encode("sdkmessageid/name eq @message and primaryobjecttypecode eq @table")+
		"&@message="+encode("'CreateMultiple'")+"&@table="+encode("'"+table+"'"), nil, &answer)
	return len(answer.Value) > 0, err
}

// takesBulk is TakesBulk with a memory. An environment that does not answer the question gets rows one by one.
func (w *Writer) takesBulk(ctx context.Context, table string) (bool, error) {
	w.mu.Lock()
	takes, known := w.bulk[table]
	w.mu.Unlock()
	if known {
		return takes, nil
	}
	takes, err := w.client.TakesBulk(ctx, table)
	if fault.Is(err, fault.Transient) || fault.Is(err, fault.Throttled) {
		return false, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bulk[table] = takes && err == nil
	return w.bulk[table], nil
}

func (w *Writer) isBulk(table string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bulk[table]
}

// noBulk remembers that a table does not take CreateMultiple although it was said to.
func (w *Writer) noBulk(table string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bulk[table] = false
}
