package backend

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

func spoken(at time.Time, change func(*workflow.Heartbeat)) workflow.Heartbeat {
	hb := workflow.Heartbeat{Workflow: workflow.Ingress, Instance: "a", Role: workflow.Active, Status: workflow.Running, StartedAt: time.Unix(1000, 0), At: at}
	if change != nil {
		change(&hb)
	}
	return hb
}

// TestLateHeartbeatsAreFenced: the last word wins, not the last to arrive.
func TestLateHeartbeatsAreFenced(t *testing.T) {
	begin := time.Unix(2000, 0)
	for _, tc := range []struct {
		name    string
		next    workflow.Heartbeat
		arrives time.Duration
		taken   bool
	}{
		{"the next", spoken(begin.Add(time.Second), nil), time.Second, true},
		{"overtaken on the way", spoken(begin.Add(-time.Second), nil), time.Second, false},
		{"of the process before", spoken(begin.Add(time.Second), func(hb *workflow.Heartbeat) { hb.StartedAt = time.Unix(900, 0) }), time.Second, false},
		{"of the process after, with a slow clock", spoken(begin.Add(-time.Second), func(hb *workflow.Heartbeat) { hb.StartedAt = time.Unix(1999, 0) }), time.Second, true},
		{"clock set back, after a silence", spoken(begin.Add(-time.Hour), nil), 6 * time.Second, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRoll()
			if !r.note(spoken(begin, nil), begin) {
				t.Fatal("the first heartbeat told nothing new")
			}
			tc.next.Status = workflow.Failed
			if got := r.note(tc.next, begin.Add(tc.arrives)); got != tc.taken {
				t.Errorf("taken: %v, want %v", got, tc.taken)
			}
			if got := r.list(begin.Add(tc.arrives))[0].Status == workflow.Failed; got != tc.taken {
				t.Errorf("believed: %v, want %v", got, tc.taken)
			}
		})
	}
}

func TestOnlyNewsIsAnnounced(t *testing.T) {
	begin := time.Unix(2000, 0)
	r := newRoll()
	r.note(spoken(begin, nil), begin)
	next := func(seconds int, change func(*workflow.Heartbeat)) bool {
		at := begin.Add(time.Duration(seconds) * time.Second)
		return r.note(spoken(at, change), at)
	}
	if next(1, func(hb *workflow.Heartbeat) { hb.Counters.Read = 10 }) {
		t.Error("counters alone were news")
	}
	if !next(2, func(hb *workflow.Heartbeat) { hb.Reason = "retrying" }) {
		t.Error("a reason was no news")
	}
	if !next(20, func(hb *workflow.Heartbeat) { hb.Reason = "retrying" }) {
		t.Error("a voice after a silence was no news")
	}
}

// TestForgetting: instances that are gone leave the list, except the last active one, whom the reason names.
func TestForgetting(t *testing.T) {
	begin := time.Unix(2000, 0)
	r := newRoll()
	for name, role := range map[string]workflow.Role{"a": workflow.Active, "b": workflow.Standby} {
		r.note(spoken(begin, func(hb *workflow.Heartbeat) { hb.Instance, hb.Role = name, role }), begin)
	}
	if got := r.list(begin.Add(time.Minute)); len(got) != 2 {
		t.Errorf("after a minute: %d", len(got))
	}
	got := r.list(begin.Add(time.Hour))
	if len(got) != 1 || got[0].Instance != "a" || len(r.seen) != 1 {
		t.Errorf("after an hour: %+v", got)
	}
}

func TestRatesOverTenSeconds(t *testing.T) {
	var m meter
	begin := time.Unix(2000, 0)
	at := func(second int, read, written uint64) {
		m.add(spoken(begin.Add(time.Duration(second)*time.Second), func(hb *workflow.Heartbeat) {
			hb.Counters = workflow.Counters{Read: read, Written: written, Unchanged: written}
		}))
	}
	at(0, 0, 0)
	if got := m.rates(); got != (Rates{}) {
		t.Errorf("after one heartbeat: %+v", got)
	}
	for s := 1; s <= 30; s++ { // 100 a second at first, nothing in the last ten seconds.
		n := uint64(min(s, 20)) * 100
		at(s, n, n/2)
		if s == 15 {
			if got := m.rates(); got != (Rates{Read: 100, Written: 50, Settled: 100}) {
				t.Errorf("in the middle: %+v", got)
			}
		}
	}
	if got := m.rates(); got != (Rates{}) {
		t.Errorf("ten seconds after the last record: %+v", got)
	}
	if len(m.samples) > 12 {
		t.Errorf("%d samples are kept", len(m.samples))
	}
	at(31, 10, 5) // The counters began anew.
	if got := m.rates(); got != (Rates{}) {
		t.Errorf("across a restart: %+v", got)
	}
}

// TestRatesAreNeverNegative: whatever comes in whatever order.
func TestRatesAreNeverNegative(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m meter
		for range rapid.IntRange(0, 30).Draw(t, "n") {
			m.add(workflow.Heartbeat{
				Instance:  rapid.SampledFrom([]string{"a", "b"}).Draw(t, "instance"),
				StartedAt: time.Unix(rapid.Int64Range(0, 2).Draw(t, "started"), 0),
				At:        time.Unix(rapid.Int64Range(0, 100).Draw(t, "at"), 0),
				Counters:  workflow.Counters{Read: rapid.Uint64Range(0, 1000).Draw(t, "read"), Written: rapid.Uint64Range(0, 1000).Draw(t, "written")},
			})
		}
		if r := m.rates(); r.Read < 0 || r.Written < 0 || r.Settled < 0 || r.Read > 2000 {
			t.Fatalf("%+v", r)
		}
	})
}

// TestAFloodOfInstancesIsBounded, and makes room again when they are gone.
func TestAFloodOfInstancesIsBounded(t *testing.T) {
	begin := time.Unix(2000, 0)
	r := newRoll()
	for i := range 1000 {
		r.note(spoken(begin, func(hb *workflow.Heartbeat) { hb.Instance, hb.Role = fmt.Sprint(i), workflow.Standby }), begin)
	}
	if len(r.seen) != maxInstances {
		t.Errorf("%d are remembered", len(r.seen))
	}
	later := begin.Add(time.Hour)
	if !r.note(spoken(later, func(hb *workflow.Heartbeat) { hb.Instance = "late" }), later) || len(r.list(later)) != 1 {
		t.Errorf("no room for a new one: %d", len(r.seen))
	}
}
