// Command bench measures the budgets of the product's design: each is a row with what the product reaches, what a raw loop
// over the same bus reaches in the same run, their ratio and the budget.
//
// It uses the product's own parts: the embedded server that syncs every write to a real folder, the queue and the pump.
// Figures are absolute only in appearance: the machine and its neighbours are in them. Read the ratios, and the spread of
// the raw loop against itself beside them. A missed budget is printed as MISSED and is no error of this program.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"
)

func main() {
	if os.Getenv(envChild) != "" {
		exit(runChild(context.Background()))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	quick := flag.Bool("quick", false, "small sizes: shows that the benchmark works, and little more")
	asJSON := flag.Bool("json", false, "print JSON instead of a table")
	only := flag.String("only", "", "measure only the `groups` named, comma-separated: "+strings.Join(groupNames(), ", "))
	dir := flag.String("dir", "", "`folder` below which the queues are kept while measuring; default: the system's temporary one")
	profile := flag.String("cpuprofile", "", "write a CPU profile of this process to a `file`")
	flag.Parse()
	stopProfile, err := startProfile(*profile)
	if err != nil {
		exit(err)
	}
	began := time.Now()
	rows, err := measureAll(ctx, *only, *dir, sizesFor(*quick))
	stopProfile()
	if err != nil {
		exit(err)
	}
	if *asJSON {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		exit(out.Encode(report{CPUs: runtime.NumCPU(), Go: runtime.Version(), Quick: *quick, Seconds: time.Since(began).Seconds(), Rows: rows}))
	}
	printTable(os.Stdout, rows)
	fmt.Printf("\n%s on %d CPUs, %s%s\n", runtime.Version(), runtime.NumCPU(), time.Since(began).Round(time.Second), map[bool]string{true: ", quick: not a measurement"}[*quick])
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func startProfile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); _ = file.Close() }, nil
}

// sizes are how much is measured.
type sizes struct {
	rounds  int // measurements of ours; the raw loop has one more
	reader  int // records
	writer  int
	http    int
	latency int
	egress  int   // events
	memory  []int // queued records
	drain   time.Duration
}

func sizesFor(quick bool) sizes {
	if quick {
		return sizes{rounds: 1, reader: 20_000, writer: 30_000, http: 8_000, latency: 2_560, egress: 5_000, memory: []int{5_000, 20_000}, drain: 3 * time.Second}
	}
	return sizes{rounds: 4, reader: 80_000, writer: 200_000, http: 40_000, latency: 9_600, egress: 50_000,
		memory: []int{10_000, 100_000, 1_000_000}, drain: 25 * time.Second}
}

// group is some rows that are measured together.
type group struct {
	name string
	run  func(ctx context.Context, dir string, s sizes) ([]row, error)
}

func groups() []group {
	return []group{{"reader", benchReader}, {"writer", benchWriter}, {"http", benchHTTP}, {"latency", benchLatency}, {"egress", benchEgress}, {"memory", benchMemory}}
}

func groupNames() []string {
	var names []string
	for _, g := range groups() {
		names = append(names, g.name)
	}
	return names
}

// measureAll runs the groups that are wanted, each in a folder of its own that is gone afterwards.
func measureAll(ctx context.Context, only, dir string, s sizes) ([]row, error) {
	wanted := map[string]bool{}
	for _, name := range strings.FieldsFunc(only, func(r rune) bool { return r == ',' }) {
		wanted[name] = true
	}
	var rows []row
	for _, g := range groups() {
		if len(wanted) > 0 && !wanted[g.name] {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring: %s\n", g.name)
		list, err := inFolder(dir, func(folder string) ([]row, error) { return g.run(ctx, folder, s) })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g.name, err)
		}
		rows = append(rows, list...)
	}
	return rows, nil
}

func inFolder(dir string, work func(folder string) ([]row, error)) ([]row, error) {
	folder, err := os.MkdirTemp(dir, "causeway-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	return work(folder)
}
