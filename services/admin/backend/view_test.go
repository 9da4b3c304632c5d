package backend_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

// noon is now in these tests.
func noon() time.Time { return time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC) }

func ago(d time.Duration) time.Time { return noon().Add(-d) }

// heard is a heartbeat that arrived some time ago.
func heard(before time.Duration, instance string, role workflow.Role, status workflow.Status) backend.Seen {
	return backend.Seen{Received: ago(before), Heartbeat: workflow.Heartbeat{Workflow: workflow.Ingress, Instance: instance, Role: role,
		Status: status, Since: ago(time.Hour), StartedAt: ago(2 * time.Hour), At: ago(before)}}
}

// facts of an ingress that was told to start some time ago; negative for one that was told to stop, 0 for neither.
func facts(startedAgo time.Duration, seen ...backend.Seen) backend.Facts {
	f := backend.Facts{ID: workflow.Ingress, Desired: workflow.DesiredStopped, ListeningSince: ago(24 * time.Hour), Heartbeats: seen}
	switch {
	case startedAgo > 0:
		f.Desired, f.Command = workflow.DesiredRunning, workflow.Command{Seq: 1, Verb: workflow.Start, At: ago(startedAgo)}
	case startedAgo < 0:
		f.Command = workflow.Command{Seq: 1, Verb: workflow.Stop, At: ago(-startedAgo)}
	}
	return f
}

func because(s backend.Seen, reason string) backend.Seen { s.Reason = reason; return s }

