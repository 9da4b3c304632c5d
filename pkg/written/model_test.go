package written_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/written"
)

// TestNeverAWrongUnchanged: whatever is written, with outcomes that stay unknown, killed between any two steps, by
// several instances in turn, across power cuts, damage, broken disks, restored copies and a bus that fails: a row that is
// called unchanged stands at the destination as it was asked for.
func TestNeverAWrongUnchanged(t *testing.T) {
	skipped := 0
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		defer w.end()
		t.Repeat(map[string]func(*rapid.T){
			"write":   w.writes,
			"write 2": w.writes, // As often as all that follows together.
			"write 3": w.writes,
			"write 4": w.writes,
			"write 5": w.writes,
			"write 6": w.writes,
			"remove":  w.remove,
			"kill":    func(*rapid.T) { w.kill() },
			"stop":    func(*rapid.T) { w.stop() },
			"power":   w.powerCut,
			"take":    w.takeOver,
			"damage":  w.damage,
			"break":   w.breakFiles,
			"ignore":  w.ignore,
			"copy":    w.copyFolder,
			"restore": w.restoreFolder,
			"":        func(*rapid.T) {},
		})
		skipped += w.skipped
	})
	if skipped == 0 {
		t.Error("no row was ever called unchanged: the test shows nothing")
	}
}

// errKilled is the panic of a process that is killed in the middle of a call.
var errKilled = errors.New("killed")

// world is one destination, one bus, and three instances of which one is active: two with a folder, one without.
type world struct {
	root     string
	rows     map[string]map[string]any // the destination
	replay   map[string]bool           // rows that have to be written whatever is known of them
	bus      *owners
	folders  []string
	active   int
	store    *written.Store // of the active one; nil when it is not running
	boot     int
	images   map[string]map[string][]byte // folder → what was on the disk for sure at some time
	closed   map[string]bool              // folders that were closed in order: all of them is on the disk
	copies   []folderCopy
	random   *rand.Rand
	skipped  int
	lives    int  // rows made so far
	unstable bool // the bus fails now and then
}

type folderCopy struct {
	folder string
	files  map[string][]byte
	names  int // that the bus had seen when it was made
}

func newWorld(t *rapid.T) *world {
	shm := "/dev/shm" // Where it exists syncs cost nothing; the model has a disk of its own (images).
	if _, err := os.Stat(shm); err != nil {
		shm = ""
	}
	root, err := os.MkdirTemp(shm, "written-model-")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{root: root, rows: map[string]map[string]any{}, replay: map[string]bool{}, images: map[string]map[string][]byte{}, closed: map[string]bool{},
		random: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), unstable: rapid.Bool().Draw(t, "unstable bus")}
	w.folders = []string{filepath.Join(root, "one"), filepath.Join(root, "two"), ""}
	w.bus = &owners{}
	return w
}

func (w *world) end() {
	w.kill()
	_ = os.RemoveAll(w.root)
}

// running starts the active instance's run, if it can be.
func (w *world) running(t *rapid.T) bool {
	if w.store != nil {
		return true
	}
	w.bus.fails(w.unstable && w.random.IntN(4) == 0, w.random.IntN(2) == 0)
	w.closed[w.folders[w.active]] = false
	store, err := written.Open(t.Context(), written.OnBoot(written.Config{Dir: w.folders[w.active], Destination: "d", Owners: w.bus, Guard: func() error { return nil }},
		fmt.Sprint("boot ", w.boot)))
	w.bus.fails(false, false)
	if err != nil && !fault.Is(err, fault.Transient) {
		t.Fatalf("open: %v", err)
	}
	if err == nil {
		w.store = store
	}
	return err == nil
}

// row draws a row as a change brings it (b only when it is made) or as a full read does.
func row(t *rapid.T) written.Row {
	r := written.Row{Resource: "profile", KeyField: "id", Key: fmt.Sprint("k", rapid.IntRange(0, 1).Draw(t, "key"))}
	a, b := rapid.IntRange(0, 1).Draw(t, "a"), rapid.IntRange(0, 1).Draw(t, "b")
	if rapid.Bool().Draw(t, "full read") {
		r.Fields, r.LikelyNew = map[string]any{"a": a, "b": b}, true
	} else {
		r.Fields, r.OnCreate = map[string]any{"a": a}, map[string]any{"b": b}
	}
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		return written.Row{Resource: "account", KeyField: "id", Key: parent, Fields: map[string]any{"a": a}}
	case 1, 2:
		r.Links = []written.Link{{Field: "up", Resource: "account", Key: parent}}
	}
	return r
}

