package remote

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
)

const (
	// A remote that asks for a pause without saying how long gets 1 s, then 2 s, 4 s ... up to a minute.
	firstPause = time.Second
	maxDefault = time.Minute
	// A day is the longest pause that is taken at its word; it keeps nonsense from overflowing.
	maxPause = 24 * time.Hour
)

// gate keeps requests back while the remote wants a pause (invariant 10).
type gate struct {
	mu    sync.Mutex
	until time.Time
	// closings counts how often the gate closed. A request remembers the count it was sent at: of many requests that
	// were under way together and all came back with 429, only the first makes the default pause grow.
	closings int
	growth   int
}

type ticket int

// check is nil while the gate is open, else fault.Throttled with the time that remains.
func (g *gate) check(name string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.checkLocked(name)
}

func (g *gate) checkLocked(name string) error {
	if left := time.Until(g.until); left > 0 {
		return fault.ThrottledFor(left, fmt.Sprintf("%s asked for a pause; %s of it remain", name, readable(left)))
	}
	return nil
}

// enter is check for a request that is sent at once.
func (g *gate) enter(name string) (ticket, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return ticket(g.closings), g.checkLocked(name)
}

// close keeps the gate shut for after, or for a growing time where the remote named none (after <= 0). A pause is only
// ever made longer.
func (g *gate) close(t ticket, name string, status int, after time.Duration) *fault.Error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if after <= 0 {
		after = min(firstPause<<min(g.growth, 10), maxDefault)
	}
	if int(t) == g.closings {
		g.closings++
		g.growth++
	}
	if until := time.Now().Add(after); until.After(g.until) {
		g.until = until
	}
	left := time.Until(g.until)
	return fault.ThrottledFor(left, fmt.Sprintf("%s asked for a pause of %s (HTTP %d)", name, readable(left), status))
}

// passed ends the growth when a request that was sent after the last pause was served. An answer 5xx says nothing
// about the load and changes nothing.
func (g *gate) passed(t ticket, status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if int(t) == g.closings && status < http.StatusInternalServerError {
		g.growth = 0
	}
}

// pause reports whether an answer asks for a pause, and how long; 0 where it does not say.
func pause(status int, header http.Header) (time.Duration, bool) {
	after := RetryAfter(header, time.Now())
	switch status {
	case http.StatusTooManyRequests:
		return after, true
	case http.StatusServiceUnavailable:
		return after, after > 0
	}
	return 0, false
}

// RetryAfter reads the Retry-After header: whole seconds, or an HTTP date, which is measured against the answer's own
// Date where it has one, so that clocks may differ. It is 0 where the header is missing, senseless or in the past, and
// at most a day.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return bounded(time.Duration(min(max(seconds, 0), int64(maxPause/time.Second))) * time.Second)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if theirs, err := http.ParseTime(header.Get("Date")); err == nil {
		now = theirs
	}
	return bounded(at.Sub(now))
}

func bounded(d time.Duration) time.Duration { return min(max(d, 0), maxPause) }

// readable rounds a pause for a person.
func readable(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
