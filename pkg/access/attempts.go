package access

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Attempts slows guessing down. Each failure of a name, or from an address, beyond the first few makes the next attempt
// wait: a second, two, four and so on. A stranger who keeps guessing a name does not keep its owner out: where somebody
// has signed in with the name before, only failures from there count.
type Attempts struct {
	mu      sync.Mutex
	tries   map[string]*tries
	welcome map[string]time.Time // name and address that belong together, and since when
}

// tries is what is known of a name or an address.
type tries struct {
	failures int
	last     time.Time
	// next is when the next attempt may be made.
	next time.Time
}

// patience is how many failures are free, and how long a pause gets.
type patience struct {
	free    int
	longest time.Duration
}

const (
	// forgetAfter is how long a failure counts.
	forgetAfter = time.Hour
	// mostTries bounds what is remembered; beyond it the oldest are forgotten.
	mostTries = 10_000
)

func nameLimit() patience    { return patience{free: 5, longest: 5 * time.Minute} }
func addressLimit() patience { return patience{free: 20, longest: 15 * time.Minute} }

// NewAttempts remembers nothing yet.
func NewAttempts() *Attempts {
	return &Attempts{tries: map[string]*tries{}, welcome: map[string]time.Time{}}
}

// Begin allows an attempt, or says how long to wait. An allowed one counts as failed until passed is called, so that many
// at once count as many.
func (a *Attempts) Begin(name, address string) (passed func(), wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	place := network(address)
	name = name[:min(len(name), 4*longestName)] // No name is longer; what is remembered has a bound.
	both := name + "\x00" + place
	byName, byAddress := "name "+name, "address "+place
	if _, ok := a.welcome[both]; ok {
		byName = "both " + both
	}
	if wait = max(a.waitLocked(byName, now), a.waitLocked(byAddress, now)); wait > 0 {
		return nil, wait
	}
	a.countLocked(byName, nameLimit(), now)
	a.countLocked(byAddress, addressLimit(), now)
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.tries, byName)
		if t := a.tries[byAddress]; t != nil { // Other failures from there stay: one good account pays for no guessing.
			t.failures, t.next = max(0, t.failures-1), now
		}
		a.welcome[both] = time.Now()
		prune(a.welcome, mostTries, func(at time.Time) time.Time { return at })
	}, 0
}

func (a *Attempts) waitLocked(key string, now time.Time) time.Duration {
	t := a.tries[key]
	if t == nil {
		return 0
	}
	if now.Sub(t.last) > forgetAfter && now.After(t.next) {
		delete(a.tries, key)
		return 0
	}
	return max(0, t.next.Sub(now))
}

func (a *Attempts) countLocked(key string, limit patience, now time.Time) {
	t := a.tries[key]
	if t == nil {
		t = &tries{}
		a.tries[key] = t
	}
	t.failures++
	t.last, t.next = now, now.Add(limit.pause(t.failures))
	prune(a.tries, mostTries, func(t *tries) time.Time { return t.last })
}

// pause is how long the attempt after so many failures waits.
func (p patience) pause(failures int) time.Duration {
	over := failures - p.free
	if over < 0 {
		return 0
	}
	if over > 20 {
		return p.longest
	}
	return min(time.Second<<over, p.longest)
}

// prune drops the older half of a map that has outgrown its limit.
func prune[V any](m map[string]V, most int, when func(V) time.Time) {
	if len(m) <= most {
		return
	}
	keys := slices.SortedFunc(maps.Keys(m), func(x, y string) int { return cmp.Compare(when(m[x]).UnixNano(), when(m[y]).UnixNano()) })
	for _, key := range keys[:len(keys)/2] {
		delete(m, key)
	}
}

// network is what counts as one place: an IPv4 address, or the /64 that one IPv6 customer has.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap()
	if ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}
