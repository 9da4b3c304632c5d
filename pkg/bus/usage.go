package bus

import (
	"context"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Usage keeps what each workflow has used of the remote systems, one document a workflow, by compare-and-set: of two admin
// services that add at the same time one is refused, and adds anew to what the other has stored. It stores bytes; what a
// document says is the caller's.
type Usage struct{ c *Conn }

// NewUsage binds to the bucket; nothing is opened.
func NewUsage(c *Conn) *Usage { return &Usage{c: c} }

func (u *Usage) key(id workflow.ID) bucketKey {
	return bucketKey{c: u.c, bucket: BucketUsage, key: string(id), what: "the usage", stale: "another admin service has stored the usage"}
}

// Latest is a workflow's document with its revision; none and 0 where nothing was ever stored.
func (u *Usage) Latest(ctx context.Context, id workflow.ID) ([]byte, uint64, error) {
	msg, err := u.key(id).latest(ctx)
	if msg == nil || err != nil {
		return nil, 0, err
	}
	return msg.Data, msg.Sequence, nil
}

// Put stores a document on top of a revision; fault.Stale when that is no longer the newest.
func (u *Usage) Put(ctx context.Context, id workflow.ID, data []byte, expected uint64) (uint64, error) {
	return u.key(id).put(ctx, data, expected, "")
}
