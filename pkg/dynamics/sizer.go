package dynamics

import (
	"sync"
	"time"
)

const (
	// A request that takes longer than this is on its way to the gateways' minute: the next ones carry half.
	slowRequest = 30 * time.Second
	// leastForSlow keeps slowness from making requests so small that the way to the server is all they cost.
	leastForSlow = 10
	// growAfter is how many requests of full size have to go well before the size grows by a tenth. A limit that comes
	// and goes is then met once in a while, and not with every other request.
	growAfter = 16
)

// sizer finds how much a request may carry: the documented limits are upper bounds, and lower ones were seen that come
// and go (powerapps-docs issue 1890).
type sizer struct {
	mu   sync.Mutex
	size int
	most int
	good int
}

func newSizer(size, most int) *sizer { return &sizer{size: min(size, most), most: most} }

// next is how much the next request may carry.
func (s *sizer) next() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size
}

// tooMuch says that a request that carried n was refused for that.
func (s *sizer) tooMuch(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shrinkLocked(n, 1)
}

// took says how long a request took that carried n and was not refused for its size.
func (s *sizer) took(n int, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d > slowRequest {
		s.shrinkLocked(n, leastForSlow)
		return
	}
	if n < s.size || d > slowRequest/3 {
		return
	}
	if s.good++; s.good >= growAfter {
		s.size, s.good = min(s.most, s.size+max(1, s.size/10)), 0
	}
}

// shrinkLocked halves what was tried. Of several requests that were under way together the first decides.
func (s *sizer) shrinkLocked(tried, least int) {
	s.good = 0
	s.size = min(s.size, max(tried/2, min(least, s.size)))
}
