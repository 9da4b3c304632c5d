package pump

import (
	"cmp"
	"slices"
	"time"

	"github.com/causeway-sync/causeway/pkg/record"
)

// task is the newest waiting version of one key, with the older ones that it contains: they share its outcome.
type task struct {
	record.Delivery
	older []record.Delivery

	// attempts counts writes that failed for passing reasons, throttling not among them; writtenBefore and failedBefore
	// are what pace had counted when the first of them failed.
	attempts                    int
	writtenBefore, failedBefore uint64
	// troubled is set by the first failure of any kind.
	troubled bool
	// refusal is set when the record is not for the sink: it belongs to the failures, or to the parked ones, and is not there
	// yet.
	refusal *refusal
	// cause is that of a record that stands among the failures, empty where that was to be expected.
	cause string
}

// refusal is why a record will not be written, or not now.
type refusal struct {
	park     bool // it waits for another record
	expected bool // it says nothing about the others
	reason   string
	attempts int
	delays   int // how often the failures could not be reached
}

// deliveries lists everything that shares the task's outcome.
func (t *task) deliveries() []record.Delivery { return append(slices.Clip(t.older), t.Delivery) }

func (t *task) holds(seq uint64) bool {
	return t.Seq == seq || slices.ContainsFunc(t.older, func(d record.Delivery) bool { return d.Seq == seq })
}

// replace makes a newer delivery the one to write.
func (t *task) replace(d record.Delivery) {
	t.older = append(t.older, t.Delivery)
	whole := t.whole()
	t.Delivery = d
	t.contain(whole)
}

// whole reports whether a version has to be written with all its fields: a row of a full read, and one that was deleted
// and is there again.
func (t *task) whole() bool { return t.Snapshot || t.Op == record.Delete }

// contain makes the newest version say what an older one that it replaces would have said.
func (t *task) contain(whole bool) {
	t.Snapshot = t.Snapshot || whole && t.Op == record.Upsert
}

// inherit takes over an older task of the same key, with what its failures have taught.
func (t *task) inherit(old *task) {
	t.older = append(t.older, old.deliveries()...)
	t.contain(old.whole())
	t.attempts, t.writtenBefore, t.failedBefore, t.troubled = old.attempts, old.writtenBefore, old.failedBefore, old.troubled
}

// lane is the queue of one key: at most one version is being written or waits to be tried again, and at most one, the
// newest, waits behind it (invariant 4).
type lane struct {
	current *task
	next    *task
}

func (l *lane) newest() *task {
	if l.next != nil {
		return l.next
	}
	return l.current
}

func (l *lane) holds(seq uint64) bool {
	return l.current.holds(seq) || l.next != nil && l.next.holds(seq)
}

// laneKey names a lane. A broken record has no key to order it by, and independent ones need no order: each is a lane of its
// own, named by its place.
type laneKey struct {
	source, key string
	alone       uint64
}

func (l *lanes) keyOf(d record.Delivery) laneKey {
	if d.Broken != nil || l.independent {
		return laneKey{alone: d.Seq}
	}
	return laneKey{source: d.Source, key: d.Key}
}

// lanes holds every key that has an unsettled record, and the tasks that are ready to be written. The writer guards it.
type lanes struct {
	byKey   map[laneKey]*lane
	ready   []*task
	since   time.Time // the oldest of ready has waited since then
	held    int       // deliveries taken and not settled
	settled *memory
	// independent says that no record contains another.
	independent bool
}

func newLanes(independent bool) *lanes {
	return &lanes{byKey: map[laneKey]*lane{}, settled: newMemory(), independent: independent}
}

// verdict says what to do with a delivery that has just been taken.
type verdict int

const (
	taken    verdict = iota // it has its place in a lane
	repeated                // it is in a lane already: leave it alone
	done                    // it, or a newer version, was settled in this run: acknowledge it (again)
)

// take puts a delivery into its lane.
func (l *lanes) take(d record.Delivery) verdict {
	key := l.keyOf(d)
	if l.settled.reaches(key, d.Seq) { // invariant 4: an acknowledgement was lost, or the queue has delivered out of order.
		return done
	}
	at, waiting := l.byKey[key]
	switch {
	case !waiting:
		t := &task{Delivery: d}
		l.byKey[key] = &lane{current: t}
		l.offer(t)
	case at.holds(d.Seq):
		return repeated
	case d.Seq < at.newest().Seq: // invariant 4: it comes late, and the newer version contains it.
		at.newest().older = append(at.newest().older, d)
	case at.next == nil:
		at.next = &task{Delivery: d}
	default:
		at.next.replace(d)
	}
	l.held++
	return taken
}

// offer makes a task ready to be written.
func (l *lanes) offer(t *task) {
	if len(l.ready) == 0 {
		l.since = time.Now()
	}
	l.ready = append(l.ready, t)
}

// pop takes up to limit ready tasks, each of another key.
func (l *lanes) pop(limit int) []*task {
	n := min(limit, len(l.ready))
	batch := slices.Clone(l.ready[:n])
	clear(l.ready[:n])
	l.ready = l.ready[n:]
	l.since = time.Now()
	return batch
}

// finish ends a task whose outcome is known, makes the version behind it ready, and returns what is settled by it.
func (l *lanes) finish(t *task) []record.Delivery {
	settled := t.deliveries()
	l.held -= len(settled)
	key := l.keyOf(t.Delivery)
	l.settled.add(key, t.Seq)
	at := l.byKey[key]
	if at.next == nil {
		delete(l.byKey, key)
		return settled
	}
	at.current, at.next = at.next, nil
	l.offer(at.current)
	return settled
}

// again makes a failed task ready. A version that came meanwhile takes its place: the older one need not be written. A
// refused one keeps it, and goes to the failures first.
func (l *lanes) again(t *task) {
	at := l.byKey[l.keyOf(t.Delivery)]
	if at.next != nil && t.refusal == nil {
		at.next.inherit(t)
		at.current, at.next = at.next, nil
	}
	l.offer(at.current)
}

// all lists every delivery that is held, in the order of the queue.
func (l *lanes) all() []record.Delivery {
	held := make([]record.Delivery, 0, l.held)
	for _, at := range l.byKey {
		held = append(held, at.current.deliveries()...)
		if at.next != nil {
			held = append(held, at.next.deliveries()...)
		}
	}
	slices.SortFunc(held, func(a, b record.Delivery) int { return cmp.Compare(a.Seq, b.Seq) })
	return held
}
