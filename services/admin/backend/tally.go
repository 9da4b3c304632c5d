package backend

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// tally is what a workflow has used of the remote systems by day, as it is stored. Heartbeats tell sums since a process
// started; the tally holds the last sum that it has counted of each process, beside the totals and stored with them, so
// that whoever counts next, after a restart or beside another, counts what is new and nothing twice.
//
// Two things are not known: what a process used in the moments in which no admin service lived and that it did not live to
// tell, and on which side of midnight it used what was told only afterwards; that counts for the new day.
type tally struct {
	// Day is the UTC day of Used.
	Day  string            `json:"day"`
	Used map[string]uint64 `json:"used"`
	// Before is earlier days, newest first.
	Before []dayTally `json:"before,omitempty"`
	// Seen is what was counted of each process, by its name and the time of its start.
	Seen map[string]seenUsage `json:"seen,omitempty"`
}

type dayTally struct {
	Day  string            `json:"day"`
	Used map[string]uint64 `json:"used"`
}

type seenUsage struct {
	At   time.Time         `json:"at"` // when it was last heard
	Used map[string]uint64 `json:"used"`
}

const (
	tallyDays = 31
	// A process that was not heard for so long is gone; of more than so many the longest silent are forgotten.
	forgetProcess = 48 * time.Hour
	maxProcesses  = 300
)

// lifeOf names one life of a process.
func lifeOf(hb workflow.Heartbeat) string {
	return hb.Instance + " " + strconv.FormatInt(hb.StartedAt.UnixMilli(), 10)
}

// readTally reads a stored tally; one that cannot be read is a new one.
func readTally(data []byte) tally {
	var t tally
	if json.Unmarshal(data, &t) != nil {
		return tally{}
	}
	return t
}

// with is the tally after what processes have told, and whether it says anything else than before. The tally that it is
// called on stays as it is.
func (t tally) with(heard map[string]Seen, now time.Time) (tally, bool) {
	next := tally{Day: t.Day, Used: maps.Clone(t.Used), Before: t.Before, Seen: maps.Clone(t.Seen)}
	changed := next.turn(now)
	if next.Used == nil {
		next.Used = map[string]uint64{}
	}
	if next.Seen == nil {
		next.Seen = map[string]seenUsage{}
	}
	for life, told := range heard {
		known := next.Seen[life]
		counted := maps.Clone(known.Used)
		if counted == nil {
			counted = map[string]uint64{}
		}
		for _, system := range []string{workflow.UsesCampaign, workflow.UsesDynamics} {
			if sum := told.Usage[system]; sum > counted[system] { // One that was overtaken on its way tells less, and nothing new.
				next.Used[system] += sum - counted[system]
				counted[system] = sum
				changed = true
			}
		}
		if len(told.Usage) > 0 {
			next.Seen[life] = seenUsage{At: later(known.At, told.Received.UTC().Truncate(time.Second)), Used: counted}
		}
	}
	next.forget()
	return next, changed
}

// turn begins a new day. A clock that is behind that of another admin service does not turn back.
func (t *tally) turn(now time.Time) bool {
	today := now.UTC().Format(time.DateOnly)
	if today <= t.Day {
		return false
	}
	if t.Day != "" {
		t.Before = append([]dayTally{{Day: t.Day, Used: t.Used}}, t.Before[:min(len(t.Before), tallyDays-1)]...)
	}
	fresh := t.Day == "" // Nothing was counted before either: not worth a write.
	t.Day, t.Used = today, nil
	return !fresh
}

// forget drops processes that are gone: others were heard long after them. The time of day says nothing, for while no
// admin service lived nobody was heard.
func (t *tally) forget() {
	var newest time.Time
	for _, s := range t.Seen {
		newest = later(newest, s.At)
	}
	maps.DeleteFunc(t.Seen, func(_ string, s seenUsage) bool { return newest.Sub(s.At) > forgetProcess })
	if len(t.Seen) <= maxProcesses {
		return
	}
	lives := slices.SortedFunc(maps.Keys(t.Seen), func(a, b string) int {
		return cmp.Or(t.Seen[a].At.Compare(t.Seen[b].At), cmp.Compare(a, b))
	})
	for _, life := range lives[:len(lives)-maxProcesses] {
		delete(t.Seen, life)
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