// parent is the key of the one account; a profile that links to it holds the account's life, or nil.
const parent = "p"

// writes is a few in a row: faults are rare beside them, as they are in life.
func (w *world) writes(t *rapid.T) {
	for range rapid.IntRange(1, 12).Draw(t, "writes") {
		if w.running(t) {
			w.write(t)
		}
	}
}

func (w *world) write(t *rapid.T) {
	r := row(t)
	how := rapid.SampledFrom([]string{"ok", "ok", "ok", "refused", "timeout", "killed before", "killed after"}).Draw(t, "outcome")
	w.bus.fails(w.unstable && w.random.IntN(4) == 0, w.random.IntN(2) == 0)
	defer w.bus.fails(false, false)
	w.survive(func() {
		unchanged, err := w.store.Write(t.Context(), r, func(bool) (bool, error) {
			if len(r.Links) > 0 && w.rows[parent] == nil {
				return false, fault.New(fault.Transient, "waits for its account")
			}
			return w.effect(how, func() bool {
				old, exists := w.rows[r.Key]
				fresh := maps.Clone(old)
				if !exists {
					fresh = maps.Clone(r.OnCreate)
				}
				if fresh == nil {
					fresh = map[string]any{}
				}
				maps.Copy(fresh, r.Fields)
				if !exists {
					w.lives++
					fresh["life"] = w.lives
				}
				fresh["up"] = nil
				if len(r.Links) > 0 {
					fresh["up"] = w.rows[parent]["life"]
				}
				w.rows[r.Key] = fresh
				return !exists
			})
		})
		switch {
		case unchanged:
			w.skipped++
			w.checkUnchanged(t, r)
		case err == nil:
			delete(w.replay, r.Key)
		}
	})
}

func (w *world) checkUnchanged(t *rapid.T, r written.Row) {
	if w.replay[r.Key] {
		t.Fatalf("%s was not written although everything had to be", r.Key)
	}
	now, exists := w.rows[r.Key]
	if !exists {
		t.Fatalf("%s is not there, and was called unchanged", r.Key)
	}
	if len(r.Links) > 0 && (w.rows[parent] == nil || now["up"] != w.rows[parent]["life"]) {
		t.Fatalf("%s links to life %v of its account, which is %v, and was called unchanged", r.Key, now["up"], w.rows[parent])
	}
	for name, value := range r.Fields {
		if !reflect.DeepEqual(now[name], value) {
			t.Fatalf("%s holds %v, was to hold %v, and was called unchanged", r.Key, now, r.Fields)
		}
	}
}

func (w *world) remove(t *rapid.T) {
	if !w.running(t) {
		return
	}
	gone := row(t)
	key := gone.Key
	how := rapid.SampledFrom([]string{"ok", "refused", "timeout", "killed before", "killed after"}).Draw(t, "outcome")
	w.survive(func() {
		err := w.store.Remove(t.Context(), gone.Resource, key, func() error {
			_, err := w.effect(how, func() bool { delete(w.rows, key); return true })
			return err
		})
		if err == nil {
			delete(w.replay, key)
		}
	})
}

func (w *world) effect(how string, happen func() bool) (bool, error) {
	switch how {
	case "refused":
		return false, fault.New(fault.Rejected, "refused")
	case "killed before":
		panic(errKilled)
	}
	created := happen()
	switch how {
	case "timeout":
		return false, fault.New(fault.Transient, "timed out, and happened")
	case "killed after":
		panic(errKilled)
	}
	return created, nil
}

// survive runs a step of the active instance, which may be killed in it.
func (w *world) survive(step func()) {
	defer func() {
		switch dead := recover(); dead {
		case nil:
		case errKilled:
			w.kill()
		default:
			panic(dead)
		}
	}()
	step()
}

func (w *world) kill() {
	if w.store != nil {
		if w.random.IntN(3) == 0 { // The kernel brings files to the disk when it likes.
			w.keepImage(w.folders[w.active])
		}
		w.store.Crash()
		w.store = nil
	}
}

