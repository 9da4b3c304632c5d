package egress

import (
	"crypto/sha256"
)

// recentIDs is how many event ids each of the two generations of recent holds: a few megabytes.
const recentIDs = 50_000

// recent remembers the ids of the last events that were queued: the journal delivers events more than once, mostly close
// to one another, and one that is known costs nothing here and a refused row at the destination. Forgetting is harmless
// (invariant 3). Only what is safe in the queue may be remembered (invariant 1).
type recent struct{ young, old map[[16]byte]struct{} }

func newRecent() *recent {
	return &recent{young: map[[16]byte]struct{}{}, old: map[[16]byte]struct{}{}}
}

func (r *recent) holds(id string) bool {
	key := digest(id)
	_, young := r.young[key]
	_, old := r.old[key]
	return young || old
}

func (r *recent) add(id string) {
	if len(r.young) >= recentIDs {
		r.old, r.young = r.young, make(map[[16]byte]struct{}, recentIDs)
	}
	r.young[digest(id)] = struct{}{}
}

// digest bounds what an id takes, whatever somebody sends.
func digest(id string) [16]byte {
	sum := sha256.Sum256([]byte(id))
	return [16]byte(sum[:16])
}
