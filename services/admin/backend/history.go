package backend

import (
	"context"
	"strings"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// HistoryQuery chooses entries of the command log. Empty parts choose all.
type HistoryQuery struct {
	Workflow string
	By       string
	Before   uint64
	Limit    int
}

// CommandList is the command log, newest first.
type CommandList struct {
	Commands []workflow.Command `json:"commands"`
	// Next is the before of the next page. A page of a query that finds little may be short, or empty, and have one.
	Next uint64 `json:"next,omitempty" doc:"what to give as before for the next page; missing on the last one"`
}

// The bounds of a page of the history.
const (
	DefaultHistory = 100
	MaxHistory     = 1000
)

// Commands is the command log: who asked for what, when.
func (s *Service) Commands(ctx context.Context, q HistoryQuery) (CommandList, error) {
	look := bus.CommandQuery{By: strings.TrimSpace(q.By), Before: q.Before}
	if q.Workflow != "" {
		id, err := WorkflowID(q.Workflow)
		if err != nil {
			return CommandList{}, err
		}
		look.Workflow = id
	}
	if q.Limit <= 0 {
		q.Limit = DefaultHistory
	}
	page, err := s.commands.Page(ctx, look, min(q.Limit, MaxHistory))
	if page.Commands == nil {
		page.Commands = []workflow.Command{}
	}
	return CommandList{Commands: page.Commands, Next: page.Next}, err
}
