package exportfile

import "time"

// watch remembers since when files stand still.
type watch map[string]watched

type watched struct {
	entry
	// since is when it was first seen as it is, restless since when it has been moving without a rest.
	since, restless time.Time
	// calm is true when it has come to rest.
	calm bool
}

// What a file does.
type motion int

const (
	moving  motion = iota // it may still be written
	stuck                 // it is still being written after all patience
	settled               // it stands still
)

// observe notes how a file stands now.
func (w watch) observe(e entry, now time.Time, settle, patience time.Duration) motion {
	known, ok := w[e.name]
	if !ok || known.entry != e {
		if !ok || known.calm {
			known.restless = now
		}
		known = watched{entry: e, since: now, restless: known.restless}
	}
	known.calm = now.Sub(known.since) >= settle
	w[e.name] = known
	switch {
	case known.calm:
		return settled
	case now.Sub(known.restless) >= patience:
		return stuck
	}
	return moving
}

// rested is how long a file has stood as it is.
func (w watch) rested(name string, now time.Time) time.Duration { return now.Sub(w[name].since) }

// keep forgets all files but these.
func (w watch) keep(entries []entry) {
	here := make(map[string]bool, len(entries))
	for _, e := range entries {
		here[e.name] = true
	}
	for name := range w {
		if !here[name] {
			delete(w, name)
		}
	}
}

// hold is why a file is not opened for now.
type hold struct {
	entry
	why string
	// until is when to try again, zero for when the file changes.
	until time.Time
	// blocks: those behind it wait as well.
	blocks bool
}

func (h hold) holds(e entry, now time.Time) bool {
	return h.entry == e && (h.until.IsZero() || now.Before(h.until))
}

// forgetHolds forgets all holds but of these files as they stand.
func (s *Source) forgetHolds(entries []entry) {
	here := make(map[string]entry, len(entries))
	for _, e := range entries {
		here[e.name] = e
	}
	for name, h := range s.held {
		if e, ok := here[name]; !ok || h.entry != e {
			delete(s.held, name)
		}
	}
}
