package bus

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Revision is one stored version of a workflow's configuration.
type Revision struct {
	// Number is the bucket's own revision. It grows, and is shared by all workflows: it is not a count.
	Number   uint64
	Document []byte
	By       string
	At       time.Time
}

// Configs stores configuration documents with their history. It stores bytes: validation is the caller's.
type Configs struct{ c *Conn }

// NewConfigs binds to the bucket; nothing is opened.
func NewConfigs(c *Conn) *Configs { return &Configs{c: c} }

func (s *Configs) key(id workflow.ID) bucketKey {
	return bucketKey{c: s.c, bucket: BucketConfig, key: string(id), what: "the configuration",
		stale: "the configuration was changed by somebody else meanwhile: load it again and repeat the edit"}
}

// Latest returns the newest revision, or fault.NotFound where none was ever stored.
func (s *Configs) Latest(ctx context.Context, id workflow.ID) (Revision, error) {
	msg, err := s.key(id).latest(ctx)
	if err != nil {
		return Revision{}, err
	}
	if msg == nil {
		return Revision{}, notStored(id)
	}
	return revisionOf(msg), nil
}

// At returns one revision of a workflow, or fault.NotFound where it is not (any more) in the history.
func (s *Configs) At(ctx context.Context, id workflow.ID, number uint64) (Revision, error) {
	stream, err := s.stream(ctx)
	if err != nil {
		return Revision{}, err
	}
	msg, err := stream.GetMsg(ctx, number)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return Revision{}, notStored(id)
	case err != nil:
		return Revision{}, classify(err, "reading the configuration")
	case msg.Subject != s.key(id).subject():
		return Revision{}, fault.New(fault.NotFound, "this workflow has no such revision")
	}
	return revisionOf(msg), nil
}

// Put stores a new revision on top of the one that the caller saw; fault.Stale when that is no longer the newest.
// Expected is 0 for the first.
func (s *Configs) Put(ctx context.Context, id workflow.ID, doc []byte, expected uint64, by string) (Revision, error) {
	number, err := s.key(id).put(ctx, doc, expected, by)
	if err != nil {
		return Revision{}, err
	}
	return Revision{Number: number, Document: doc, By: orUnknown(by), At: time.Now().UTC()}, nil
}

// Version names the state of the bucket: while it is the same, so is every workflow's history.
func (s *Configs) Version(ctx context.Context) (string, error) {
	stream, err := s.stream(ctx)
	if err != nil {
		return "", err
	}
	state := stream.CachedInfo().State
	return fmt.Sprintf("%d-%d-%d-%d", state.FirstSeq, state.LastSeq, state.Msgs, state.FirstTime.UnixNano()), nil
}

// History returns the stored revisions of a workflow, oldest first (64 are kept). It makes no consumer: a workflow's service
// reads it too, and may create nothing on the bus.
func (s *Configs) History(ctx context.Context, id workflow.ID) ([]Revision, error) {
	var revisions []Revision
	for rev, err := range s.Kept(ctx, id) {
		if err != nil {
			return nil, err
		}
		revisions = append(revisions, rev)
	}
	return revisions, nil
}

// headerOperation marks an entry of a bucket that is a deletion.
const headerOperation = "KV-Operation"

// Kept yields the stored revisions of a workflow, oldest first: who looks at one at a time needs memory for one.
func (s *Configs) Kept(ctx context.Context, id workflow.ID) iter.Seq2[Revision, error] {
	return func(yield func(Revision, error) bool) {
		all := stretch{stream: "KV_" + BucketConfig, subject: s.key(id).subject(), from: 1, limit: configHistory}
		for msg, err := range s.c.stored(ctx, all, "reading the configuration's history") {
			if err != nil {
				yield(Revision{}, err)
				return
			}
			if first(msg.Header, headerOperation) != "" { // Somebody has removed the key with the NATS CLI.
				continue
			}
			if !yield(revisionOf(msg), nil) {
				return
			}
		}
	}
}

func (s *Configs) stream(ctx context.Context) (jetstream.Stream, error) {
	stream, err := s.c.js.Stream(ctx, "KV_"+BucketConfig)
	return stream, classify(err, "opening the configuration bucket")
}

// notStored is the answer about a revision that is not there.
func notStored(id workflow.ID) error {
	return fault.New(fault.NotFound, "no such configuration of "+string(id)+" is stored")
}

func revisionOf(msg *jetstream.RawStreamMsg) Revision {
	return Revision{Number: msg.Sequence, Document: msg.Data, By: orUnknown(msg.Header.Get(HeaderBy)), At: msg.Time}
}
