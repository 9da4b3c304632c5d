package optinout

import (
	"fmt"
	"sync"
)

// The reasons for which a report is passed over. They are metric labels: a fixed set (invariant 9).
const (
	noProfile = "contacts without a profile in Campaign"
	noContact = "profiles without a contact in Dynamics 365"
	noKey     = "profiles whose key is no contact's id"
	future    = "times of a change that had not come yet; the value counts, the time does not"
)

// unmatched counts what is passed over, and says so at 1, 10, 100 and so on: one notice and not a flood.
type unmatched struct {
	count  func(reason string, n int)
	notice func(message string)

	mu sync.Mutex
	by map[string]int
}

func (u *unmatched) add(reason string) {
	u.count(reason, 1)
	u.mu.Lock()
	if u.by == nil {
		u.by = map[string]int{}
	}
	u.by[reason]++
	n := u.by[reason]
	u.mu.Unlock()
	if round(n) {
		u.notice(fmt.Sprintf("passed over since the start: %d %s", n, reason))
	}
}

// round reports whether n is a power of ten.
func round(n int) bool {
	for n%10 == 0 && n > 0 {
		n /= 10
	}
	return n == 1
}
