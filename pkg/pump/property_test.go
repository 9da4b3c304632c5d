package pump_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

// story is what happens to a workflow: a sequence of steps, and what the remote systems answer on the way.
type story struct {
	steps        []step
	sink         []int // indices into sinkOutcomes, call by call; then all is well
	queue        []int // what becomes of pages: 0 stored, 1 refused, 2 stored and the answer lost, 3 full
	batchSize    int
	landsWhenCut bool
}

type step struct {
	kind string
	keys []string
	n    int
}

func (s step) String() string { return fmt.Sprintf("%s %v %d", s.kind, s.keys, s.n) }

var sinkOutcomes = []outcome{
	{landed: true},
	{landed: true, unchanged: true},
	{err: fault.New(fault.Transient, "connection refused")},
	{landed: true, err: fault.New(fault.Transient, "timed out after the write")},
	{err: fault.ThrottledFor(3*time.Second, "slow down")},
	{err: fault.New(fault.Rejected, "too long")},
}

func drawStory(rt *rapid.T) story {
	key := rapid.SampledFrom([]string{"a", "b", "c", "d"})
	steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
		s := step{kind: rapid.SampledFrom([]string{"edit", "edit", "edit", "wait", "wait", "stop", "crash", "kill server"}).Draw(rt, "kind")}
		switch s.kind {
		case "edit":
			s.keys = rapid.SliceOfN(key, 1, 8).Draw(rt, "keys")
		case "wait":
			s.n = rapid.SampledFrom([]int{1, 10, 25, 100, 1500, 60_000}).Draw(rt, "ms")
		case "crash", "kill server":
			s.n = rapid.IntRange(0, 12).Draw(rt, "forgotten")
		}
		return s
	}), 1, 40).Draw(rt, "steps")
	return story{
		steps:        steps,
		sink:         rapid.SliceOfN(rapid.IntRange(0, len(sinkOutcomes)-1), 0, 60).Draw(rt, "sink"),
		queue:        rapid.SliceOfN(rapid.IntRange(0, 3), 0, 20).Draw(rt, "queue"),
		batchSize:    rapid.IntRange(1, 3).Draw(rt, "batch size"),
		landsWhenCut: rapid.Bool().Draw(rt, "lands when cut"),
	}
}

// TestWhateverHappens: no older version ever lands over a newer one, and in the end the destination equals the source,
// but for what stands in the failures (invariants 1 to 4).
func TestWhateverHappens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawStory(rt)
		var wrong []string
		synctest.Test(t, func(t *testing.T) { wrong = s.play(t) })
		for _, what := range wrong {
			rt.Error(what)
		}
	})
}

func (s story) play(t *testing.T) []string {
	w := newWorld(t)
	w.cfg.InFlight, w.cfg.Window, w.cfg.BatchSize, w.cfg.MaxAttempts = 3, 8, s.batchSize, 3
	w.source.pageSize = 3
	w.dest.latency, w.dest.landsWhenCut = 20*time.Millisecond, s.landsWhenCut
	w.dest.answer = func(n int, _ record.Record) outcome {
		if n <= len(s.sink) {
			return sinkOutcomes[s.sink[n-1]]
		}
		return outcome{landed: true}
	}
	w.queue.appendFails = func(n int) (bool, error) {
		if n > len(s.queue) {
			return false, nil
		}
		return []bool{false, false, true, false}[s.queue[n-1]], []error{nil, transient(), transient(), fault.New(fault.QueueFull, "full")}[s.queue[n-1]]
	}
	w.start()
	for _, step := range s.steps {
		s.take(w, step)
	}
	quietly(time.Hour)
	var wrong []string
	if _, err := w.stop(); err != nil {
		wrong = append(wrong, fmt.Sprintf("the run ended with %v", err))
	}
	return append(wrong, s.verdict(w)...)
}

func (s story) take(w *world, step step) {
	switch step.kind {
	case "edit":
		w.source.edit(step.keys...)
	case "wait":
		quietly(time.Duration(step.n) * time.Millisecond)
	case "stop":
		w.mustStop()
		w.start()
	case "crash":
		w.queue.crash(step.n)
		w.stopWith(fault.New(fault.Fenced, "killed"))
		<-w.ended
		w.start()
	case "kill server":
		w.queue.killServer(step.n)
	}
}

func (s story) verdict(w *world) []string {
	wrong := w.dest.faults
	if n := w.queue.backlog(); n != 0 {
		wrong = append(wrong, fmt.Sprintf("%d records wait for ever", n))
	}
	failed := map[string]int64{}
	for _, f := range w.queue.failed() {
		failed[f.Key] = max(failed[f.Key], f.Version)
	}
	newest := map[string]int64{}
	for _, r := range w.source.edits {
		newest[r.Key] = r.Version
	}
	for key, version := range newest {
		if w.dest.version(key) != version && failed[key] != version {
			wrong = append(wrong, fmt.Sprintf("%s is at version %d at the source, %d at the destination, %d among the failures",
				key, version, w.dest.version(key), failed[key]))
		}
	}
	return wrong
}
