package backend

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// life is a process that tells what it has used.
func life(instance string, started time.Time, campaign uint64) workflow.Heartbeat {
	return workflow.Heartbeat{Instance: instance, StartedAt: started, Usage: map[string]uint64{"campaign": campaign, "dynamics": 2 * campaign}}
}

func heardAt(now time.Time, beats ...workflow.Heartbeat) map[string]Seen {
	heard := map[string]Seen{}
	for _, hb := range beats {
		heard[lifeOf(hb)] = Seen{Heartbeat: hb, Received: now}
	}
	return heard
}

// TestTallyCountsWhatIsNew: sums since a start become a day's total, across restarts, late words and midnight.
func TestTallyCountsWhatIsNew(t *testing.T) {
	var now tally
	steps := []struct {
		name    string
		at      time.Duration
		beats   []workflow.Heartbeat
		want    uint64
		changed bool
	}{
		{"the first word", 0, []workflow.Heartbeat{life("a", noon, 10)}, 10, true},
		{"the same again", time.Second, []workflow.Heartbeat{life("a", noon, 10)}, 10, false},
		{"more", 2 * time.Second, []workflow.Heartbeat{life("a", noon, 15)}, 15, true},
		{"a late word", 3 * time.Second, []workflow.Heartbeat{life("a", noon, 12)}, 15, false},
		{"restarted under its name", time.Minute, []workflow.Heartbeat{life("a", noon.Add(time.Minute), 4)}, 19, true},
		{"the former life, late", time.Minute, []workflow.Heartbeat{life("a", noon, 16), life("a", noon.Add(time.Minute), 4)}, 20, true},
		{"a second instance", time.Hour, []workflow.Heartbeat{life("b", noon, 100), life("a", noon.Add(time.Minute), 4)}, 120, true},
		{"a clock that was set back", -time.Hour, []workflow.Heartbeat{life("b", noon, 101)}, 121, true},
		{"the next day", 13 * time.Hour, []workflow.Heartbeat{life("b", noon, 108)}, 7, true},
		{"another admin's clock, a day behind", time.Hour, []workflow.Heartbeat{life("b", noon, 109)}, 8, true},
		{"nobody", 14 * time.Hour, nil, 8, false},
	}
	for _, s := range steps {
		next, changed := now.with(heardAt(noon.Add(s.at), s.beats...), noon.Add(s.at))
		if next.Used["campaign"] != s.want || next.Used["dynamics"] != 2*s.want || changed != s.changed {
			t.Errorf("%s: %v, changed %v; want %d, %v", s.name, next.Used, changed, s.want, s.changed)
		}
		data, err := json.Marshal(next)
		if err != nil {
			t.Fatal(err)
		}
		now = readTally(data)
	}
	if len(now.Before) != 1 || now.Before[0].Day != "2026-03-01" || now.Before[0].Used["campaign"] != 121 || now.Day != "2026-03-02" {
		t.Errorf("earlier days %+v", now.Before)
	}
	const days = 72 * time.Hour
	if gone, _ := now.with(heardAt(noon.Add(days), life("c", noon.Add(days), 1)), noon.Add(days)); len(gone.Seen) != 1 {
		t.Errorf("processes that are gone: %v", gone.Seen)
	}
	// No admin service lived for days, and the process did.
	back, _ := now.with(nil, noon.Add(days))
	back, _ = back.with(heardAt(noon.Add(days), life("b", noon, 115)), noon.Add(days))
	if back.Used["campaign"] != 6 {
		t.Errorf("counted %d of a process that was known, want 6: %+v", back.Used["campaign"], back)
	}
}

// TestTallyStaysSmall whatever is published.
func TestTallyStaysSmall(t *testing.T) {
	now := tally{Before: make([]dayTally, 50), Day: "2026-02-01"}
	for i := range 500 {
		now, _ = now.with(heardAt(noon.Add(time.Duration(i)*time.Second), life(fmt.Sprint(i), noon, 1)), noon)
	}
	if _, kept := now.Seen[lifeOf(life("499", noon, 0))]; len(now.Seen) != maxProcesses || !kept || len(now.Before) != tallyDays || now.Used["campaign"] != 500 {
		t.Errorf("%d processes, %d days, %v", len(now.Seen), len(now.Before), now.Used)
	}
}

// TestTallyOfTwoAdmins: whoever stores, in whatever order, and whichever words each has heard, the total is what was used.
func TestTallyOfTwoAdmins(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		stored, revision := tally{}, 0
		admins := make([]map[string]Seen, 2)
		sums, ended := map[string]uint64{}, uint64(0)
		started := noon
		for range 60 {
			if random.IntN(10) == 0 { // The process is restarted; both have heard its last word.
				for i := range admins {
					admins[i] = mergedSeen(admins[i], heardAt(noon, life("a", started, sums["a"])))
				}
				ended += sums["a"]
				sums["a"], started = 0, started.Add(time.Second)
			}
			sums["a"] += random.Uint64N(5)
			who := random.IntN(2)
			admins[who] = mergedSeen(admins[who], heardAt(noon, life("a", started, sums["a"])))
			// The two may work on the same revision: then the second one is refused.
			based, on := stored, revision
			if next, changed := based.with(admins[who], noon); changed && on == revision {
				stored, revision = next, revision+1
			}
		}
		final, _ := stored.with(mergedSeen(admins[0], heardAt(noon, life("a", started, sums["a"]))), noon)
		if want := ended + sums["a"]; final.Used["campaign"] != want {
			t.Fatalf("seed %d: counted %d, used %d", seed, final.Used["campaign"], want)
		}
	}
}

func mergedSeen(a, b map[string]Seen) map[string]Seen {
	all := map[string]Seen{}
	for _, m := range []map[string]Seen{a, b} {
		for life, s := range m {
			all[life] = s
		}
	}
	return all
}
