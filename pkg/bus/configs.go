package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
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

func configSubject(id workflow.ID) string { return "$KV." + BucketConfig + "." + string(id) }

// Latest returns the newest revision, or fault.NotFound where none was ever stored.
func (s *Configs) Latest(ctx context.Context, id workflow.ID) (Revision, error) {
	stream, err := s.stream(ctx)
	if err != nil {
		return Revision{}, err
	}
	msg, err := stream.GetLastMsgForSubject(ctx, configSubject(id))
	return revision(msg, err, id)
}

// At returns one revision of a workflow, or fault.NotFound where it is not (any more) in the history.
func (s *Configs) At(ctx context.Context, id workflow.ID, number uint64) (Revision, error) {
	stream, err := s.stream(ctx)
	if err != nil {
		return Revision{}, err
	}
	msg, err := stream.GetMsg(ctx, number)
	if err == nil && msg.Subject != configSubject(id) {
		return Revision{}, fault.New(fault.NotFound, "this workflow has no such revision")
	}
	return revision(msg, err, id)
}

// Put stores a new revision on top of the one that the caller saw; fault.Stale when that is no longer the newest.
// Expected is 0 for the first.
func (s *Configs) Put(ctx context.Context, id workflow.ID, doc []byte, expected uint64, by string) (Revision, error) {
	msg := nats.NewMsg(configSubject(id))
	msg.Data = doc
	msg.Header.Set(HeaderBy, by)
	ack, err := s.c.js.PublishMsg(ctx, msg, jetstream.WithExpectLastSequencePerSubject(expected))
	if hasCode(err, codeWrongLastSequence) {
		return Revision{}, fault.Wrap(fault.Stale, err, "the configuration was changed by somebody else meanwhile: load it again and repeat the edit")
	}
	if err != nil {
		return Revision{}, classify(err, "storing the configuration")
	}
	return s.At(ctx, id, ack.Sequence)
}

// History returns the stored revisions of a workflow, oldest first (64 are kept).
func (s *Configs) History(ctx context.Context, id workflow.ID) ([]Revision, error) {
	kv, err := s.c.js.KeyValue(ctx, BucketConfig)
	if err != nil {
		return nil, classify(err, "opening the configuration bucket")
	}
	entries, err := kv.History(ctx, string(id))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, classify(err, "reading the configuration's history")
	}
	revisions := make([]Revision, 0, len(entries))
	for _, entry := range entries {
		if entry.Operation() != jetstream.KeyValuePut {
			continue
		}
		rev, err := s.At(ctx, id, entry.Revision())
		if fault.Is(err, fault.NotFound) { // Dropped from the history between the two calls.
			continue
		}
		if err != nil {
			return nil, err
		}
		revisions = append(revisions, rev)
	}
	return revisions, nil
}

func (s *Configs) stream(ctx context.Context) (jetstream.Stream, error) {
	stream, err := s.c.js.Stream(ctx, "KV_"+BucketConfig)
	return stream, classify(err, "opening the configuration bucket")
}

func revision(msg *jetstream.RawStreamMsg, err error, id workflow.ID) (Revision, error) {
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Revision{}, fault.Wrap(fault.NotFound, err, "no such configuration of "+string(id)+" is stored")
	}
	if err != nil {
		return Revision{}, classify(err, "reading the configuration")
	}
	by := msg.Header.Get(HeaderBy)
	if by == "" {
		by = "unknown"
	}
	return Revision{Number: msg.Sequence, Document: msg.Data, By: by, At: msg.Time}, nil
}
