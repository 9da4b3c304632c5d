package remote

import (
	"net/url"
	"strings"
	"sync"
)

// Gates are the pauses that remotes have asked for, by origin. Clients that are given the same Gates wait together: a
// client that replaces another, because a setting of the connection was edited, sends nothing inside the pause that the
// other was told (invariant 10). It is safe for concurrent use.
type Gates struct {
	mu sync.Mutex
	of map[string]*gate // guarded by mu
}

// NewGates knows of no pause.
func NewGates() *Gates { return &Gates{of: map[string]*gate{}} }

// at is the gate of an origin. A nil Gates makes one for a client alone. An API and a token endpoint of one origin have
// gates of their own: role tells them apart.
func (g *Gates) at(role string, origin *url.URL) *gate {
	if g == nil {
		return &gate{}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	key := role + " " + strings.ToLower(origin.Scheme) + "://" + strings.ToLower(origin.Hostname()) + ":" + port(origin)
	if g.of[key] == nil {
		g.of[key] = &gate{}
	}
	return g.of[key]
}
