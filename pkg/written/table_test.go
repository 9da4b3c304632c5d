package written

import (
	"os"
	"testing"

	"pgregory.net/rapid"
)

// TestTableIsAMap: whatever is set, removed and opened again, a table holds what a map would, and its files stay small.
func TestTableIsAMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "written-table-")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		model, tab := map[uint64]uint64{}, &table{dir: dir}
		defer func() { tab.close() }()
		// All in one file, and few places to begin: long searches across the file's end, and over what was given up.
		tag := rapid.Custom(func(rt *rapid.T) uint64 {
			return shards*(rapid.Uint64Range(0, 3).Draw(rt, "home")*255+rapid.Uint64Range(0, 200).Draw(rt, "n")*1024) + 5
		})
		for range rapid.IntRange(1, 400).Draw(rt, "steps") {
			k := tag.Draw(rt, "tag")
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0, 1, 2, 3, 4, 5:
				v := rapid.Uint64().Draw(rt, "value")
				model[k] = v
				err = tab.set(k, v)
			case 6, 7, 8:
				delete(model, k)
				err = tab.remove(k)
			default:
				tab.close()
				if err = checkTable(dir); err == nil {
					tab = &table{dir: dir}
				}
			}
			if err != nil {
				rt.Fatal(err)
			}
		}
		for home := range uint64(4) {
			for n := range uint64(201) {
				k := shards*(home*255+n*1024) + 5
				value, found, err := tab.get(k)
				if want, known := model[k]; err != nil || found != known || value != want {
					rt.Fatalf("tag %d: %d %v %v, want %d %v", k, value, found, err, want, known)
				}
			}
		}
		if n, err := tab.len(); err != nil || n != uint64(len(model)) {
			rt.Fatalf("%d entries, %v, want %d", n, err, len(model))
		}
	})
}

// TestTableGrowsAndIsCleared: three quarters of a file are taken at most, and what was given up makes room.
func TestTableGrowsAndIsCleared(t *testing.T) {
	tab := &table{dir: t.TempDir()}
	defer tab.close()
	for n := range uint64(100_000) {
		if err := tab.set(n+firstTag, n); err != nil {
			t.Fatal(err)
		}
	}
	grown := size(t, tab)
	if grown < 100_000*4/3 || grown > 100_000*4 {
		t.Errorf("%d slots for 100,000 entries", grown)
	}
	for n := range uint64(300_000) { // One goes for each that comes.
		if err := tab.remove(n + firstTag); err != nil {
			t.Fatal(err)
		}
		if err := tab.set(n+100_000+firstTag, n); err != nil {
			t.Fatal(err)
		}
	}
	if n := size(t, tab); n > grown*2 {
		t.Errorf("%d slots for 100,000 entries, after many came and went", n)
	}
	if err := tab.sync(true); err != nil {
		t.Error(err)
	}
}

func size(t *testing.T, tab *table) (slots uint64) {
	t.Helper()
	for i := range shards {
		if err := tab.lockedShard(i, func(s *shard) error { slots += s.slots; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	return slots
}
