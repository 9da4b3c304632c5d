package backend

import (
	"context"
	"iter"
	"slices"
	"sync"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// revisionCache keeps what the kept revisions of each workflow have changed. Revisions never change, and the differences of
// 64 large documents cost a tenth of a second and some ten megabytes each time that somebody looks: they are found once
// for each state of the bucket.
type revisionCache struct {
	mu    sync.Mutex
	known map[workflow.ID]knownRevisions
}

type knownRevisions struct {
	version string
	list    RevisionList
}

// Revisions tells who changed a workflow's configuration, when, and what. Nobody may change what it returns.
func (s *Service) Revisions(ctx context.Context, name string) (RevisionList, error) {
	id, err := WorkflowID(name)
	if err != nil {
		return RevisionList{}, err
	}
	version, err := s.configs.Version(ctx)
	if err != nil {
		return RevisionList{}, err
	}
	s.revisions.mu.Lock()
	defer s.revisions.mu.Unlock() // Of several that ask at the same time one works.
	if known := s.revisions.known[id]; known.version == version {
		return known.list, nil
	}
	list, err := revisionsOf(s.configs.Kept(ctx, id))
	if err != nil {
		return RevisionList{}, err
	}
	if s.revisions.known == nil {
		s.revisions.known = map[workflow.ID]knownRevisions{}
	}
	s.revisions.known[id] = knownRevisions{version: version, list: list}
	return list, nil
}

// revisionsOf tells what each revision changed in the one before, newest first.
func revisionsOf(kept iter.Seq2[bus.Revision, error]) (RevisionList, error) {
	list := RevisionList{Revisions: []Revision{}}
	var differ config.Differ
	for rev, err := range kept {
		if err != nil {
			return RevisionList{}, err
		}
		changes, err := differ.Next(rev.Document)
		switch {
		case err != nil:
			changes = []string{"cannot be compared: one of the documents is not JSON"}
		case changes == nil:
			changes = []string{}
		}
		list.Revisions = append(list.Revisions, Revision{Number: rev.Number, By: rev.By, At: rev.At, Changes: changes})
	}
	slices.Reverse(list.Revisions)
	return list, nil
}

// RevisionAt is the configuration of a workflow as it was at a revision, fault.NotFound where that is no longer kept.
func (s *Service) RevisionAt(ctx context.Context, id workflow.ID, number uint64) (bus.Revision, error) {
	return s.configs.At(ctx, id, number)
}
