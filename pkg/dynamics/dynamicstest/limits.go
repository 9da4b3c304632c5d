package dynamicstest

import (
	"net/http"
	"sync"
	"time"
)

// Limits are the service protection limits of one application, over a sliding window (Dataverse docs, Service
// protection API limits). A zero stands for the vendor's number.
type Limits struct {
	Window     time.Duration // 300 s
	Requests   int           // 6000
	Execution  time.Duration // 1200 s of handling, all requests together
	Concurrent int           // 52
	RetryAfter time.Duration // 2 s; requests inside it make it longer
}

func (l Limits) withDefaults() Limits {
	if l.Window == 0 {
		l.Window = 300 * time.Second
	}
	if l.Requests == 0 {
		l.Requests = 6000
	}
	if l.Execution == 0 {
		l.Execution = 1200 * time.Second
	}
	if l.Concurrent == 0 {
		l.Concurrent = 52
	}
	if l.RetryAfter == 0 {
		l.RetryAfter = 2 * time.Second
	}
	return l
}

// limiter enforces Limits; a nil one enforces nothing.
type limiter struct {
	limits Limits
	now    func() time.Time

	mu      sync.Mutex
	clients map[string]*usage
}

// usage is what one client did in the window, in slices of a hundredth of it.
type usage struct {
	running int
	slices  []slice
}

type slice struct {
	began     time.Time
	requests  int
	execution time.Duration
}

func newLimiter(limits *Limits, now func() time.Time) *limiter {
	if limits == nil {
		return nil
	}
	return &limiter{limits: limits.withDefaults(), now: now, clients: map[string]*usage{}}
}

// enter counts a request of a client. The refusal is what the answer says when a limit is exceeded; done ends it.
func (l *limiter) enter(client string) (done func(), refusal *odataError) {
	if l == nil {
		return func() {}, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.clients[client]
	if u == nil {
		u = &usage{}
		l.clients[client] = u
	}
	began := l.now()
	last, requests, execution := u.recent(began, l.limits.Window)
	switch {
	case u.running >= l.limits.Concurrent:
		refusal = fail(http.StatusTooManyRequests, codeConcurrency, "Number of concurrent requests exceeded the limit of %d.", l.limits.Concurrent)
	case requests >= l.limits.Requests:
		refusal = fail(http.StatusTooManyRequests, codeRequests, "Number of requests exceeded the limit of %d over time window of %d seconds.",
			l.limits.Requests, int(l.limits.Window.Seconds()))
	case execution >= l.limits.Execution:
		refusal = fail(http.StatusTooManyRequests, codeExecution,
			"Combined execution time of incoming requests exceeded limit of %d milliseconds over time window of %d seconds. "+
				"Decrease number of concurrent requests or reduce the duration of requests and try again later.",
			l.limits.Execution.Milliseconds(), int(l.limits.Window.Seconds()))
	}
	if refusal != nil {
		return func() {}, refusal
	}
	u.running++
	last.requests++
	return func() { l.leave(u, began) }, nil
}

func (l *limiter) leave(u *usage, began time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	last, _, _ := u.recent(now, l.limits.Window)
	last.execution += now.Sub(began)
	u.running--
}

// recent drops what left the window and returns the current slice and the sums.
func (u *usage) recent(now time.Time, window time.Duration) (current *slice, requests int, execution time.Duration) {
	for len(u.slices) > 0 && now.Sub(u.slices[0].began) >= window {
		u.slices = u.slices[1:]
	}
	if n := len(u.slices); n == 0 || now.Sub(u.slices[n-1].began) >= window/100 {
		u.slices = append(u.slices, slice{began: now})
	}
	for _, s := range u.slices {
		requests += s.requests
		execution += s.execution
	}
	return &u.slices[len(u.slices)-1], requests, execution
}

// throttle answers a request over a limit and opens the window in which the client has to wait.
func (s *Server) throttle(w http.ResponseWriter, r *http.Request, refusal *odataError) {
	s.faults.Throttle(w, r, s.limits.limits.RetryAfter)
	writeError(w, refusal)
}
