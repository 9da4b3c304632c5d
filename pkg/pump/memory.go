package pump

import "hash/maphash"

// memory knows for the keys that were settled last which of their places in the queue was the newest. A queue whose
// server was killed forgets acknowledgements, and delivers records again behind newer versions that were written
// meanwhile: those must not be written (invariant 4).
//
// It keeps at least the last generation of keys, by their hash: a few megabytes, whatever the run's length. What a server
// forgets are the acknowledgements of some 300 ms; no destination takes a generation in that time.
type memory struct {
	seed            maphash.Seed
	recent, earlier map[uint64]uint64
	highest         uint64 // of all settled places: most records are behind it, and need no look at the maps
}

// generation is how many keys are kept at least; twice as many at most.
const generation = 1 << 16

func newMemory() *memory { return &memory{seed: maphash.MakeSeed(), recent: map[uint64]uint64{}} }

func (m *memory) add(key laneKey, seq uint64) {
	if len(m.recent) >= generation {
		m.recent, m.earlier = make(map[uint64]uint64, generation), m.recent
	}
	h := maphash.Comparable(m.seed, key)
	if seq <= m.highest {
		seq = max(seq, m.recent[h], m.earlier[h])
	}
	m.recent[h] = seq
	m.highest = max(m.highest, seq)
}

// reaches reports whether a key was settled at a place or behind it.
func (m *memory) reaches(key laneKey, seq uint64) bool {
	return seq <= m.highest && m.newest(key) >= seq
}

// newest is the newest settled place of a key, 0 where none is remembered.
func (m *memory) newest(key laneKey) uint64 {
	h := maphash.Comparable(m.seed, key)
	return max(m.recent[h], m.earlier[h])
}
