package ingress

import (
	"context"
	"encoding/json"

	"github.com/causeway-sync/causeway/pkg/bus"
)

// began reports whether the start with a command's sequence has been at work before, and what both sides said of each
// mapped table then.
func began(ctx context.Context, starts *bus.Starts, command uint64) (fits map[string]fit, again bool, err error) {
	note, again, err := starts.Began(ctx, command)
	if err != nil || !again {
		return nil, false, err
	}
	if json.Unmarshal(note, &fits) != nil { // Another release's: the types are taken as they are now.
		fits = nil
	}
	return fits, true, nil
}

// begin notes that a start is at work.
func begin(ctx context.Context, starts *bus.Starts, command uint64, tables map[string]*mapped) error {
	fits := map[string]fit{}
	for table, m := range tables {
		fits[table] = m.fit
	}
	note, err := json.Marshal(fits)
	if err != nil {
		return err
	}
	return starts.Begin(ctx, command, note)
}
