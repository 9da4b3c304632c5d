package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// row is one budget and what became of it.
type row struct {
	Name string  `json:"name"`
	Unit string  `json:"unit"`
	Ours float64 `json:"ours"`
	Raw  float64 `json:"raw"`
	// Ratio is ours to raw, pair by pair where both were measured more than once.
	Ratio float64 `json:"ratio"`
	// Spread is how far the raw loop's measurements lie apart, of their median: what the machine alone does.
	Spread float64 `json:"spread"`
	// OursCPU and RawCPU are microseconds of processor time a record, of the whole process: server, queue and both ends. They
	// say more than the rates where others use the machine too.
	OursCPU float64 `json:"oursCPU"`
	RawCPU  float64 `json:"rawCPU"`
	Budget  string  `json:"budget"`
	OK      bool    `json:"ok"`
	// How says what exactly was measured.
	How string `json:"how"`
}

type report struct {
	CPUs    int     `json:"cpus"`
	Go      string  `json:"go"`
	Quick   bool    `json:"quick"`
	Seconds float64 `json:"seconds"`
	Rows    []row   `json:"rows"`
}

// measure makes one measurement: records a second.
type measure func(ctx context.Context) (float64, error)

// alternate measures raw, ours, raw, ours, ..., raw, of n records each. A machine that grows slower while it is measured then slows both,
// and the raw loop's difference from itself is seen beside its difference from ours.
func alternate(ctx context.Context, n, rounds int, raw, ours measure) (row, error) {
	var raws, own, ratios, rawCPU, ownCPU []float64
	take := func(m measure, list, cpu *[]float64) error {
		before := cpuTime()
		value, err := m(ctx)
		*list, *cpu = append(*list, value), append(*cpu, float64((cpuTime()-before).Microseconds())/float64(n))
		return err
	}
	if err := take(raw, &raws, &rawCPU); err != nil {
		return row{}, fmt.Errorf("raw loop: %w", err)
	}
	for i := range rounds {
		if err := take(ours, &own, &ownCPU); err != nil {
			return row{}, fmt.Errorf("ours: %w", err)
		}
		if err := take(raw, &raws, &rawCPU); err != nil {
			return row{}, fmt.Errorf("raw loop: %w", err)
		}
		ratios = append(ratios, own[i]/((raws[i]+raws[i+1])/2))
	}
	middle := median(raws)
	return row{Unit: "records/s", Ours: median(own), Raw: middle, Ratio: median(ratios), Spread: (slices.Max(raws) - slices.Min(raws)) / middle,
		OursCPU: median(ownCPU), RawCPU: median(rawCPU)}, nil
}

// cpuTime is what this process has used so far.
func cpuTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// atLeast judges a row by its ratio.
func (r row) atLeast(budget float64) row {
	r.Budget = fmt.Sprintf("ratio >= %.2f", budget)
	r.OK = r.Ratio >= budget
	return r
}

func (r row) named(name, how string) row {
	r.Name, r.How = name, how
	return r
}

// printTable prints a line a row, and below the table how each was measured.
func printTable(out io.Writer, rows []row) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "BUDGET\tOURS\tRAW\tUNIT\tRATIO\tRAW SPREAD\tCPU OURS\tCPU RAW\tLIMIT\t")
	for _, r := range rows {
		verdict := "ok"
		if !r.OK {
			verdict = "MISSED"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, figure(r.Ours), figure(r.Raw), r.Unit, ratio(r.Ratio), percent(r.Spread),
			figure(r.OursCPU), figure(r.RawCPU), r.Budget, verdict)
	}
	_ = table.Flush()
	fmt.Fprintln(out, "\nRATIO: pair by pair. RAW SPREAD: of the raw loop against itself. CPU: microseconds a record, server and both ends.")
	for _, r := range rows {
		fmt.Fprintf(out, "%s: %s\n", r.Name, r.How)
	}
}

// figure writes a number with thousands apart; nothing for one that was not measured.
func figure(v float64) string {
	switch {
	case v == 0:
		return "-"
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	digits := fmt.Sprintf("%.0f", v)
	var parts []string
	for len(digits) > 3 {
		parts = append([]string{digits[len(digits)-3:]}, parts...)
		digits = digits[:len(digits)-3]
	}
	return strings.Join(append([]string{digits}, parts...), ",")
}

func ratio(v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", v)
}

func percent(v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100*v)
}
