package main

import (
	"context"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain lets this binary be its own child, as the program is.
func TestMain(m *testing.M) {
	if os.Getenv(envChild) != "" {
		exit(runChild(context.Background()))
	}
	os.Exit(m.Run())
}

// Every row is measured, in small, with the real parts.
func TestEveryRow(t *testing.T) {
	tiny := sizes{rounds: 1, reader: 3_000, writer: 3_000, http: 1_000, latency: 256, egress: 1_000, memory: []int{3_000, 6_000}, drain: time.Second}
	rows, err := measureAll(t.Context(), "", t.TempDir(), tiny)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	printTable(&table, rows)
	for _, r := range rows {
		if r.Name == "" || r.How == "" || r.Budget == "" || !(r.Ours > 0) || !(r.Raw > 0) || math.IsInf(r.Ratio, 0) || !(r.Ratio > 0) {
			t.Errorf("row is incomplete: %+v", r)
		}
		if !strings.Contains(table.String(), r.Name) {
			t.Errorf("%q is not in the table", r.Name)
		}
	}
	for _, name := range groupNames() {
		if name == "" {
			t.Error("a group without a name")
		}
	}
}

// The ratio compares neighbours: a machine that grows slower all the time does not make ours look worse.
func TestAlternate(t *testing.T) {
	speed := 1000.0
	slowing := func(factor float64) measure {
		return func(context.Context) (float64, error) { speed -= 100; return speed * factor, nil }
	}
	r, err := alternate(t.Context(), 1, 3, slowing(1), slowing(0.5))
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(r.Ratio-0.5) > 1e-9 {
		t.Errorf("ratio = %v", r.Ratio)
	}
	if r.Raw != 600 || math.Abs(r.Spread-1) > 1e-9 { // 900, 700, 500, 300: the machine, not the loop.
		t.Errorf("raw = %v, spread %v", r.Raw, r.Spread)
	}
	if r.atLeast(0.51).OK || !r.atLeast(0.49).OK {
		t.Error("the budget is judged wrongly")
	}
}

func TestJudgeMemory(t *testing.T) {
	small := footprint{records: 10, fillRate: 100, queued: 50, drainRate: 100, earlier: 60, later: 60}
	for name, c := range map[string]struct {
		large  footprint
		missed string // part of the name of the only row that is missed
	}{
		"good":        {footprint{records: 1000, fillRate: 90, queued: 60, drainRate: 95, earlier: 60, later: 61}, ""},
		"slow reads":  {footprint{records: 1000, fillRate: 70, queued: 60, drainRate: 95, earlier: 60, later: 61}, "time to queue"},
		"slow writes": {footprint{records: 1000, fillRate: 90, queued: 60, drainRate: 75, earlier: 60, later: 61}, "time to write"},
		"leak":        {footprint{records: 1000, fillRate: 90, queued: 60, drainRate: 95, earlier: 60, later: 190}, "while draining"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range judge([]footprint{small, c.large}, 40) {
				if missed := c.missed != "" && strings.Contains(r.Name, c.missed); r.OK == missed {
					t.Errorf("%s: ok = %v", r.Name, r.OK)
				}
			}
		})
	}
}

func TestFigures(t *testing.T) {
	for want, value := range map[string]float64{"-": 0, "1.5": 1.5, "999": 999, "1,000": 1000, "1,234,567": 1234567} {
		if got := figure(value); got != want {
			t.Errorf("figure(%v) = %s, want %s", value, got, want)
		}
	}
	if got := statusMB("Name:\tx\nVmHWM:\t    4096 kB\nVmRSS:\t    2048 kB\n", "VmRSS:"); got != 2 {
		t.Errorf("VmRSS = %v MB", got)
	}
	if got := statusMB("VmRSS: many\n", "VmRSS:"); got != 0 {
		t.Errorf("nonsense is read as %v MB", got)
	}
}

func TestBodyAndKeys(t *testing.T) {
	if n := len(body()); n != bodySize {
		t.Errorf("a body has %d bytes", n)
	}
	seen := map[string]bool{}
	for _, r := range page(0, 2000, body()) {
		if err := r.Validate(); err != nil {
			t.Fatal(err)
		}
		if seen[r.Key] {
			t.Fatalf("key %s comes twice", r.Key)
		}
		seen[r.Key] = true
	}
}
