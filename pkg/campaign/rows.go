package campaign

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// Row is a row as Campaign answers it, numbers as json.Number.
type Row map[string]any

// Text is the value of a field that is a string, or empty.
func (r Row) Text(field string) string {
	s, _ := r[field].(string)
	return s
}

// Find returns the rows that have the key: none, one, or (where the deployment has no identification key) more; of many
// the first two. Rows beyond are not counted.
func (c *Client) Find(ctx context.Context, resource, key string) ([]Row, error) {
	path, err := c.findPath(ctx, resource, key)
	if err != nil {
		return nil, err
	}
	rows, v, err := c.get(ctx, call{method: http.MethodGet, kind: "read", path: path, resource: resource, key: key})
	if v == absent {
		return nil, nil
	}
	return rows, err
}

func (c *Client) findPath(ctx context.Context, resource, key string) (string, error) {
	collection, err := c.collection(ctx, resource)
	if err != nil {
		return "", err
	}
	if key == "" {
		return "", fault.New(fault.Rejected, "a "+resource+" without a key cannot be looked up")
	}
	l := c.lookup(resource)
	if l.Mode == ByKey {
		return keyPath(collection, resource, key)
	}
	return collection + "/" + l.Filter + "?" + url.Values{l.Parameter: {key}, "_lineCount": {"2"}}.Encode(), nil
}

// get makes a reading call. A verdict that a read cannot have is an error.
func (c *Client) get(ctx context.Context, k call) ([]Row, verdict, error) {
	resp, v, err := c.do(ctx, k)
	switch {
	case err != nil, v == absent:
		return nil, v, err
	case v != taken:
		return nil, failed, fault.New(fault.Transient, fmt.Sprintf("%s could not %s: it gave no reason (HTTP %d)", name, k.subject(), resp.Status))
	}
	rows, err := parseRows(resp.Body)
	if err != nil {
		return nil, failed, fault.Wrap(fault.Transient, err, fmt.Sprintf("%s could not %s: its answer was not understood", name, k.subject()))
	}
	return rows, taken, nil
}

// parseRows takes a row, or rows wrapped in content[]: the documentation shows both for a single row.
func parseRows(body []byte) ([]Row, error) {
	var row Row
	if err := decode(body, &row); err != nil {
		return nil, err
	}
	if _, wrapped := row["content"].([]any); !wrapped {
		if row.Text("PKey") == "" {
			return nil, errors.New("neither a row nor a list of rows")
		}
		return []Row{row}, nil
	}
	var list struct {
		Content []Row `json:"content"`
	}
	err := decode(body, &list)
	return list.Content, err
}

func decode(body []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	return dec.Decode(into)
}

// only is the one row among rows that a write is about, nil for none. Two rows with one key are a fault of the data that
// no write can mend.
func only(rows []Row, resource, keyField, key string) (Row, error) {
	if len(rows) > 1 {
		return nil, fault.New(fault.Rejected, fmt.Sprintf("two %ss share the %s %s; delete or merge one of them in Campaign", resource, keyField, key))
	}
	if len(rows) == 0 {
		return nil, nil
	}
	return rows[0], nil
}

// href is the address of a row that was just read. It is used as it is; remote.Client refuses one of another origin.
func (r Row) href(collection string) (string, error) {
	if href := r.Text("href"); href != "" {
		return href, nil
	}
	if pkey := r.Text("PKey"); pkey != "" {
		return collection + "/" + url.PathEscape(pkey), nil
	}
	return "", fault.New(fault.Transient, name+" answered with a row that has no address")
}