// TestStatus visits every cell: what is desired, who is alive in which role and state, and for how long.
func TestStatus(t *testing.T) {
	const (
		active, standby = workflow.Active, workflow.Standby
		now             = time.Second
		silent          = 6 * time.Second
	)
	justListening := func(f backend.Facts) backend.Facts { f.ListeningSince = ago(time.Second); return f }
	unavailable := func(f backend.Facts) backend.Facts { f.Unavailable = "not part of this version yet"; return f }
	troubled := func(f backend.Facts) backend.Facts { f.Trouble = "NATS is away"; return f }
	paused := func(f backend.Facts) backend.Facts { f.PausedUntil = noon().Add(time.Minute); return f }
	replaced := heard(now, "new", active, workflow.Running)
	replaced.StartedAt = ago(time.Minute)

	for _, tc := range []struct {
		name   string
		facts  backend.Facts
		status workflow.Status
		reason string
		since  time.Time
	}{
		{"never started, nobody there", facts(0), workflow.Stopped, "no ingress service is alive", ago(24 * time.Hour)},
		{"stopped, nobody there", facts(-time.Minute), workflow.Stopped, "no ingress service is alive", ago(time.Minute)},
		{"stopped, nobody heard yet", justListening(facts(-time.Minute)), workflow.Stopped, "", ago(time.Minute)},
		{"stopped and not available", unavailable(facts(-time.Minute)), workflow.Stopped, "", ago(time.Minute)},
		{"stopped, on standby", facts(-time.Minute, heard(now, "a", standby, workflow.Stopped)), workflow.Stopped, "", ago(time.Hour)},
		{"stopped, as it says", facts(-time.Minute, heard(now, "a", active, workflow.Stopped)), workflow.Stopped, "", ago(time.Hour)},
		{"stopped, still running", facts(-time.Minute, heard(now, "a", active, workflow.Running)), workflow.Running, "asked to stop; it is finishing what it holds", ago(time.Hour)},
		{"stopped, still starting", facts(-time.Minute, heard(now, "a", active, workflow.Starting)), workflow.Starting, "asked to stop; it is finishing what it holds", ago(time.Hour)},
		{"stopped, failed with a cause", facts(-time.Minute, because(heard(now, "a", active, workflow.Failed), "token refused")), workflow.Failed, "token refused", ago(time.Hour)},
		{"stopped, was running, silent", facts(-time.Minute, heard(silent, "a", active, workflow.Running)), workflow.Stopped, "no ingress service is alive", ago(time.Minute)},

		{"started just now, nobody there", facts(now), workflow.Starting, "waiting for the ingress service: none is alive yet", ago(now)},
		{"started 30 s ago, nobody there", facts(30 * time.Second), workflow.Starting, "waiting for the ingress service: none is alive yet", ago(30 * time.Second)},
		{"started 31 s ago, nobody there", facts(31 * time.Second), workflow.Failed, "started at 2026-01-02 11:59:29 UTC, but no ingress service is alive: start its process", ago(time.Second)},
		{"started long ago, nobody heard yet", justListening(facts(time.Hour)), workflow.Starting, "waiting for the first heartbeat of its service", ago(time.Hour)},
		{"started and not available", unavailable(facts(time.Minute)), workflow.Failed, "not part of this version yet", ago(time.Minute)},

		{"started, not followed", facts(now, heard(now, "a", active, workflow.Stopped)), workflow.Stopped, "asked to start; it has not followed yet", ago(time.Hour)},
		{"started, starting", facts(now, heard(now, "a", active, workflow.Starting)), workflow.Starting, "", ago(time.Hour)},
		{"started, running", facts(time.Hour, heard(now, "a", active, workflow.Running)), workflow.Running, "", ago(time.Hour)},
		{"started, retrying", facts(time.Hour, because(heard(now, "a", active, workflow.Running), "retrying since 11:00")), workflow.Running, "retrying since 11:00", ago(time.Hour)},
		{"started, failed", facts(time.Hour, because(heard(now, "a", active, workflow.Failed), "no such table")), workflow.Failed, "no such table", ago(time.Hour)},
		{"started, heard 5 s ago", facts(time.Hour, heard(5*time.Second, "a", active, workflow.Running)), workflow.Running, "", ago(time.Hour)},
		{"started, heard 6 s ago", facts(time.Hour, heard(silent, "a", active, workflow.Running)), workflow.Failed, "no heartbeat since 2026-01-02 11:59:54 UTC (a)", ago(silent)},
		{"started after the last heartbeat", facts(now, heard(silent, "a", active, workflow.Stopped)), workflow.Starting, "waiting for the ingress service: none is alive yet", ago(now)},

		{"standby only, started just now", facts(now, heard(now, "b", standby, workflow.Stopped)), workflow.Starting, "waiting for an instance to become the active one", ago(now)},
		{"standby only, started long ago", facts(time.Minute, heard(now, "b", standby, workflow.Stopped)), workflow.Failed, "its service is alive on standby, but no instance has become the active one", ago(30 * time.Second)},
		{"standby only, with a cause", facts(time.Minute, because(heard(now, "b", standby, workflow.Failed), "the bus is not set up")), workflow.Failed, "the bus is not set up", ago(time.Hour)},
		{"active silent, standby there", facts(time.Hour, heard(silent, "a", active, workflow.Running), heard(now, "b", standby, workflow.Stopped)), workflow.Failed, "no heartbeat since 2026-01-02 11:59:54 UTC (a)", ago(silent)},
		{"active and standby", facts(time.Hour, heard(now, "b", standby, workflow.Stopped), heard(now, "a", active, workflow.Running)), workflow.Running, "", ago(time.Hour)},
		{"two say active: the newer process", facts(time.Hour, because(heard(now, "old", active, workflow.Failed), "fenced"), replaced), workflow.Running, "", ago(time.Hour)},

		{"trouble beside all is well", troubled(facts(time.Hour, heard(now, "a", active, workflow.Running))), workflow.Running, "NATS is away", ago(time.Hour)},
		{"trouble before its consequence", troubled(facts(time.Hour, heard(silent, "a", active, workflow.Running))), workflow.Failed, "NATS is away; no heartbeat since 2026-01-02 11:59:54 UTC (a)", ago(silent)},
		{"paused by an operator", paused(facts(time.Hour, heard(now, "a", active, workflow.Running))), workflow.Running, "an operator has paused the queue until 2026-01-02 12:01:00 UTC", ago(time.Hour)},
		{"paused and stopped", paused(facts(-time.Minute)), workflow.Stopped, "no ingress service is alive", ago(time.Minute)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := backend.View(tc.facts, noon())
			if v.Status != tc.status || v.Reason != tc.reason || !v.Since.Equal(tc.since) {
				t.Errorf("got  %s %q since %s\nwant %s %q since %s", v.Status, v.Reason, v.Since, tc.status, tc.reason, tc.since)
			}
			if v.Desired != tc.facts.Desired {
				t.Errorf("desired %s became %s (invariant 6)", tc.facts.Desired, v.Desired)
			}
		})
	}
}

