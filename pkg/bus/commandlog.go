package bus

import (
	"context"
	"strings"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// CommandQuery chooses entries of the command log. Empty parts choose all.
type CommandQuery struct {
	// Workflow leaves the others out, and with them what no workflow understands.
	Workflow workflow.ID
	// By is who asked, the whole name; case does not matter.
	By string
	// Before is the place in front of which to begin, 0 for the newest.
	Before uint64
}

// CommandPage is some entries of the log, newest first.
type CommandPage struct {
	Commands []workflow.Command
	// Next is the Before of the next page, 0 on the last one. A page may have fewer entries than asked for, even none, and
	// a next one all the same: who is rarely in the log is looked for a stretch at a time.
	Next uint64
}

const (
	// commandStretch is how many places of the log are read in one request.
	commandStretch = 500
	// commandLook is how many places one page looks at: what a query that finds nothing may cost.
	commandLook = 20 * commandStretch
)

// Page reads the log backwards, a few hundred entries with each request.
func (s *Commands) Page(ctx context.Context, q CommandQuery, limit int) (CommandPage, error) {
	stream, err := s.c.js.Stream(ctx, StreamCommands)
	if err != nil {
		return CommandPage{}, classify(err, "opening the command log")
	}
	state := stream.CachedInfo().State
	upTo := state.LastSeq
	if q.Before > 0 {
		upTo = min(upTo, q.Before-1)
	}
	var page CommandPage
	for looked := 0; upTo > 0 && upTo >= state.FirstSeq; looked += commandStretch {
		if looked >= commandLook {
			page.Next = upTo + 1
			return page, nil
		}
		from := max(state.FirstSeq, upTo-min(upTo, commandStretch)+1)
		found, err := s.between(ctx, q, from, upTo)
		if err != nil {
			return CommandPage{}, err
		}
		for i := len(found) - 1; i >= 0; i-- {
			if len(page.Commands) == limit {
				page.Next = found[i].Seq + 1
				return page, nil
			}
			page.Commands = append(page.Commands, found[i])
		}
		upTo = from - 1
	}
	return page, nil
}

// between reads the entries of a stretch that match, oldest first.
func (s *Commands) between(ctx context.Context, q CommandQuery, from, upTo uint64) ([]workflow.Command, error) {
	subject := commandsFilter
	if q.Workflow != "" {
		subject = prefix + "commands." + string(q.Workflow) + ".>"
	}
	var found []workflow.Command
	some := stretch{stream: StreamCommands, subject: subject, from: from, limit: int(upTo - from + 1)}
	for msg, err := range s.c.stored(ctx, some, "reading the command log") {
		if err != nil {
			return nil, err
		}
		if msg.Sequence > upTo {
			break
		}
		if cmd := command(msg); q.By == "" || strings.EqualFold(cmd.By, q.By) {
			found = append(found, cmd)
		}
	}
	return found, nil
}

// List returns the last commands, newest first.
func (s *Commands) List(ctx context.Context, limit int) ([]workflow.Command, error) {
	page, err := s.Page(ctx, CommandQuery{}, limit)
	return page.Commands, err
}
