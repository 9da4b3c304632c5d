package dynamics

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// positionFormat is the version of the JSON below. A position of a newer version comes from a newer program; to guess
// at it could lose records.
const positionFormat = 1

// phase is what a Source is doing:
//
//	load --last page--> overlap --no row left--> sweep --no candidate left--> changes --expired--> load
//
// Without KnownKeys there is no sweep.
type phase string

const (
	phaseLoad    phase = "load"
	phaseOverlap phase = "overlap"
	phaseSweep   phase = "sweep"
	phaseChanges phase = "changes"
)

// position is the inside of a record.Position.
type position struct {
	Format int    `json:"v"`
	Table  string `json:"table"`
	// Columns and Formatted are what the links below select; no columns means all.
	Columns   []string `json:"columns,omitempty"`
	Formatted bool     `json:"formatted,omitempty"`
	// Destinations is where the rows went that were read so far; positions of earlier releases do not say.
	Destinations []string `json:"destinations,omitempty"`
	Phase        phase    `json:"phase"`
	// Link is the next page of the phase, empty for its first.
	Link string `json:"link,omitempty"`
	// Delta is the change link that the load ended with, later the one whose pages are being read.
	Delta string `json:"delta,omitempty"`
	// Started is when the load began, by the server's clock.
	Started time.Time `json:"started,omitzero"`
	// Read and Expected count the rows of the load.
	Read     int64 `json:"read,omitempty"`
	Expected int64 `json:"expected,omitempty"`
	// Held names an answer that is held in memory and of which Offset items have been handed over. A program that does
	// not hold it any more asks for it again and begins at its first item.
	Held   string `json:"held,omitempty"`
	Offset int    `json:"offset,omitempty"`
}

// added is the first destination that the position does not know: what was read before has not gone there. It is empty where there is
// none, and for a position of a release that did not note them.
func (p position) added(destinations []string) string {
	if len(p.Destinations) == 0 {
		return ""
	}
	for _, one := range destinations {
		if !slices.Contains(p.Destinations, one) {
			return one
		}
	}
	return ""
}

func (p position) encode() (record.Position, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, fault.Wrap(fault.Fatal, err, "the read position of "+p.Table+" cannot be written")
	}
	return text, nil
}

// parsePosition reads what encode wrote.
func parsePosition(table string, text record.Position) (position, error) {
	var p position
	bad := func(why string) error {
		return fault.New(fault.Fatal, fmt.Sprintf("the read position of %s %s; request a replay of the table to read it again from the beginning", table, why))
	}
	var version struct {
		Format int `json:"v"`
	}
	switch err := json.Unmarshal(text, &version); {
	case err != nil || version.Format < 1:
		return p, bad("cannot be understood")
	case version.Format > positionFormat:
		return p, bad(fmt.Sprintf("has format %d and this program knows %d; a newer program wrote it", version.Format, positionFormat))
	case json.Unmarshal(text, &p) != nil:
		return p, bad("cannot be understood")
	case p.Table != table:
		return p, bad("belongs to another table")
	case p.Offset < 0 || !slices.Contains([]phase{phaseLoad, phaseOverlap, phaseSweep, phaseChanges}, p.Phase):
		return p, bad("names a state that does not exist")
	case p.Phase != phaseLoad && p.Delta == "":
		return p, bad("lacks the change link")
	}
	return p, nil
}
