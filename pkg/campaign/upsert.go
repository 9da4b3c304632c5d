package campaign

import (
	"context"
	"fmt"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// step is one try to bring about what an Upsert wants.
type step int

const (
	creating step = iota
	updating
)

// Upsert brings the row into the wanted state, whether it exists or not, and may be repeated (invariant 3).
//
//	LikelyNew:  POST, done | exists: PATCH by key, done
//	otherwise:  PATCH by key, done | no such row: POST, done
//
// A write without fields only makes sure that the row exists; it is Unchanged when it does.
//
// A row that comes or goes between two steps is followed once. A second time means that the row is there and cannot be
// seen, and the write is fault.Rejected.
//
// Campaign v8 refuses duplicates, bad values and its own trouble with the same words. The row is then asked for by its
// key and the step that fits is tried once more; refused again, the write is fault.Rejected. When ten writes in a row,
// whatever their records, were refused like that and none was taken, it is fault.Transient: then it is not the records.
func (c *Client) Upsert(ctx context.Context, w Write) (Outcome, error) {
	next := updating
	if l := c.lookup(w.Resource); w.LikelyNew && (l.Mode == ByKey || l.Unique) {
		next = creating
	}
	var existed, missing, unexplained int
	for {
		v, err := c.try(ctx, next, w)
		switch v {
		case taken:
			return w.outcome(next), nil
		case conflict:
			existed++
			next = updating
		case absent:
			missing++
			next = creating
		case unsaid:
			unexplained++
			if unexplained > 1 {
				return 0, c.giveUp(next.String(), w)
			}
			if next, err = c.fitting(ctx, w); err != nil {
				return 0, err
			}
		default:
			return 0, err
		}
		if existed > 1 || missing > 1 {
			return 0, fault.New(fault.Rejected, fmt.Sprintf("%s neither creates nor finds %s %s: another row holds one of its unique values, or it is hidden until its parent arrives",
				name, w.Resource, w.Key))
		}
	}
}

func (c *Client) try(ctx context.Context, s step, w Write) (verdict, error) {
	if s == creating {
		return c.create(ctx, w)
	}
	return c.update(ctx, w)
}

// fitting asks whether the row exists and returns the step that follows.
func (c *Client) fitting(ctx context.Context, w Write) (step, error) {
	row, err := c.findOne(ctx, w)
	if err != nil || row == nil {
		return creating, err
	}
	return updating, nil
}

// giveUp is the end of a write that was refused twice without a reason.
func (c *Client) giveUp(verb string, w Write) error {
	if n := c.unsaid.grow(); n >= unsaidLimit {
		return fault.New(fault.Transient, fmt.Sprintf("%s has refused the last %d writes without a reason; look into its own log", name, n))
	}
	return fault.New(fault.Rejected, fmt.Sprintf("%s refused to %s %s %s without a reason; compare its values with the types, lists and lengths of the fields",
		name, verb, w.Resource, w.Key))
}

func (w Write) outcome(done step) Outcome {
	switch {
	case done == creating:
		return Created
	case len(withoutKey(w.Fields, w.KeyField)) == 0:
		return Unchanged
	}
	return Updated
}

func (s step) String() string { return [...]string{"create", "update"}[s] }

// Remove deletes the row that has the key; none is Unchanged. It may be repeated (invariant 3).
func (c *Client) Remove(ctx context.Context, resource, key string) (Outcome, error) {
	w := Write{Resource: resource, KeyField: "key", Key: key}
	for unexplained := 0; ; unexplained++ {
		v, err := c.delete(ctx, w)
		switch v {
		case taken:
			return Removed, nil
		case absent:
			return Unchanged, nil
		case unsaid:
			if unexplained > 0 {
				return 0, c.giveUp("delete", w)
			}
			row, err := c.findOne(ctx, w)
			if err != nil {
				return 0, err
			}
			if row == nil {
				return Unchanged, nil
			}
		default:
			return 0, err
		}
	}
}
