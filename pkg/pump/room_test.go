package pump

import (
	"fmt"
	"testing"

	"github.com/causeway-sync/causeway/pkg/record"
)

func delivered(seq uint64) record.Delivery {
	return record.Delivery{Record: record.Record{Source: "contact", Key: fmt.Sprint(seq)}, Seq: seq}
}

// A full window is filled again in strides while there is something to write, and record by record when there is not.
func TestRoomIsUsedInStrides(t *testing.T) {
	w := newWriter(New(Config{Window: 80}, &Counters{}), nil, nil)
	for seq := range uint64(80) {
		w.lanes.take(delivered(seq + 1))
	}
	if w.roomyLocked() {
		t.Error("there is room in a full window")
	}
	for freed := 1; freed <= 10; freed++ {
		w.lanes.finish(w.lanes.pop(1)[0])
		if got, want := w.roomyLocked(), freed >= 10; got != want {
			t.Errorf("%d of 80 settled: room = %v", freed, got)
		}
	}
	w.lanes.take(delivered(100))
	held := w.lanes.pop(80)
	if len(held) != 71 || !w.roomyLocked() {
		t.Errorf("%d are being written and none is ready: the room is not used", len(held))
	}
}

// A window smaller than a stride is used whole.
func TestRoomOfASmallWindow(t *testing.T) {
	w := newWriter(New(Config{Window: 2}, &Counters{}), nil, nil)
	w.lanes.take(delivered(1))
	if !w.roomyLocked() {
		t.Error("one of two places is free, and not used")
	}
	w.lanes.take(delivered(2))
	if w.roomyLocked() {
		t.Error("there is room in a full window")
	}
}

// Places that come out of order are remembered as those that come in order are.
func TestMemoryReaches(t *testing.T) {
	m := newMemory()
	a, b := laneKey{source: "contact", key: "a"}, laneKey{source: "contact", key: "b"}
	m.add(a, 9)
	m.add(b, 5)
	m.add(a, 3)
	for _, c := range []struct {
		key  laneKey
		seq  uint64
		want bool
	}{{a, 9, true}, {a, 3, true}, {a, 10, false}, {b, 5, true}, {b, 6, false}, {laneKey{key: "c"}, 1, false}} {
		if got := m.reaches(c.key, c.seq); got != c.want {
			t.Errorf("reaches(%s, %d) = %v", c.key.key, c.seq, got)
		}
	}
}