func TestActions(t *testing.T) {
	yes := workflow.Action{Enabled: true}
	no := func(reason string) workflow.Action { return workflow.Action{Reason: reason} }
	seen := func(s workflow.Status) backend.Seen { return heard(time.Second, "a", workflow.Active, s) }
	empty := func(f backend.Facts) backend.Facts {
		f.Latest = backend.Stored{Number: 3, Document: []byte(`{"mappings":[]}`)}
		return f
	}
	broken := func(f backend.Facts) backend.Facts {
		f.Latest = backend.Stored{Number: 3, Document: []byte(`{"old":1}`)}
		return f
	}
	unavailable := func(f backend.Facts) backend.Facts { f.Unavailable = "not yet"; return f }
	const nothing = "no table is mapped: add a mapping first"
	const unreadable = "the stored configuration cannot be read: edit it and save it again"
	for _, tc := range []struct {
		name        string
		facts       backend.Facts
		start, stop workflow.Action
	}{
		{"never started", facts(0), yes, no("already stopped")},
		{"stopped", facts(-time.Minute, seen(workflow.Stopped)), yes, no("already stopped")},
		{"stopping", facts(-time.Second, seen(workflow.Running)), yes, no("already asked to stop")},
		{"not followed", facts(time.Second, seen(workflow.Stopped)), no("already started"), yes},
		{"starting", facts(time.Second, seen(workflow.Starting)), no("already started"), yes},
		{"running", facts(time.Hour, seen(workflow.Running)), no("already started"), yes},
		{"failed may be started again at once", facts(time.Hour, seen(workflow.Failed)), yes, yes},
		{"failed by silence", facts(time.Hour), yes, yes},
		{"nothing mapped", empty(facts(0)), no(nothing), no("already stopped")},
		{"nothing mapped any more, running", empty(facts(time.Hour, seen(workflow.Running))), no("already started"), yes},
		{"nothing mapped, failed", empty(facts(time.Hour, seen(workflow.Failed))), no(nothing), yes},
		{"a document of another release", broken(facts(0)), no(unreadable), no("already stopped")},
		{"not available", unavailable(facts(0)), no("not yet"), no("already stopped")},
		{"not available, started by hand", unavailable(facts(time.Hour)), no("not yet"), yes},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := workflow.Actions{Start: tc.start, Stop: tc.stop, Edit: yes}
			if diff := cmp.Diff(want, backend.View(tc.facts, noon()).Actions); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPendingChanges(t *testing.T) {
	doc := func(number uint64, deletes string) backend.Stored {
		return backend.Stored{Number: number, Document: []byte(`{"mappings":[{"table":"contact","applyDeletes":` + deletes + `}]}`)}
	}
	change := "mappings[contact].applyDeletes changed from true to false"
	lost := "it runs on revision 7, which is no longer kept; 8 is the latest"
	for _, tc := range []struct {
		name            string
		status          workflow.Status
		runs            uint64
		running, latest backend.Stored
		lost            bool
		want            []string
	}{
		{"up to date", workflow.Running, 7, doc(7, "true"), doc(7, "true"), false, nil},
		{"edited", workflow.Running, 7, doc(7, "true"), doc(8, "false"), false, []string{change}},
		{"edited and failed since", workflow.Failed, 7, doc(7, "true"), doc(8, "false"), false, []string{change}},
		{"edited and edited back", workflow.Running, 7, doc(7, "true"), doc(9, "true"), false, nil},
		{"stopped", workflow.Stopped, 7, doc(7, "true"), doc(8, "false"), false, nil},
		{"starting, nothing loaded yet", workflow.Starting, 0, backend.Stored{}, doc(8, "false"), false, nil},
		{"runs on the defaults", workflow.Running, 0, backend.Stored{}, backend.Stored{Number: 8, Document: []byte(`{"mappings":[]}`)}, false, []string{"mappings[contact] removed"}},
		{"not read yet", workflow.Running, 7, backend.Stored{}, doc(8, "false"), false, nil},
		{"no longer kept", workflow.Running, 7, backend.Stored{Number: 7}, doc(8, "false"), true, []string{lost}},
		{"cannot be compared", workflow.Running, 7, backend.Stored{Number: 7, Document: []byte("{")}, doc(8, "false"), false, []string{lost}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := heard(time.Second, "a", workflow.Active, tc.status)
			s.ConfigRevision = tc.runs
			f := facts(time.Hour, s)
			f.Running, f.Latest, f.RunningLost = tc.running, tc.latest, tc.lost
			v := backend.View(f, noon())
			if !slices.Equal(v.PendingChanges, tc.want) || v.RestartRequired != (len(tc.want) > 0) || v.PendingChanges == nil {
				t.Errorf("restart required %v: %q, want %q", v.RestartRequired, v.PendingChanges, tc.want)
			}
			if v.ConfigRevision != (workflow.RevisionPair{Running: tc.runs, Latest: tc.latest.Number}) {
				t.Errorf("revisions %+v", v.ConfigRevision)
			}
		})
	}
}

func TestNumbers(t *testing.T) {
	s := heard(time.Second, "a", workflow.Active, workflow.Running)
	s.Counters, s.Loads = workflow.Counters{Read: 5000, Written: 3000}, []workflow.Progress{{Source: "contact", Read: 5000, Expected: 10000}}
	f := facts(time.Hour, s)
	f.Backlog = workflow.BacklogDetail{Pending: 1200, InFlight: 30, Parked: 4}
	f.OldestAt, f.Failures = ago(90*time.Second+400*time.Millisecond), 3
	f.Rates = backend.Rates{Read: 12.34, Written: 9.99, Settled: 100}
	v := backend.View(f, noon())
	if v.Backlog != 1234 || v.OldestAgeSeconds != 90 || v.EtaSeconds != 13 || v.ReadPerSecond != 12.3 || v.WrittenPerSecond != 10 || v.Failures != 3 {
		t.Errorf("%+v", v)
	}
	if v.Counters.Read != 5000 || len(v.Loads) != 1 {
		t.Errorf("of the active instance: %+v %+v", v.Counters, v.Loads)
	}
	f.Backlog = workflow.BacklogDetail{}
	if v := backend.View(f, noon()); v.OldestAgeSeconds != 0 || v.EtaSeconds != 0 {
		t.Errorf("nothing waits, and yet %+v", v)
	}
}

func TestInstances(t *testing.T) {
	v := backend.View(facts(time.Hour,
		heard(8*time.Second, "dead", workflow.Active, workflow.Running),
		heard(time.Second, "b", workflow.Standby, workflow.Stopped),
		heard(time.Second, "a", workflow.Active, workflow.Running),
	), noon())
	var got []string
	for _, i := range v.Instances {
		alive := map[bool]string{true: "alive", false: "silent"}[i.Alive]
		got = append(got, strings.Join([]string{i.Instance, string(i.Role), string(i.Status), alive}, " "))
	}
	want := []string{"a active RUNNING alive", "b standby STOPPED alive", "dead active RUNNING silent"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestRunningNeedsProof: whatever is known, the status is one of the four words with a time, RUNNING only when the
// active instance says so now (invariant 8), and what is desired is never changed (invariant 6).
func TestRunningNeedsProof(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		started := time.Duration(rapid.IntRange(-100, 100).Draw(t, "started")) * time.Second
		f := facts(started)
		f.ListeningSince = ago(time.Duration(rapid.IntRange(0, 10).Draw(t, "listening")) * time.Second)
		f.Unavailable = rapid.SampledFrom([]string{"", "not yet"}).Draw(t, "unavailable")
		proof := false
		for i := range rapid.IntRange(0, 3).Draw(t, "instances") {
			s := heard(time.Duration(rapid.IntRange(0, 12).Draw(t, "age"))*time.Second, fmt.Sprint(i),
				rapid.SampledFrom([]workflow.Role{workflow.Active, workflow.Standby}).Draw(t, "role"),
				rapid.SampledFrom([]workflow.Status{workflow.Stopped, workflow.Starting, workflow.Running, workflow.Failed}).Draw(t, "status"))
			f.Heartbeats = append(f.Heartbeats, s)
			proof = proof || (s.Role == workflow.Active && s.Status == workflow.Running && noon().Sub(s.Received) <= 5*time.Second)
		}
		v := backend.View(f, noon())
		switch {
		case !v.Status.Valid() || v.Since.IsZero():
			t.Fatalf("%q since %s", v.Status, v.Since)
		case v.Status == workflow.Running && !proof:
			t.Fatal("RUNNING without proof")
		case v.Desired != f.Desired:
			t.Fatal("desired changed")
		case v.Actions.Start.Enabled && v.Actions.Start.Reason != "", !v.Actions.Start.Enabled && v.Actions.Start.Reason == "", !v.Actions.Stop.Enabled && v.Actions.Stop.Reason == "":
			t.Fatalf("a disabled action without a reason, or the other way round: %+v", v.Actions)
		}
	})
}
