package bus

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"runtime"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// stored is a failure as a plain list would keep it.
type stored struct {
	seq                uint64
	source, key, cause string
	attempts           int
}

func (s stored) record() string {
	if s.key == "" {
		return fmt.Sprint("seq ", s.seq)
	}
	return s.source + " " + s.key
}

func moments(seq uint64) time.Time { return time.UnixMilli(1_700_000_000_000 + int64(seq)) }

// newestOf merges the plain list: one failure a record, newest first.
func newestOf(list []stored, matches func(stored) bool) []merged {
	sums := map[string]*merged{}
	for _, s := range list {
		if !matches(s) {
			continue
		}
		m := sums[s.record()]
		if m == nil {
			m = &merged{first: moments(s.seq).UnixMilli()}
			sums[s.record()] = m
		}
		m.newest, m.last = s.seq, moments(s.seq).UnixMilli()
		m.times++
		m.attempts += s.attempts
	}
	all := []merged{}
	for _, m := range sums {
		all = append(all, *m)
	}
	slices.SortFunc(all, func(a, b merged) int { return cmp.Compare(b.newest, a.newest) })
	return all
}

// TestTheIndexAnswersLikeAPlainList for every query, page by page, whatever was added, removed and expired.
func TestTheIndexAnswersLikeAPlainList(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		x := newIndex(maphash.MakeSeed())
		var list []stored
		last := uint64(0)
		for range rapid.IntRange(0, 60).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"add", "add", "add", "add", "remove", "trim"}).Draw(rt, "step") {
			case "add":
				last += uint64(rapid.IntRange(1, 3).Draw(rt, "gap"))
				s := stored{seq: last, source: rapid.SampledFrom([]string{"contact", "account"}).Draw(rt, "source"),
					key: rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(rt, "key"), cause: rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "cause"),
					attempts: rapid.IntRange(1, 3).Draw(rt, "attempts")}
				list = append(list, s)
				x.add(s.seq, moments(s.seq), s.source, s.key, s.cause, s.attempts)
				x.add(s.seq, moments(s.seq), s.source, s.key, s.cause, s.attempts) // Delivered twice.
			case "remove":
				gone := rapid.SliceOfDistinct(rapid.Uint64Range(1, last+1), rapid.ID).Draw(rt, "gone")
				slices.Sort(gone)
				x.remove(gone)
				list = slices.DeleteFunc(list, func(s stored) bool { return slices.Contains(gone, s.seq) })
			case "trim":
				first := rapid.Uint64Range(0, last/2).Draw(rt, "first")
				x.trim(first)
				list = slices.DeleteFunc(list, func(s stored) bool { return s.seq < first })
			}
		}
		q := FailureQuery{Key: rapid.SampledFrom([]string{"", "", "a", " {B} ", "nobody"}).Draw(rt, "query key"),
			Source: rapid.SampledFrom([]string{"", "account", "none"}).Draw(rt, "query source"), Through: rapid.Uint64Range(0, last).Draw(rt, "through")}
		cause := rapid.SampledFrom([]string{"", "x", "z"}).Draw(rt, "query cause")
		if cause != "" {
			q.Group = groupID(cause)
		}
		key := map[string]string{" {B} ": "b"}[q.Key]
		if key == "" {
			key = q.Key
		}
		matches := func(s stored) bool {
			return (key == "" || s.key == key) && (q.Source == "" || s.source == q.Source) && (cause == "" || s.cause == cause) && (q.Through == 0 || s.seq <= q.Through)
		}
		want := newestOf(list, matches)
		var got []merged
		limit, before := rapid.IntRange(1, 5).Draw(rt, "limit"), uint64(0)
		for pages := 0; ; pages++ {
			page, next := x.list(x.filter(q), before, limit)
			got = append(got, page...)
			if next == 0 {
				break
			}
			if len(page) != limit || pages > 100 {
				rt.Fatalf("page %d has %d of %d records, next %d", pages, len(page), limit, next)
			}
			before = next
		}
		if !slices.Equal(got, want) {
			rt.Fatalf("%+v\n got %+v\nwant %+v", q, got, want)
		}
		if n := len(x.choose(x.filter(q), false)); n != countOf(list, matches) {
			rt.Fatalf("%d chosen, want %d", n, countOf(list, matches))
		}
		records := map[string]bool{}
		for _, s := range list {
			records[s.record()] = records[s.record()] || matches(s)
		}
		whole := countOf(list, func(s stored) bool { return records[s.record()] && (q.Through == 0 || s.seq <= q.Through) })
		if n := len(x.choose(x.filter(q), true)); n != whole {
			rt.Fatalf("%d chosen with all refusals of their records, want %d", n, whole)
		}
		for _, g := range x.groups() {
			if n := countOf(list, func(s stored) bool { return s.cause == g.Cause }); uint64(n) != g.Count || groupID(g.Cause) != g.ID {
				rt.Fatalf("group %+v, want %d", g, n)
			}
		}
	})
}

