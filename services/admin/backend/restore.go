package backend

import (
	"context"
	"fmt"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Restore stores the document of an older revision as the newest, by the rules of PutConfig: what is no longer valid, or
// would change what is immutable, is refused with every fault. Expected is the revision that the caller takes for the
// latest, nil for whatever is stored. Requests for replays are not restored: they are commands, not settings, and those that
// wait now stay.
//
// It can be undone in the same way, and takes effect at the next stop and start (invariant 7).
func (s *Service) Restore(ctx context.Context, name string, number uint64, expected *uint64, who Caller) (Configuration, error) {
	id, err := WorkflowID(name)
	if err != nil {
		return Configuration{}, err
	}
	latest, err := s.config(ctx, id)
	if err != nil {
		return Configuration{}, err
	}
	if expected == nil {
		expected = &latest.Revision
	}
	detail, err := s.Revision(ctx, name, number, 0)
	if err != nil {
		return Configuration{}, err
	}
	restored, err := s.putConfig(ctx, id, restorable(id, detail.Document, latest.Document), *expected, who, fmt.Sprintf("restored revision %d: ", number))
	if fault.Is(err, fault.Invalid) {
		return Configuration{}, fault.Wrap(fault.Invalid, err, fmt.Sprintf("revision %d cannot be restored: %s", number, fault.Message(err)))
	}
	return restored, err
}

// restorable is an older document with the requests for replays of the latest. A document that cannot be read stays as it
// is: whoever stores it is told why it cannot be.
func restorable(id workflow.ID, document, latest []byte) []byte {
	if id != workflow.Ingress {
		return document
	}
	old, err := config.Decode(id, document)
	if err != nil {
		return document
	}
	waiting := map[string]bool{}
	if now, err := config.Decode(id, latest); err == nil {
		for _, m := range now.(*config.IngressDoc).Mappings {
			waiting[m.Table] = m.ReplayRequested
		}
	}
	doc := old.(*config.IngressDoc)
	for i := range doc.Mappings {
		doc.Mappings[i].ReplayRequested = waiting[doc.Mappings[i].Table]
	}
	encoded, err := config.Encode(doc)
	if err != nil {
		return document
	}
	return encoded
}
