package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Commands is the command log: what was asked, by whom, when. The later of a workflow's last start and last stop is
// its desired state (invariant 6), so a command that is given twice, or replayed, changes nothing.
type Commands struct{ c *Conn }

// NewCommands binds to the log; nothing is opened.
func NewCommands(c *Conn) *Commands { return &Commands{c: c} }

// DesiredState is what a workflow is to do, and the command that decided it (zero when none was ever given).
type DesiredState struct {
	Desired workflow.Desired
	Command workflow.Command
	// LastStop is the place of the last stop, 0 where there was none.
	LastStop uint64
}

// Send stores a command and returns it with its place and time. It is published with JetStream, not through the router
// of Control, because the caller may only say "accepted" when the log has it; the same message reaches every
// subscribed service as a nudge.
func (s *Commands) Send(ctx context.Context, cmd workflow.Command) (workflow.Command, error) {
	msg := nats.NewMsg(CommandSubject(cmd.Workflow, cmd.Verb))
	msg.Header.Set(HeaderBy, cmd.By)
	msg.Header.Set(HeaderVia, cmd.Via)
	if cmd.ConfigRevision > 0 {
		msg.Header.Set(HeaderRevision, strconv.FormatUint(cmd.ConfigRevision, 10))
	}
	msg.Data = []byte(cmd.Note)
	ack, err := s.c.js.PublishMsg(ctx, msg)
	if err != nil {
		return cmd, classify(err, "storing the command")
	}
	// Not read back: in a cluster the copy that answers may not have it yet.
	return command(&jetstream.RawStreamMsg{Subject: msg.Subject, Sequence: ack.Sequence, Header: msg.Header, Data: msg.Data, Time: time.Now().UTC()}), nil
}

// Desired reads the desired state from the log.
func (s *Commands) Desired(ctx context.Context, id workflow.ID) (DesiredState, error) {
	stream, err := s.c.js.Stream(ctx, StreamCommands)
	if err != nil {
		return DesiredState{}, classify(err, "opening the command log")
	}
	state := DesiredState{Desired: workflow.DesiredStopped}
	for verb, desired := range map[workflow.Verb]workflow.Desired{workflow.Start: workflow.DesiredRunning, workflow.Stop: workflow.DesiredStopped} {
		msg, err := stream.GetLastMsgForSubject(ctx, CommandSubject(id, verb))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return DesiredState{}, classify(err, "reading the command log")
		}
		if verb == workflow.Stop {
			state.LastStop = msg.Sequence
		}
		if msg.Sequence > state.Command.Seq {
			state.Desired, state.Command = desired, command(msg)
		}
	}
	return state, nil
}

// command decodes one entry. The subject alone says what is asked: a bare `nats pub causeway.commands.ingress.stop ”`
// is a whole command. An entry that no workflow understands is marked, not refused: the log shows it and says why.
func command(msg *jetstream.RawStreamMsg) workflow.Command {
	cmd := ParseCommand(msg.Subject)
	cmd.Seq, cmd.At = msg.Sequence, msg.Time
	cmd.By, cmd.Via = orUnknown(msg.Header.Get(HeaderBy)), msg.Header.Get(HeaderVia)
	if cmd.Via == "" {
		cmd.Via = "nats"
	}
	if revision, err := strconv.ParseUint(msg.Header.Get(HeaderRevision), 10, 64); err == nil {
		cmd.ConfigRevision = revision
	}
	if !cmd.Ignored && len(msg.Data) <= maxNote {
		cmd.Note = strings.ToValidUTF8(string(msg.Data), "")
	}
	return cmd
}

// maxNote bounds what of a hand-made command's body is shown.
const maxNote = 2048

// ParseCommand reads workflow and verb from a subject. A subject that is no command comes back Ignored, with a note that
// says why.
func ParseCommand(subject string) workflow.Command {
	tokens := strings.Split(subject, ".")
	if len(tokens) != 4 || tokens[0] != "causeway" || tokens[1] != "commands" {
		return workflow.Command{Ignored: true, Note: fmt.Sprintf("%.80q is not causeway.commands.<workflow>.<verb>", subject)}
	}
	cmd := workflow.Command{Workflow: workflow.ID(tokens[2]), Verb: workflow.Verb(tokens[3])}
	switch {
	case !cmd.Workflow.Valid():
		cmd.Ignored, cmd.Note = true, fmt.Sprintf("there is no workflow %.40q: use ingress, egress or optinout", tokens[2])
	case !cmd.Verb.Valid():
		cmd.Ignored, cmd.Note = true, fmt.Sprintf("there is no command %.40q: use start, stop or config-changed", tokens[3])
	}
	return cmd
}

func orUnknown(by string) string {
	if by == "" {
		return "unknown"
	}
	return by
}
