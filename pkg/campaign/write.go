package campaign

import (
	"context"
	"fmt"
	"maps"
	"net/http"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// Outcome is what a write did.
type Outcome int

// The outcomes. The zero value goes with an error.
const (
	Created Outcome = iota + 1
	Updated
	Removed
	// Unchanged: there was nothing to do.
	Unchanged
)

// String names the outcome for logs and metric labels.
func (o Outcome) String() string {
	return [...]string{"", "created", "updated", "removed", "unchanged"}[o]
}

// Write is the wanted state of one row.
type Write struct {
	// Resource is the technical name: "profile".
	Resource string
	// KeyField is the API name of the field that holds Key: "externalId".
	KeyField string
	// Key is the row's own key; it is sent with a creation, never with an update.
	Key string
	// Fields by API name. See DateTime and Date for the forms of values; nil clears a field; others are left alone.
	Fields map[string]any
	// OnCreate is sent beside Fields when the row is created, and never to a row that exists.
	OnCreate map[string]any
	// LikelyNew has the row created first and updated when it turns out to exist. It only saves engine calls.
	LikelyNew bool
}

func (w Write) validate() error {
	if w.Resource == "" || w.KeyField == "" || w.Key == "" {
		return fault.New(fault.Rejected, fmt.Sprintf("a write to %s lacks its resource, key field or key", name))
	}
	return nil
}

// initial are the fields of a new row.
func (w Write) initial() map[string]any {
	if len(w.OnCreate) == 0 {
		return w.Fields
	}
	fields := maps.Clone(w.OnCreate)
	maps.Copy(fields, w.Fields)
	return fields
}

// Create makes the row. fault.Conflict: the key exists already.
func (c *Client) Create(ctx context.Context, w Write) error {
	v, err := c.create(ctx, w)
	return w.settle("create", v, err)
}

// Delete deletes the row. fault.NotFound: no row has the key.
func (c *Client) Delete(ctx context.Context, resource, key string) error {
	w := Write{Resource: resource, KeyField: "key", Key: key}
	v, err := c.delete(ctx, w)
	return w.settle("delete", v, err)
}

// settle turns the verdict on a single call into an error.
func (w Write) settle(verb string, v verdict, err error) error {
	subject := fmt.Sprintf("%s %s %s", verb, w.Resource, w.Key)
	switch v {
	case taken, failed:
		return err
	case conflict:
		return fault.New(fault.Conflict, "cannot "+subject+": it exists already")
	case absent:
		return fault.New(fault.NotFound, "cannot "+subject+": there is none")
	}
	return fault.New(fault.Transient, name+" refused to "+subject+" without a reason")
}

func (c *Client) create(ctx context.Context, w Write) (verdict, error) {
	if err := w.validate(); err != nil {
		return failed, err
	}
	collection, err := c.collection(ctx, w.Resource)
	if err != nil {
		return failed, err
	}
	_, v, err := c.do(ctx, call{method: http.MethodPost, kind: "create", path: collection, resource: w.Resource, key: w.Key,
		fields: withKey(w.initial(), w.KeyField, w.Key)})
	if v == absent {
		return failed, fault.New(fault.Rejected, fmt.Sprintf("%s refused to create %s %s: a row that it links to does not exist", name, w.Resource, w.Key))
	}
	return v, err
}

// update changes the row, and only looks whether it exists where there is nothing to change: Campaign v8 answers an empty
// PATCH with 204 in any case.
func (c *Client) update(ctx context.Context, w Write) (verdict, error) {
	fields := withoutKey(w.Fields, w.KeyField)
	if len(fields) == 0 {
		return c.exists(ctx, w)
	}
	v, err := c.change(ctx, w, call{method: http.MethodPatch, kind: "update", fields: fields})
	if v == conflict {
		return failed, fault.New(fault.Rejected, fmt.Sprintf("%s refused to update %s %s: another row holds one of its unique values", name, w.Resource, w.Key))
	}
	return v, err
}

func (c *Client) exists(ctx context.Context, w Write) (verdict, error) {
	if err := w.validate(); err != nil {
		return failed, err
	}
	row, err := c.findOne(ctx, w)
	switch {
	case err != nil:
		return failed, err
	case row == nil:
		return absent, nil
	}
	return taken, nil
}

func (c *Client) delete(ctx context.Context, w Write) (verdict, error) {
	v, err := c.change(ctx, w, call{method: http.MethodDelete, kind: "delete"})
	if v == conflict {
		return failed, fault.New(fault.Rejected, fmt.Sprintf("%s refused to delete %s %s: other rows depend on it", name, w.Resource, w.Key))
	}
	return v, err
}

// change makes a call about the row that has the key.
func (c *Client) change(ctx context.Context, w Write, k call) (verdict, error) {
	if err := w.validate(); err != nil {
		return failed, err
	}
	path, v, err := c.address(ctx, w)
	if v != taken {
		return v, err
	}
	k.path, k.resource, k.key = path, w.Resource, w.Key
	_, v, err = c.do(ctx, k)
	return v, err
}

// address is where the row of w is: by its key, or by the href that a filter finds.
func (c *Client) address(ctx context.Context, w Write) (string, verdict, error) {
	collection, err := c.collection(ctx, w.Resource)
	if err != nil {
		return "", failed, err
	}
	if c.lookup(w.Resource).Mode == ByKey {
		path, err := keyPath(collection, w.Resource, w.Key)
		if err != nil {
			return "", failed, err
		}
		return path, taken, nil
	}
	row, err := c.findOne(ctx, w)
	switch {
	case err != nil:
		return "", failed, err
	case row == nil:
		return "", absent, nil
	}
	href, err := row.href(collection)
	if err != nil {
		return "", failed, err
	}
	return href, taken, nil
}

func (c *Client) findOne(ctx context.Context, w Write) (Row, error) {
	rows, err := c.Find(ctx, w.Resource, w.Key)
	if err != nil {
		return nil, err
	}
	return only(rows, w.Resource, w.KeyField, w.Key)
}
