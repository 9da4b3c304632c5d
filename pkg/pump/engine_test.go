package pump

import (
	"slices"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
)

func delivery(key string, seq uint64) record.Delivery {
	return record.Delivery{Record: record.Record{Source: "contact", Key: key}, Seq: seq}
}

func TestMemoryKeepsAtLeastAGeneration(t *testing.T) {
	m := newMemory()
	for seq := uint64(1); seq <= 5*generation; seq++ {
		m.add(laneKey{key: string(rune(seq))}, seq)
		if seq > generation && m.newest(laneKey{key: string(rune(seq - generation + 1))}) == 0 {
			t.Fatalf("the key %d places behind is forgotten", generation-1)
		}
	}
	if n := len(m.recent) + len(m.earlier); n > 2*generation {
		t.Errorf("%d keys are remembered", n)
	}
	key := laneKey{source: "contact", key: "a"}
	m.add(key, 9)
	m.add(key, 7)
	if m.newest(key) != 9 || m.newest(laneKey{source: "account", key: "a"}) != 0 {
		t.Errorf("newest = %d, of another source's %d", m.newest(key), m.newest(laneKey{source: "account", key: "a"}))
	}
}

func TestLanesHoldEveryDeliveryOnce(t *testing.T) {
	l := newLanes(false)
	for _, tc := range []struct {
		d    record.Delivery
		want verdict
		held int
	}{
		{delivery("a", 1), taken, 1},
		{delivery("a", 1), repeated, 1},
		{delivery("a", 5), taken, 2},
		{delivery("a", 3), taken, 3}, // Late: the version that waits contains it.
		{delivery("a", 3), repeated, 3},
		{delivery("b", 4), taken, 4},
		{delivery("a", 7), taken, 5},
		{delivery("a", 5), repeated, 5},
	} {
		if got := l.take(tc.d); got != tc.want || l.held != tc.held {
			t.Errorf("take %s at %d: verdict %d, held %d; want %d, %d", tc.d.Key, tc.d.Seq, got, l.held, tc.want, tc.held)
		}
	}
	if all := l.all(); len(all) != 5 || !slices.IsSortedFunc(all, func(a, b record.Delivery) int { return int(a.Seq) - int(b.Seq) }) {
		t.Errorf("all = %v", all)
	}
	batch := l.pop(10)
	if len(batch) != 2 || batch[0].Seq != 1 || batch[1].Seq != 4 {
		t.Fatalf("ready: %v", batch)
	}
	l.finish(batch[0])
	next := l.pop(10)
	if len(next) != 1 || next[0].Seq != 7 || len(next[0].deliveries()) != 3 {
		t.Fatalf("behind the first version: %v", next)
	}
	l.finish(next[0])
	l.finish(batch[1])
	if l.held != 0 || len(l.byKey) != 0 {
		t.Errorf("held %d, lanes %d", l.held, len(l.byKey))
	}
	for _, d := range []record.Delivery{delivery("a", 7), delivery("a", 2), delivery("b", 4)} {
		if l.take(d) != done {
			t.Errorf("%s at %d is taken again", d.Key, d.Seq)
		}
	}
}

func TestPauseDoublesWithinItsBounds(t *testing.T) {
	for attempt, want := 0, firstPause; attempt < 100; attempt, want = attempt+1, min(2*want, lastPause) {
		if got := pause(attempt, nil); got < want || got > want*6/5 {
			t.Errorf("pause %d = %v, want %v and at most a fifth more", attempt, got, want)
		}
	}
	if got := pause(0, fault.ThrottledFor(time.Hour, "")); got != time.Hour {
		t.Errorf("the remote asked for an hour, the pause is %v", got)
	}
}

// TestPoisonIsToldFromAnOutage for every mix of failures and successes around a record that always fails.
func TestPoisonIsToldFromAnOutage(t *testing.T) {
	for name, tc := range map[string]struct {
		writtenBetween, failedBetween int
		want                          bool
	}{
		"others succeed":       {writtenBetween: 5, want: true},
		"nothing else happens": {want: false},
		"all fail":             {failedBetween: 5, want: false},
		"half fail":            {writtenBetween: 5, failedBetween: 5, want: false},
		"a few fail":           {writtenBetween: 50, failedBetween: 4, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := &pace{inFlight: 4, maxAttempts: 12}
			poison, now := &task{}, time.Now()
			for range 12 {
				p.failure(poison, true, now)
				for range tc.failedBetween {
					p.failure(&task{}, true, now)
				}
				if tc.writtenBetween > 0 {
					p.success(tc.writtenBetween)
				}
				if poison.attempts < 12 && p.poisoned(poison) {
					t.Fatalf("poisoned after %d attempts", poison.attempts)
				}
			}
			if got := p.poisoned(poison); got != tc.want {
				t.Errorf("poisoned = %v, want %v", got, tc.want)
			}
		})
	}
}
