package campaign

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// horizonFormat is the version of the JSON below. A position of a newer version comes from a newer program; to guess at
// it could lose records.
const horizonFormat = 1

// horizon is the inside of a Changed's record.Position. Times are Campaign's.
type horizon struct {
	Format   int    `json:"v"`
	Resource string `json:"resource"`
	// Complete is up to when everything was read; zero before the first poll has ended.
	Complete time.Time `json:"complete,omitzero"`
	// Started is when the poll under way began; zero between polls.
	Started time.Time `json:"started,omitzero"`
	// Cursor is the time of the last row of the poll under way, and Page counts its pages that share that time.
	Cursor time.Time `json:"cursor,omitzero"`
	Page   int       `json:"page,omitempty"`
	// Destinations is where the fields went of the rows that were read so far; positions of earlier releases do not say.
	Destinations map[string]string `json:"destinations,omitempty"`
	// Fresh are fields that the poll under way reads for the first time, or for another destination: they were not among what was
	// read until Complete.
	Fresh []string `json:"fresh,omitempty"`
}

func (h horizon) polling() bool { return !h.Started.IsZero() }

// from is the oldest change to ask for.
func (h horizon) from() time.Time {
	if h.Cursor.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return h.Cursor
}

// complete is the horizon when the poll under way has read everything.
func (h horizon) complete(overlap time.Duration) horizon {
	return horizon{Format: h.Format, Resource: h.Resource, Complete: h.Started.Add(-overlap), Destinations: h.Destinations}
}

// added are the fields that go where they did not go before.
func (h horizon) added(destinations map[string]string) []string {
	if len(h.Destinations) == 0 {
		return nil
	}
	var added []string
	for field, to := range destinations {
		if h.Destinations[field] != to {
			added = append(added, field)
		}
	}
	slices.Sort(added)
	return added
}

// again is the position from which a poll reads everything because of fields that were added.
func (h horizon) again(added []string) horizon {
	fresh := append(slices.Clone(added), h.Fresh...)
	slices.Sort(fresh)
	return horizon{Format: h.Format, Resource: h.Resource, Complete: h.Complete, Fresh: slices.Compact(fresh)}
}

func (h horizon) encode() (record.Position, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, fault.Wrap(fault.Fatal, err, "the read position of changed "+h.Resource+"s cannot be written")
	}
	return text, nil
}

// parseHorizon reads what encode wrote; nothing is the beginning.
func parseHorizon(resource string, text record.Position) (horizon, error) {
	if len(text) == 0 {
		return horizon{Format: horizonFormat, Resource: resource}, nil
	}
	bad := func(why string) error {
		return fault.New(fault.Fatal, fmt.Sprintf("the read position of changed %ss %s", resource, why))
	}
	var h horizon
	switch err := json.Unmarshal(text, &h); {
	case h.Format > horizonFormat:
		return h, bad(fmt.Sprintf("has format %d and this program knows %d; a newer program wrote it", h.Format, horizonFormat))
	case err != nil || h.Format < 1 || h.Page < 0:
		return h, bad("cannot be understood")
	case h.Resource != resource:
		return h, bad("belongs to another resource")
	}
	return h, nil
}
