package host

import (
	"context"
	"errors"
	"fmt"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// Settings loads the configuration revision that the last start is for (invariant 7), and checks that a run can be made of
// it: it is valid, something is switched on, and the workflow's part of the bus is there. All of its faults but those of
// the bus are Fatal and name what to do.
func (b Binding) Settings(ctx context.Context) (bus.Revision, config.Document, error) {
	desired, err := bus.NewCommands(b.Conn).Desired(ctx, b.Workflow)
	if err != nil {
		return bus.Revision{}, nil, err
	}
	revision, err := bus.NewConfigs(b.Conn).ForStart(ctx, b.Workflow, desired.Command)
	if err != nil {
		return bus.Revision{}, nil, err
	}
	doc, err := config.Parse(b.Workflow, revision.Document)
	if err != nil {
		return revision, nil, fault.Wrap(fault.Fatal, err, fmt.Sprintf("configuration revision %d cannot be used: %v", revision.Number, err))
	}
	if why := doc.CannotStart(); why != "" {
		return revision, nil, fault.New(fault.Fatal, why)
	}
	return revision, doc, bus.CheckProvisioned(ctx, b.Conn, b.Workflow)
}

// Findings gathers what a preflight has found, so that one look tells everything that a person has to mend. The zero
// value is ready.
type Findings struct{ list []error }

// Add takes what a check says: nil is nothing, a Fatal fault is a finding, and any other error comes back, because it
// says that the check itself has to be repeated.
func (f *Findings) Add(err error) error {
	if err != nil && !fault.Is(err, fault.Fatal) {
		return err
	}
	if err != nil {
		f.list = append(f.list, err)
	}
	return nil
}

// Join takes over the findings of another look.
func (f *Findings) Join(other Findings) { f.list = append(f.list, other.list...) }

// Len counts the findings.
func (f *Findings) Len() int { return len(f.list) }

// Err is one Fatal fault that says everything, each thing once; nil when nothing was found.
func (f *Findings) Err() error {
	if len(f.list) == 0 {
		return nil
	}
	text, seen := "", map[string]bool{}
	for _, err := range f.list {
		message := fault.Message(err)
		if seen[message] {
			continue
		}
		seen[message] = true
		if text != "" {
			text += "; "
		}
		text += message
	}
	return fault.Wrap(fault.Fatal, errors.Join(f.list...), text)
}
