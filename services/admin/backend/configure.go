package backend

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Configuration is a stored document with its revision. The defaults are revision 0.
type Configuration struct {
	Revision uint64          `json:"revision"`
	Document json.RawMessage `json:"document"`
	By       string          `json:"by,omitempty"`
	At       time.Time       `json:"at,omitzero"`
}

// Config is the latest configuration of a workflow.
func (s *Service) Config(ctx context.Context, name string) (Configuration, error) {
	id, err := WorkflowID(name)
	if err != nil {
		return Configuration{}, err
	}
	return s.config(ctx, id)
}

func (s *Service) config(ctx context.Context, id workflow.ID) (Configuration, error) {
	rev, err := s.configs.Latest(ctx, id)
	if fault.Is(err, fault.NotFound) {
		doc, err := config.Encode(config.Default(id))
		return Configuration{Document: doc}, err
	}
	return Configuration{Revision: rev.Number, Document: rev.Document, By: rev.By, At: rev.At}, err
}

// PutConfig stores a document that was edited on revision expected. The error is
//
//   - fault.Invalid wrapping config.Faults, all of them, when the document cannot be used;
//   - fault.Stale when expected is no longer the latest.
//
// A document that says the same as the latest is not stored again. A running workflow keeps the revision that it started
// with (invariant 7).
func (s *Service) PutConfig(ctx context.Context, name string, document []byte, expected uint64, who Caller) (Configuration, error) {
	id, err := WorkflowID(name)
	if err != nil {
		return Configuration{}, err
	}
	return s.putConfig(ctx, id, document, expected, who, "")
}

// putConfig is PutConfig; why goes in front of the changes in the command log.
func (s *Service) putConfig(ctx context.Context, id workflow.ID, document []byte, expected uint64, who Caller, why string) (Configuration, error) {
	latest, err := s.config(ctx, id)
	if err != nil {
		return Configuration{}, err
	}
	if latest.Revision != expected {
		return Configuration{}, fault.New(fault.Stale,
			fmt.Sprintf("the configuration was edited meanwhile: revision %d is stored, yours began with %d; load it again and repeat the edit", latest.Revision, expected))
	}
	encoded, err := checked(id, document, latest)
	if err != nil {
		return Configuration{}, err
	}
	if latest.Revision != 0 && bytes.Equal(encoded, latest.Document) {
		return latest, nil
	}
	rev, err := s.configs.Put(ctx, id, encoded, expected, who.By)
	if err != nil {
		return Configuration{}, err
	}
	ctx, cancel := afterwards(ctx)
	defer cancel()
	if err := s.keepLedger(ctx, id, rev.Document); err != nil {
		s.log.Warn("decisions are kept as long as before until the admin service starts again", zap.String("why", fault.Message(err)))
	}
	s.noteRevision(ctx, id, rev.Number, why+noteOf(ChangesBetween(latest.Document, encoded)), who)
	return Configuration{Revision: rev.Number, Document: rev.Document, By: rev.By, At: rev.At}, nil
}

// checked validates a document and writes it as it is stored.
func checked(id workflow.ID, document []byte, latest Configuration) ([]byte, error) {
	next, err := config.Decode(id, document)
	if err != nil {
		return nil, InvalidConfig(err)
	}
	if faults := append(next.Validate(), immutable(id, latest.Document, next)...); len(faults) > 0 {
		return nil, InvalidConfig(faults)
	}
	return config.Encode(next)
}

// immutable checks what may not change once it is saved. A stored document that this release cannot read binds nobody:
// somebody must be able to mend it.
func immutable(id workflow.ID, stored []byte, next config.Document) config.Faults {
	old, err := config.Decode(id, stored)
	if err != nil {
		return nil
	}
	before, ok := old.(*config.IngressDoc)
	if !ok {
		return nil
	}
	return before.CheckImmutable(next.(*config.IngressDoc))
}

// noteChange enters an edit into the command log and shows it. The document is stored already: an entry that cannot be
// written is told in the log and takes nothing back.
func (s *Service) noteChange(ctx context.Context, id workflow.ID, note string, who Caller) {
	s.noteRevision(ctx, id, 0, note, who)
}

// noteRevision is noteChange for an edit that made a revision of the configuration, which the entry leads to.
func (s *Service) noteRevision(ctx context.Context, id workflow.ID, revision uint64, note string, who Caller) {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	cmd := workflow.Command{Workflow: id, Verb: workflow.ConfigChanged, By: who.By, Via: who.Via, ConfigRevision: revision, Note: note}
	if _, err := s.commands.Send(ctx, cmd); err != nil {
		s.log.Warn("an edit is missing in the command log", zap.String("workflow", string(id)), zap.Error(err))
	}
	s.refreshAfter(ctx, id)
}

// afterwards is the context of what follows from a change that is stored: who asked for it may have left.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 2*pollTimeout)
}

// ChangesBetween tells the difference of two documents, never nil.
func ChangesBetween(before, after []byte) []string {
	changes, err := config.Diff(before, after)
	if err != nil {
		return []string{"cannot be compared: one of the documents is not JSON"}
	}
	if changes == nil {
		return []string{}
	}
	return changes
}
