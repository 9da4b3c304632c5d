package backend

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Revision is one version of a configuration, without its document.
type Revision struct {
	Number  uint64    `json:"number"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Changes []string  `json:"changes" doc:"what it changed in the one before; empty for the oldest that is kept"`
}

// RevisionList is the history of a configuration, newest first.
type RevisionList struct {
	Revisions []Revision `json:"revisions"`
}

// RevisionDetail is one version with its document, beside another and beside the latest.
type RevisionDetail struct {
	Revision
	Document json.RawMessage `json:"document"`
	// Latest is the revision that is stored now, Previous the one before this, 0 where none is kept.
	Latest   uint64 `json:"latest"`
	Previous uint64 `json:"previous,omitempty"`
	// Against is the revision that Differences begin with: the one before where nobody asked for another.
	Against     uint64          `json:"against,omitempty" doc:"the revision that the differences begin with; missing for the oldest that is kept"`
	Differences []config.Change `json:"differences" doc:"what differs from the revision of against to this one"`
	// Restoring is what storing this document again would change now.
	Restoring []config.Change `json:"restoring" doc:"what restoring this revision would change in the latest"`
}

// revisionAt is one of a history that begins with the oldest.
func revisionAt(history []bus.Revision, i int) Revision {
	rev := Revision{Number: history[i].Number, By: history[i].By, At: history[i].At, Changes: []string{}}
	if i > 0 {
		rev.Changes = ChangesBetween(history[i-1].Document, history[i].Document)
	}
	return rev
}

// Revision is one version of a workflow's configuration, compared with the revision against, or with the one before it
// where that is 0. fault.NotFound: it is no revision of this workflow, or not kept any more.
func (s *Service) Revision(ctx context.Context, name string, number, against uint64) (RevisionDetail, error) {
	id, err := WorkflowID(name)
	if err != nil {
		return RevisionDetail{}, err
	}
	history, err := s.configs.History(ctx, id)
	if err != nil {
		return RevisionDetail{}, err
	}
	at, err := placeOf(history, id, number)
	if err != nil {
		return RevisionDetail{}, err
	}
	detail := RevisionDetail{Revision: revisionAt(history, at), Document: history[at].Document, Latest: history[len(history)-1].Number, Differences: []config.Change{}}
	if at > 0 {
		detail.Previous = history[at-1].Number
	}
	if detail.Against = against; against == 0 {
		detail.Against = detail.Previous
	}
	if detail.Against > 0 {
		from, err := placeOf(history, id, detail.Against)
		if err != nil {
			return RevisionDetail{}, err
		}
		detail.Differences = compared(history[from].Document, history[at].Document)
	}
	detail.Restoring = compared(history[len(history)-1].Document, restorable(id, history[at].Document, history[len(history)-1].Document))
	return detail, nil
}

// placeOf finds a revision in a history.
func placeOf(history []bus.Revision, id workflow.ID, number uint64) (int, error) {
	at, found := slices.BinarySearchFunc(history, number, func(r bus.Revision, n uint64) int { return cmp.Compare(r.Number, n) })
	switch {
	case found:
		return at, nil
	case len(history) > 0 && number < history[0].Number:
		return 0, fault.New(fault.NotFound, fmt.Sprintf("revision %d of %s is not kept: the oldest that is is %d", number, id, history[0].Number))
	}
	return 0, fault.New(fault.NotFound, fmt.Sprintf("%s has no revision %d: its list of revisions says which there are", id, number))
}

// compared lists differences, never nil. A stored document that is no JSON differs as a whole.
func compared(before, after []byte) []config.Change {
	changes, err := config.Compare(before, after)
	if err != nil {
		return []config.Change{{Path: "the document", Kind: config.Changed, Before: string(before), After: string(after)}}
	}
	if changes == nil {
		return []config.Change{}
	}
	return changes
}