func (w *world) stop() {
	if w.store != nil {
		w.store.Close()
		w.store = nil
		w.keepImage(w.folders[w.active])
		w.closed[w.folders[w.active]] = true
	}
}

// keepImage notes what the disk may hold of a folder from now on.
func (w *world) keepImage(folder string) {
	if folder != "" {
		w.images[folder] = readFolder(folder)
	}
}

// powerCut kills the machine: of every file that was not synced since, the disk holds some older bytes.
func (w *world) powerCut(t *rapid.T) {
	w.kill()
	w.boot++
	for _, folder := range w.folders[:2] {
		now := readFolder(folder)
		for _, name := range slices.Sorted(maps.Keys(now)) {
			if name != written.MarkerName && !w.closed[folder] {
				writeFile(t, folder, name, w.mixed(w.images[folder][name], now[name]))
			}
		}
	}
}

// mixed is a file of which some slots were brought to the disk.
func (w *world) mixed(old, now []byte) []byte {
	if len(old) != len(now) {
		old = make([]byte, len(now))
	}
	mix := slices.Clone(now)
	for i := 0; i+16 <= len(mix); i += 16 {
		if w.random.IntN(2) == 0 {
			copy(mix[i:i+16], old[i:i+16])
		}
	}
	return mix
}

func (w *world) takeOver(t *rapid.T) {
	if rapid.Bool().Draw(t, "killed") {
		w.kill()
	} else {
		w.stop()
	}
	w.active = rapid.IntRange(0, 2).Draw(t, "instance")
}

func (w *world) damage(t *rapid.T) {
	w.kill()
	folder := w.folders[rapid.IntRange(0, 1).Draw(t, "folder")]
	files := readFolder(folder)
	if len(files) == 0 {
		return
	}
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(files))).Draw(t, "file")
	data := files[name]
	switch rapid.IntRange(0, 3).Draw(t, "damage") {
	case 0:
		_ = os.Remove(filepath.Join(folder, name))
	case 1:
		writeFile(t, folder, name, data[:len(data)/2])
	case 2:
		writeFile(t, folder, name, append(slices.Clone(data), 'x'))
	default:
		noise := slices.Clone(data)
		for range 20 {
			if len(noise) > 0 {
				noise[w.random.IntN(len(noise))] ^= byte(1 + w.random.IntN(255))
			}
		}
		if name != written.MarkerName { // Noise in the marker's names of runs and boot is a forgery, not damage.
			writeFile(t, folder, name, noise)
		}
	}
}

func (w *world) breakFiles(*rapid.T) {
	if w.store != nil && w.folders[w.active] != "" && w.random.IntN(4) == 0 && w.store.Len() > 0 {
		w.store.BreakFiles()
	}
}

func (w *world) ignore(t *rapid.T) {
	if !w.running(t) || w.random.IntN(3) != 0 {
		return
	}
	if err := w.store.Ignore(t.Context(), "profile", "account"); err != nil {
		return
	}
	for key := range w.rows {
		w.replay[key] = true
	}
}

func (w *world) copyFolder(t *rapid.T) {
	folder := w.folders[rapid.IntRange(0, 1).Draw(t, "folder")]
	w.copies = append(w.copies, folderCopy{folder, readFolder(folder), w.bus.puts})
}

// restoreFolder puts an older copy back that at least one run has followed.
func (w *world) restoreFolder(t *rapid.T) {
	if len(w.copies) == 0 {
		return
	}
	c := rapid.SampledFrom(w.copies).Draw(t, "copy")
	if w.bus.puts <= c.names+1 {
		return
	}
	w.kill()
	for name := range readFolder(c.folder) {
		_ = os.Remove(filepath.Join(c.folder, name))
	}
	for name, data := range c.files {
		writeFile(t, c.folder, name, data)
	}
}

func readFolder(folder string) map[string][]byte {
	files := map[string][]byte{}
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		if data, err := os.ReadFile(filepath.Join(folder, entry.Name())); err == nil && entry.Name() != "lock" {
			files[entry.Name()] = data
		}
	}
	return files
}

func writeFile(t *rapid.T, folder, name string, data []byte) {
	if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}
