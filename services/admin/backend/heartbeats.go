package backend

import (
	"time"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

const (
	// forgetAfter is how long a silent instance stays in the list.
	forgetAfter = time.Minute
	// maxInstances bounds what is remembered, whatever is published.
	maxInstances = 100
	// rateWindow is how far back rates look.
	rateWindow = 10 * time.Second
)

// roll is who was heard of one workflow: the last word of each instance, and how fast the active one works. It is not
// safe for concurrent use.
type roll struct {
	seen  map[string]Seen
	meter meter
}

func newRoll() *roll { return &roll{seen: map[string]Seen{}} }

// note takes a heartbeat and reports whether it tells something new about who runs in which state. A late one, of a
// process that has since been replaced or that was overtaken on the way, is dropped.
func (r *roll) note(hb workflow.Heartbeat, now time.Time) (changed bool) {
	last, known := r.seen[hb.Instance]
	if known && late(hb, last, now) || !known && len(r.seen) >= maxInstances && len(r.list(now)) >= maxInstances {
		return false
	}
	r.seen[hb.Instance] = Seen{Heartbeat: hb, Received: now}
	if hb.Role == workflow.Active {
		r.meter.add(hb)
	}
	return !known || !last.alive(now) || last.Role != hb.Role || last.Status != hb.Status || last.Reason != hb.Reason ||
		last.ConfigRevision != hb.ConfigRevision
}

// late reports whether hb was said before the last one. One that has been silent for so long that it counts as gone is
// believed whatever its clock says: the clock may have been set back.
func late(hb workflow.Heartbeat, last Seen, now time.Time) bool {
	if hb.StartedAt.Equal(last.StartedAt) {
		return hb.At.Before(last.At) && last.alive(now)
	}
	return hb.StartedAt.Before(last.StartedAt) && last.alive(now)
}

// list is every instance heard lately. The newest active one is kept however long it has been silent, so that the
// reason can name it.
func (r *roll) list(now time.Time) []Seen {
	all := make([]Seen, 0, len(r.seen))
	for _, s := range r.seen {
		all = append(all, s)
	}
	last := newest(all, func(s Seen) bool { return s.Role == workflow.Active })
	kept := all[:0:0]
	for _, s := range all {
		if now.Sub(s.Received) <= forgetAfter || (last != nil && s.Instance == last.Instance) {
			kept = append(kept, s)
		} else {
			delete(r.seen, s.Instance)
		}
	}
	return kept
}

// meter makes rates of one process's counters.
type meter struct {
	instance  string
	startedAt time.Time
	samples   []sample
}

type sample struct {
	at       time.Time
	counters workflow.Counters
}

// add takes what the active instance says. Counters of another process begin anew.
func (m *meter) add(hb workflow.Heartbeat) {
	if m.instance != hb.Instance || !m.startedAt.Equal(hb.StartedAt) || m.backwards(hb) {
		*m = meter{instance: hb.Instance, startedAt: hb.StartedAt}
	}
	m.samples = append(m.samples, sample{at: hb.At, counters: hb.Counters})
	first := 0
	for first < len(m.samples)-2 && hb.At.Sub(m.samples[first].at) > rateWindow {
		first++
	}
	m.samples = append(m.samples[:0:0], m.samples[first:]...)
}

// backwards reports whether hb's clock or counters went back: nothing can be computed across that.
func (m *meter) backwards(hb workflow.Heartbeat) bool {
	if len(m.samples) == 0 {
		return false
	}
	last := m.samples[len(m.samples)-1]
	return hb.At.Before(last.at) || hb.Counters.Read < last.counters.Read || hb.Counters.Settled() < last.counters.Settled()
}

// rates averages over the window; zero until half a second has been seen.
func (m *meter) rates() Rates {
	if len(m.samples) < 2 {
		return Rates{}
	}
	first, last := m.samples[0], m.samples[len(m.samples)-1]
	seconds := last.at.Sub(first.at).Seconds()
	if seconds < 0.5 {
		return Rates{}
	}
	perSecond := func(before, after uint64) float64 {
		if after < before {
			return 0
		}
		return float64(after-before) / seconds
	}
	return Rates{
		Read:    perSecond(first.counters.Read, last.counters.Read),
		Written: perSecond(first.counters.Written, last.counters.Written),
		Settled: perSecond(first.counters.Settled(), last.counters.Settled()),
	}
}
