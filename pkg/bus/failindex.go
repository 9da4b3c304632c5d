package bus

import (
	"cmp"
	"encoding/hex"
	"hash/fnv"
	"hash/maphash"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// entry is what is kept in memory of one stored failure: 32 bytes, so that a million of them cost 32 MB and a look
// through all takes a few milliseconds. Everything else is read from the stream when it is shown.
type entry struct {
	seq      uint64
	at       int64  // Unix milliseconds
	record   uint64 // hash of source and key
	cause    uint32 // place in causes
	source   uint16 // place in sources
	attempts uint16
}

// The bounds of an index. What is beyond maxCauses is counted under otherCauses; of more than maxEntries failures the
// oldest are left out until newer ones are gone.
const (
	maxEntries  = 4_000_000
	maxCauses   = 1000
	maxSources  = 1000
	otherCauses = "other reasons"
)

// index is what is known of one workflow's failures. Its owner guards it.
type index struct {
	seed    maphash.Seed
	entries []entry // by sequence
	causes  names
	sources names
}

// names numbers texts in the order in which they come.
type names struct {
	list []string
	at   map[string]int
	most int
	rest string // stands for those beyond most
}

// newIndex is an empty index.
func newIndex(seed maphash.Seed) *index {
	return &index{seed: seed, causes: names{at: map[string]int{}, most: maxCauses, rest: otherCauses},
		sources: names{at: map[string]int{}, most: maxSources, rest: noSource}}
}

func (n *names) number(name string) int {
	if i, known := n.at[name]; known {
		return i
	}
	if len(n.list) >= n.most-1 && name != n.rest {
		return n.number(n.rest)
	}
	n.at[name] = len(n.list)
	n.list = append(n.list, name)
	return n.at[name]
}

// groupID names a cause in addresses and requests.
func groupID(cause string) string {
	h := fnv.New64a()
	h.Write([]byte(cause))
	return hex.EncodeToString(h.Sum(nil))
}

// recordOf identifies a record. A record without a key is one of its own.
func (x *index) recordOf(source, key string, seq uint64) uint64 {
	if key == "" {
		return maphash.Comparable(x.seed, seq)
	}
	return maphash.Comparable(x.seed, [2]string{source, key})
}

// add notes a stored failure; one that is known already, or comes late, is left out.
func (x *index) add(seq uint64, at time.Time, source, key, cause string, attempts int) {
	if n := len(x.entries); n > 0 && x.entries[n-1].seq >= seq {
		return
	}
	x.entries = append(x.entries, entry{seq: seq, at: at.UnixMilli(), record: x.recordOf(source, key, seq),
		cause: uint32(x.causes.number(cause)), source: uint16(x.sources.number(source)), attempts: uint16(min(max(attempts, 1), 1<<16-1))})
}

// remove forgets failures by their places, which are sorted.
func (x *index) remove(seqs []uint64) {
	if len(seqs) == 0 || len(x.entries) == 0 {
		return
	}
	from := x.place(seqs[0])
	to := x.place(seqs[len(seqs)-1] + 1)
	kept := slices.DeleteFunc(x.entries[from:to], func(e entry) bool {
		_, gone := slices.BinarySearch(seqs, e.seq)
		return gone
	})
	x.entries = append(x.entries[:from+len(kept)], x.entries[to:]...)
	x.shrink()
}

// trim forgets what stands in front of a sequence: it has expired.
func (x *index) trim(first uint64) {
	if n := x.place(first); n > 0 {
		x.entries = slices.Delete(x.entries, 0, n)
		x.shrink()
	}
}

// reserve makes room for n failures and some that come meanwhile.
func (x *index) reserve(n int) {
	if more := n + n/32 - len(x.entries); more > 0 {
		x.entries = slices.Grow(x.entries, more)
	}
}

// shrink gives memory back after a large part has gone.
func (x *index) shrink() {
	if cap(x.entries) > 4096 && len(x.entries) < cap(x.entries)/4 {
		x.entries = slices.Clip(slices.Clone(x.entries))
	}
}

// place is where a sequence stands, or would.
func (x *index) place(seq uint64) int {
	i, _ := slices.BinarySearchFunc(x.entries, seq, func(e entry, seq uint64) int { return cmp.Compare(e.seq, seq) })
	return i
}

// filter chooses entries.
type filter struct {
	none    bool // nothing can match
	records map[uint64]struct{}
	cause   int // -1 for all
	source  int // -1 for all
	through uint64
}

// filter makes one of a query.
func (x *index) filter(q FailureQuery) filter {
	f := filter{cause: -1, source: -1, through: q.Through}
	if q.Group != "" {
		f.cause = slices.IndexFunc(x.causes.list, func(cause string) bool { return groupID(cause) == q.Group })
		f.none = f.none || f.cause < 0
	}
	if q.Source != "" {
		f.source = slices.Index(x.sources.list, q.Source)
		f.none = f.none || f.source < 0
	}
	if key := strings.TrimSpace(q.Key); q.Key != "" {
		f.records = map[uint64]struct{}{} // A key of blanks is nobody's.
		for _, source := range x.sources.list {
			for _, spelling := range []string{key, strings.ToLower(strings.Trim(key, "{}"))} {
				f.records[x.recordOf(source, spelling, 0)] = struct{}{}
			}
		}
	}
	return f
}

// any reports whether the filter lets everything through.
func (f filter) any() bool { return !f.none && f.records == nil && f.cause < 0 && f.source < 0 }

func (f filter) matches(e entry) bool {
	if f.none || f.cause >= 0 && int(e.cause) != f.cause || f.source >= 0 && int(e.source) != f.source || f.through > 0 && e.seq > f.through {
		return false
	}
	if f.records == nil {
		return true
	}
	_, chosen := f.records[e.record]
	return chosen
}

// merged is one record with all its refusals that match.
type merged struct {
	newest          uint64
	first, last     int64
	attempts, times int
}

// list returns the newest records in front of a sequence (0 for the end), at most limit, newest first, and the sequence
// in front of which the next page begins, 0 where there is none. It goes through the entries a fixed number of times,
// however many of them are refusals of records that stand on an earlier page.
func (x *index) list(f filter, before uint64, limit int) (page []merged, next uint64) {
	end := len(x.entries)
	if before > 0 {
		end = x.place(before)
	}
	earlier := x.recordsFrom(f, end)
	candidates := map[uint64]*merged{}
	var order []*merged
	for i := end - 1; i >= 0 && len(order) <= limit; i-- { // One more than asked for tells whether there is a next page.
		e := x.entries[i]
		if !f.matches(e) || candidates[e.record] != nil || earlier.has(e.record) {
			continue
		}
		m := &merged{newest: e.seq}
		candidates[e.record] = m
		order = append(order, m)
	}
	x.merge(f, candidates)
	for _, m := range order[:min(limit, len(order))] {
		page = append(page, *m)
	}
	if len(order) > limit {
		next = page[limit-1].newest
	}
	return page, next
}

// recordsFrom are the records that have a matching refusal at a place or behind it: they stand on an earlier page.
func (x *index) recordsFrom(f filter, from int) records {
	n := len(x.entries) - from
	if !f.any() || f.through > 0 {
		n = 0
		for _, e := range x.entries[from:] {
			if f.matches(e) {
				n++
			}
		}
	}
	set := newRecords(n)
	for _, e := range x.entries[from:] {
		if f.matches(e) {
			set.add(e.record)
		}
	}
	return set
}

// merge adds up the refusals of some records.
func (x *index) merge(f filter, candidates map[uint64]*merged) {
	if len(candidates) == 0 {
		return
	}
	for _, e := range x.entries {
		m := candidates[e.record]
		if m == nil || !f.matches(e) {
			continue
		}
		if m.times == 0 {
			m.first = e.at
		}
		m.last = e.at
		m.times++
		m.attempts += int(e.attempts)
	}
}

// sum adds up the refusals, up to a place, of the record that has one there.
func (x *index) sum(seq uint64) (merged, bool) {
	i := x.place(seq)
	if i == len(x.entries) || x.entries[i].seq != seq {
		return merged{}, false
	}
	m := &merged{newest: seq}
	x.merge(filter{cause: -1, source: -1, through: seq}, map[uint64]*merged{x.entries[i].record: m})
	return *m, true
}

// groups adds the refusals up by cause, the most frequent first.
func (x *index) groups() []workflow.FailureGroup {
	type sum struct {
		count       uint64
		first, last int64
	}
	sums := make([]sum, len(x.causes.list))
	for _, e := range x.entries {
		s := &sums[e.cause]
		if s.count == 0 {
			s.first = e.at
		}
		s.count++
		s.last = e.at
	}
	groups := []workflow.FailureGroup{}
	for i, s := range sums {
		if s.count > 0 {
			cause := x.causes.list[i]
			groups = append(groups, workflow.FailureGroup{ID: groupID(cause), Cause: cause, Count: s.count, FirstAt: moment(s.first), LastAt: moment(s.last)})
		}
	}
	slices.SortFunc(groups, func(a, b workflow.FailureGroup) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Cause, b.Cause))
	})
	return groups
}

