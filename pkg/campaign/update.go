package campaign

import "context"

// Update brings fields of a row that exists into the wanted state and may be repeated (invariant 3). It never creates
// one: fault.NotFound says that no row has the key. It costs one engine call where rows are addressed by their key, two
// where a filter has to find the row first.
//
// A write without fields only makes sure that the row exists; it is Unchanged when it does.
//
// Campaign v8 refuses a missing row, bad values and its own trouble with the same words. The row is then asked for by its
// key and, when it is there, updated once more; refused again, the write ends as Upsert's does.
func (c *Client) Update(ctx context.Context, w Write) (Outcome, error) {
	for unexplained := 0; ; unexplained++ {
		v, err := c.update(ctx, w)
		switch v {
		case taken:
			return w.outcome(updating), nil
		case unsaid:
			if unexplained > 0 {
				return 0, c.giveUp(updating.String(), w)
			}
			row, err := c.findOne(ctx, w)
			if err != nil {
				return 0, err
			}
			if row == nil {
				return 0, w.settle("update", absent, nil)
			}
		default:
			return 0, w.settle("update", v, err)
		}
	}
}
