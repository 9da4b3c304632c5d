package backend

import (
	"fmt"
	"sort"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// tracer makes of what was found what it means.
type tracer struct {
	found    bus.Found
	refusals []workflow.Failure
	samples  []workflow.Sample
}

// steps tells of every sighting and every refusal, in no order.
func (t tracer) steps() []TraceStep {
	steps := []TraceStep{}
	refused := map[uint64]workflow.Failure{}
	for _, f := range t.refusals {
		refused[f.StreamSeq] = f
	}
	for _, one := range t.found.Sightings {
		step := TraceStep{At: one.QueuedAt, Source: one.Source, Op: one.Op, Version: one.Version, FullRead: one.Snapshot, Seq: one.Seq, ReadAt: utc(one.ReadAt),
			Reason: one.Reason, DueAt: one.DueAt}
		switch one.Kind {
		case bus.SeenParked:
			step.State = TraceParked
		case bus.SeenRetry:
			step.State = TraceRetry
		default:
			if _, ok := refused[one.Seq]; ok { // Told by the refusal.
				continue
			}
			t.place(one, &step)
		}
		steps = append(steps, step)
	}
	for _, f := range t.refusals[max(0, len(t.refusals)-maxTold):] {
		steps = append(steps, TraceStep{State: TraceRejected, At: f.LastAt.UTC(), Source: f.Source, Op: f.Op, Seq: f.StreamSeq, Reason: f.Reason, Failure: f.Seq})
	}
	return steps
}

// place says where a record of the queue is. The writer's ack floor tells settled from unsettled; what it was handed stands
// in front of what was delivered.
func (t tracer) place(one bus.Sighting, step *TraceStep) {
	step.Newer = t.newer(one)
	switch {
	case one.Seq > t.found.Delivered:
		step.State = TraceWaiting
	case one.Seq > t.found.AckFloor:
		step.State = TraceInFlight
	case t.wasPutAside(one):
		step.State, step.Newer = TraceAside, 0
	default:
		step.State = TraceSettled
		step.SettledAfter, step.SettledBy = t.settled(one)
		if step.Newer > 0 && !t.mayHaveMet(one, step) {
			step.Newer = 0
		}
	}
}

// newer is the next version of the same record in the queue, 0 where there is none.
func (t tracer) newer(one bus.Sighting) uint64 {
	next := uint64(0)
	for _, other := range t.found.Sightings {
		if other.Kind == bus.SeenRecord && other.Source == one.Source && other.Seq > one.Seq && (next == 0 || other.Seq < next) {
			next = other.Seq
		}
	}
	return next
}

// mayHaveMet reports whether a newer version was queued before the older one is known to have been settled.
func (t tracer) mayHaveMet(one bus.Sighting, step *TraceStep) bool {
	if step.SettledBy.IsZero() {
		return true
	}
	for _, other := range t.found.Sightings {
		if other.Seq == step.Newer {
			return other.QueuedAt.Before(step.SettledBy)
		}
	}
	return false
}

// wasPutAside reports whether a record left the queue to wait for another: it stands among the parked ones, or has come back
// from there, which counts how often it has waited.
func (t tracer) wasPutAside(one bus.Sighting) bool {
	next := bus.Sighting{}
	for _, other := range t.found.Sightings {
		if other.Source == one.Source && other.Seq > one.Seq && other.Kind != bus.SeenRetry && (next.Seq == 0 || other.Seq < next.Seq) {
			next = other
		}
	}
	return next.Seq > 0 && next.Waits == one.Waits+1
}

// settled is between which times a settled record became so. The samples of the trend tell the writer's ack floor of each
// minute.
func (t tracer) settled(one bus.Sighting) (after, by time.Time) {
	after = one.QueuedAt
	at := sort.Search(len(t.samples), func(i int) bool { return t.samples[i].At.After(one.QueuedAt) && t.samples[i].Settled >= one.Seq })
	if at < len(t.samples) {
		by = t.samples[at].At.UTC()
	}
	if at > 0 && t.samples[at-1].At.After(after) {
		after = t.samples[at-1].At.UTC()
	}
	return after, by
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}

// sentence says what a step means.
func (s TraceStep) sentence() string {
	switch s.State {
	case TraceWaiting:
		text := fmt.Sprintf("waits in the queue, in place %s", Count(s.Place))
		if s.Place == 0 {
			text = "waits in the queue"
		}
		if s.Newer > 0 {
			text += fmt.Sprintf("; a newer version stands behind it (%d), and the two are written as one where they meet", s.Newer)
		}
		return text
	case TraceInFlight:
		return "is in the writer's hands"
	case TraceParked:
		return "waits for another record; it is looked at again at about " + Clock(s.DueAt)
	case TraceRetry:
		return "is to be read again at its source"
	case TraceAside:
		return "was put aside to wait for another record"
	case TraceRejected:
		return "was rejected"
	case TraceDecided:
		return "opt-in or opt-out: " + s.Reason
	}
	text := "is settled: it was written, there was nothing to write, or it was rejected and has been dropped since"
	if s.Newer > 0 {
		text = fmt.Sprintf("is settled: it was written, or contained in the newer version %d", s.Newer)
	}
	if !s.SettledBy.IsZero() {
		text += fmt.Sprintf(", between %s and %s", Clock(s.SettledAfter), Clock(s.SettledBy))
	}
	return text
}

// summary is where the record is now: what is still to happen goes before what has happened.
func (w WorkflowTrace) summary() string {
	if len(w.Steps) == 0 {
		switch {
		case w.Search.Of == 0:
			return "nothing is known of it; no record is kept"
		case w.Search.Complete:
			return "nothing is known of it: it is not in the queue, and nothing of it was queued as far back as records are kept"
		default:
			return "nothing of it was found as far as the search went"
		}
	}
	for _, state := range []TraceState{TraceInFlight, TraceWaiting, TraceParked, TraceRetry} {
		for _, step := range w.Steps {
			if step.State == state {
				return "it " + step.sentence()
			}
		}
	}
	return "it " + w.Steps[0].sentence()
}
