package bus

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Trim removes what is older than 90 days, but for each workflow's last start and last stop: one of them says what the workflow is to do
// (invariant 6), however long ago that was asked for. The stream has no age limit for this reason. Two that trim at once do no harm.
func (s *Commands) Trim(ctx context.Context, now time.Time) error {
	const doing = "trimming the command log"
	stream, err := s.c.js.Stream(ctx, StreamCommands)
	if err != nil {
		return classify(err, doing)
	}
	state := stream.CachedInfo().State
	until, err := lastBefore(ctx, stream, commandsFilter, state.FirstSeq, state.LastSeq, now.Add(-commandsKept))
	if err != nil || until == 0 {
		return err
	}
	holds := map[string]bool{}
	for _, id := range workflow.All() {
		holds[CommandSubject(id, workflow.Start)], holds[CommandSubject(id, workflow.Stop)] = true, true
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(commandsFilter))
	if err != nil {
		return classify(err, doing)
	}
	for subject := range info.State.Subjects {
		if strings.ContainsAny(subject, "*>") { // To purge by it would purge what it matches; nats-server takes such messages.
			continue
		}
		end := until + 1
		if holds[subject] {
			last, err := stream.GetLastMsgForSubject(ctx, subject)
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				continue
			}
			if err != nil {
				return classify(err, doing)
			}
			end = min(end, last.Sequence)
		}
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject), jetstream.WithPurgeSequence(end)); err != nil {
			return classify(err, doing)
		}
	}
	return nil
}