func moment(millis int64) time.Time { return time.UnixMilli(millis).UTC() }

// choose lists the places of what matches, oldest first. With whole, every refusal of a record that matches once comes
// with it.
func (x *index) choose(f filter, whole bool) []uint64 {
	n := x.count(f, whole)
	if n == 0 {
		return nil
	}
	seqs := make([]uint64, 0, n)
	for e := range x.chosen(f, whole) {
		seqs = append(seqs, e.seq)
	}
	return seqs
}

// count is how many choose lists.
func (x *index) count(f filter, whole bool) (n int) {
	for range x.chosen(f, whole) {
		n++
	}
	return n
}

// chosen yields what choose lists.
func (x *index) chosen(f filter, whole bool) iter.Seq[entry] {
	matches := f.matches
	if whole && !f.any() {
		records := x.recordsFrom(f, 0)
		matches = func(e entry) bool { return records.has(e.record) && (f.through == 0 || e.seq <= f.through) }
	}
	return func(yield func(entry) bool) {
		for _, e := range x.entries {
			if matches(e) && !yield(e) {
				return
			}
		}
	}
}

// named is the filter of the records that have a refusal at one of some places.
func (x *index) named(seqs []uint64) filter {
	f := filter{cause: -1, source: -1, records: map[uint64]struct{}{}}
	for _, seq := range seqs {
		if i := x.place(seq); i < len(x.entries) && x.entries[i].seq == seq {
			f.records[x.entries[i].record] = struct{}{}
		}
	}
	return f
}
