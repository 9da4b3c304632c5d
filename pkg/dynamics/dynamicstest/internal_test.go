package dynamicstest

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// The sorted list behaves as a sorted slice does.
func TestOrdered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := &ordered{compare: byID}
		var want []*row
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		anyRow := func() *row {
			return &row{id: guid{byte(random.UintN(8)), byte(random.UintN(256)), byte(random.UintN(2))}}
		}
		for range rapid.IntRange(0, 1500).Draw(t, "steps") {
			r := anyRow()
			i, found := slices.BinarySearchFunc(want, r, byID)
			switch {
			case found:
				o.remove(want[i])
				want = slices.Delete(want, i, i+1)
			default:
				o.insert(r)
				want = slices.Insert(want, i, r)
			}
		}
		if got := slices.Collect(o.from(nil)); !slices.Equal(got, want) {
			t.Fatalf("%d rows, want %d", len(got), len(want))
		}
		probe := anyRow()
		i, found := slices.BinarySearchFunc(want, probe, byID)
		if found {
			i++
		}
		if got := slices.Collect(o.from(probe)); !slices.Equal(got, want[i:]) {
			t.Fatalf("from a key: %d rows, want %d", len(got), len(want)-i)
		}
		o.remove(&row{id: guid{0xff}})
		filled := &ordered{compare: byID}
		filled.fill(slices.Clone(want))
		if !slices.Equal(slices.Collect(filled.from(nil)), want) {
			t.Fatal("fill loses rows")
		}
	})
}

// What is packed comes back.
func TestPack(t *testing.T) {
	tab := newTable(Membership())
	rapid.Check(t, func(t *rapid.T) {
		cells := make([]cell, len(tab.Columns))
		for i, c := range tab.Columns {
			if !rapid.Bool().Draw(t, "set") {
				continue
			}
			cells[i].set = true
			switch c.storage() {
			case asText:
				cells[i].b = []byte(rapid.String().Draw(t, "text"))
			case asNumber:
				cells[i].n = rapid.Int64().Draw(t, "number")
			case asGUID:
				cells[i].n, cells[i].b = rapid.Int64Range(0, 3).Draw(t, "target"), bytes.Repeat([]byte{7}, 16)
			}
		}
		back := make([]cell, len(cells))
		unpack(tab.Columns, pack(tab.Columns, cells), back)
		for i := range cells {
			if back[i].set != cells[i].set || back[i].n != cells[i].n || !bytes.Equal(back[i].b, cells[i].b) {
				t.Fatalf("column %d: %+v, want %+v", i, back[i], cells[i])
			}
		}
	})
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{"lastname eq 'O''Brien' and not (gendercode gt 1 or contains(jobtitle,'x'))", "modifiedon ge 2024-01-01T00:00:00Z",
		"creditlimit lt 1.5", "((", "not not not lastname eq null", "contactid eq 0a000000-0000-4000-8000-000000000001", "'", "birthdate eq 2024-01-01"} {
		f.Add(seed)
	}
	tab := newTable(Contact())
	cells := make([]cell, len(tab.Columns))
	tab.defaults(cells)
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := parseFilter(tab, text)
		if err != nil {
			if e, ok := err.(*odataError); !ok || e.status != 400 {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		parsed.keep(cells)
	})
}

func FuzzCookie(f *testing.F) {
	s := New(Options{})
	f.Add(`<cookie pagenumber="1" pagingcookie="e30" istracking="True" />`)
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := s.decodeCookie(text); err != nil && !utf8.ValidString(err.text) {
			t.Errorf("%q", err.text)
		}
		_, _ = s.checkTokenLocked(s.store.bySet("contacts"), text)
		_, _ = parseQuery(s.store.bySet("contacts"), text)
	})
}

// A million contacts: what a page costs does not depend on how long the table is.
func BenchmarkPage(b *testing.B) {
	s := New(Options{})
	s.Seed(200_000, 1)
	t := s.store.bySet("contacts")
	random := rand.New(rand.NewPCG(1, 1))
	q, _ := parseQuery(t, "$select=lastname")
	b.Run("rows", func(b *testing.B) {
		for b.Loop() {
			t.page(q, cookie{Last: t.randomLocked(random).id.String()}, 998)
		}
	})
	recent, _ := parseQuery(t, "$filter=modifiedon%20ge%202030-01-01T00:00:00Z&$orderby=modifiedon,contactid")
	b.Run("recent", func(b *testing.B) {
		for b.Loop() {
			t.page(recent, cookie{}, 998)
		}
	})
	b.Run("touch", func(b *testing.B) {
		for b.Loop() {
			s.Touch(1, random)
		}
	})
}