func countOf(list []stored, matches func(stored) bool) (n int) {
	for _, s := range list {
		if matches(s) {
			n++
		}
	}
	return n
}

// TestTheIndexIsBounded in the texts that it keeps.
func TestTheIndexIsBounded(t *testing.T) {
	x := newIndex(maphash.MakeSeed())
	for i := range uint64(5000) {
		x.add(i+1, moments(i), fmt.Sprint("source", i), "k", fmt.Sprint("cause ", i), 1)
	}
	if groups := x.groups(); len(groups) != maxCauses || groups[0].Cause != otherCauses || groups[0].Count != 5000-maxCauses+1 {
		t.Errorf("%d groups, the first %+v", len(groups), groups[0])
	}
	if len(x.sources.list) != maxSources {
		t.Errorf("%d sources", len(x.sources.list))
	}
}

// million is an index of a million failures of 700,000 records.
func million(tb testing.TB) *index {
	tb.Helper()
	x := newIndex(maphash.MakeSeed())
	for i := range uint64(7) {
		x.add(i+1, moments(i), "contact", fmt.Sprint("key-", i), fmt.Sprint("cause ", i), 1)
	}
	for i := uint64(7); i < 1_000_000; i++ { // As add would, without a text for each.
		x.entries = append(x.entries, entry{seq: i + 1, at: moments(i).UnixMilli(), record: i % 700_000 * 0x9e3779b97f4a7c15, cause: uint32(i % 7), attempts: 1})
	}
	return x
}

// often is an index of a million failures of a thousand records, each refused again and again.
func often(tb testing.TB) *index {
	tb.Helper()
	x := million(tb)
	for i := range x.entries {
		x.entries[i].record = uint64(i%1000) + 1
	}
	return x
}

// TestAMillionFailuresAreLookedThroughQuickly: a page has 300 ms, most of which belongs to the bus. An index that is gone
// through once for each page in front of the one that is asked for takes minutes; the bound is generous, because under the
// race detector and beside other work a look takes ten times as long. `make scale` prints what it takes otherwise.
func TestAMillionFailuresAreLookedThroughQuickly(t *testing.T) {
	x, again := million(t), often(t)
	for what, look := range map[string]func() int{
		"newest":   func() int { page, _ := x.list(x.filter(FailureQuery{}), 0, 50); return len(page) },
		"deep":     func() int { page, _ := x.list(x.filter(FailureQuery{}), 350_000, 50); return len(page) },
		"of a few": func() int { page, _ := again.list(again.filter(FailureQuery{}), 999_950, 50); return len(page) },
		"all of them stand on an earlier page": func() int {
			page, _ := again.list(again.filter(FailureQuery{}), 500_000, 50)
			return len(page) + 50
		},
		"of a group": func() int {
			page, _ := x.list(x.filter(FailureQuery{Group: groupID("cause 3")}), 0, 50)
			return len(page)
		},
		"by key": func() int { page, _ := x.list(x.filter(FailureQuery{Key: "key-5"}), 0, 50); return len(page) * 50 },
		"groups": func() int { return len(x.groups()) * 50 / 7 },
		"count":  func() int { return x.count(x.filter(FailureQuery{}), false) / 20_000 },
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begin := time.Now()
		if n := look(); n != 50 {
			t.Errorf("%s: %d", what, n)
		}
		took := time.Since(begin)
		runtime.ReadMemStats(&after)
		allocated := (after.TotalAlloc - before.TotalAlloc) >> 20
		if t.Logf("%s: %v, %d MB", what, took, allocated); took > 3*time.Second || allocated > 20 {
			t.Errorf("%s took %v and %d MB", what, took, allocated)
		}
	}
}

func BenchmarkAPageOfAMillionFailures(b *testing.B) {
	x := million(b)
	for b.Loop() {
		x.list(x.filter(FailureQuery{}), 0, 50)
	}
}
