// Command written measures where the knowledge of what was last written could live: memory and speed of each candidate
// at a number of keys. The figures are in docs/adr/0004-last-written.md.
//
// It is a module of its own, outside the workspace, so that the candidates that were not chosen stay out of the product:
//
//	GOWORK=off go run -C deploy/bench/written . -candidate table -keys 1000000
//
// Each run measures one candidate in a process of its own, in two phases. Filling puts all keys in, in random order, as
// fast as the candidate takes them. Using has 64 writers that do for a random key what a sink does: look the key up, and
// store another value such that a kill -9 right behind it does not lose it. Memory is what the kernel says of the
// process, anonymous and file-backed apart; a candidate that lives in the NATS server has the embedded server inside.
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// candidate is a place for fingerprints. Keys are GUIDs, values 8 bytes.
type candidate interface {
	// fill stores keys from..to, in batches of the candidate's own liking.
	fill(from, to uint64) error
	// swap looks a key up, reports whether it was there, and stores another value so that a kill -9 does not lose it.
	// It is called by many goroutines.
	swap(key [16]byte, value [8]byte) (bool, error)
	close() error
}

const writers = 64

func main() {
	name := flag.String("candidate", "table", "table, bbolt, pebble, pebble-sync or nats; sink measures what the table costs 64 writers over HTTP")
	keys := flag.Uint64("keys", 1_000_000, "how many keys")
	limit := flag.Duration("limit", 5*time.Minute, "how long filling may take; fewer keys are used when it is over")
	use := flag.Duration("use", 8*time.Second, "how long the 64 writers work")
	dir := flag.String("dir", "", "`folder` below which the data is kept while measuring")
	latency := flag.Duration("latency", 0, "of the destination, for sink")
	flag.Parse()
	if *name == "sink" {
		if err := benchSink(*dir, int(min(*keys, 40_000)), *latency); err != nil { //nolint:gosec // Small.
			fmt.Fprintln(os.Stderr, "written:", err)
			os.Exit(1)
		}
		return
	}
	if err := measure(*name, *keys, *limit, *use, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "written:", err)
		os.Exit(1)
	}
}

func measure(name string, keys uint64, limit, use time.Duration, dir string) error {
	folder, err := os.MkdirTemp(dir, "causeway-written-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	c, err := open(name, folder)
	if err != nil {
		return err
	}
	empty := memory()
	filled, rate, err := fill(c, keys, limit)
	if err != nil {
		return err
	}
	debug.FreeOSMemory()
	afterFill := memory()
	if b, isBus := c.(*bus); isBus {
		if err := b.synced(); err != nil {
			return err
		}
	}
	swaps, err := swapAll(c, filled, use)
	if err != nil {
		return err
	}
	afterUse := memory()
	closing := time.Now()
	if err := c.close(); err != nil {
		return err
	}
	fmt.Printf("%-12s keys %d  fill %.0f/s  use %.0f/s  empty %s  filled %s  used %s  peak %d MB  disk %d MB  closed in %.2f s  %s\n", name, filled, rate, swaps,
		empty, afterFill, afterUse, status("VmHWM:"), size(folder), time.Since(closing).Seconds(), runtime.Version())
	return nil
}

func fill(c candidate, keys uint64, limit time.Duration) (filled uint64, rate float64, err error) {
	began := time.Now()
	const step = 50_000
	for filled < keys && time.Since(began) < limit {
		to := min(filled+step, keys)
		if err := c.fill(filled, to); err != nil {
			return 0, 0, err
		}
		filled = to
	}
	return filled, float64(filled) / time.Since(began).Seconds(), nil
}

func swapAll(c candidate, keys uint64, use time.Duration) (float64, error) {
	var group sync.WaitGroup
	var done, missed atomic.Uint64
	var failed atomic.Pointer[error]
	began := time.Now()
	for w := range writers {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 1))
			for time.Since(began) < use {
				var value [8]byte
				binary.LittleEndian.PutUint64(value[:], random.Uint64())
				found, err := c.swap(key(random.Uint64N(keys)), value)
				if err != nil {
					failed.Store(&err)
					return
				}
				if !found {
					missed.Add(1)
				}
				done.Add(1)
			}
		})
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	if n := missed.Load(); n > 0 {
		return 0, fmt.Errorf("%d keys were not there", n)
	}
	return float64(done.Load()) / time.Since(began).Seconds(), nil
}

// key is the n-th GUID: as random as Dataverse's, and the same in every run.
func key(n uint64) (k [16]byte) {
	binary.LittleEndian.PutUint64(k[:8], mix(2*n+1))
	binary.LittleEndian.PutUint64(k[8:], mix(2*n+2))
	return k
}

// mix is splitmix64.
func mix(x uint64) uint64 {
	x *= 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func text(k [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", k[0:4], k[4:6], k[6:8], k[8:10], k[10:16])
}

// resident is a process's memory in MB.
type resident struct{ anon, file int }

func (r resident) String() string { return fmt.Sprintf("%d+%d MB", r.anon, r.file) }

func memory() resident { return resident{anon: status("RssAnon:"), file: status("RssFile:")} }

// status is a line of /proc/self/status, in MB.
func status(name string) int {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range lines(string(data)) {
		var kb int
		if n, _ := fmt.Sscanf(line, name+" %d kB", &kb); n == 1 {
			return kb >> 10
		}
	}
	return 0
}

// size is what a folder takes on the disk, in MB.
func size(dir string) int64 {
	var sum int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	})
	return sum >> 20
}
