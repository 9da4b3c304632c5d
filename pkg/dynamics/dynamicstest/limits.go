package dynamicstest

import (
	"math/rand/v2"
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
	// Parts makes the limits of requests and execution time hold for every part of a $batch too: the batch is served, and
	// from one part on they are refused. Otherwise they hold for requests as a whole.
	Parts bool
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
	charged time.Duration // all that charge was told
}

// slice is a part of the window.
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
	if refusal = l.exceededLocked(u, began); u.running >= l.limits.Concurrent {
		refusal = errConcurrency(l.limits.Concurrent)
	}
	if refusal != nil {
		return func() {}, refusal
	}
	u.running++
	last, _, _ := u.recent(began, l.limits.Window)
	last.requests++
	charged := u.charged
	return func() { l.leave(u, began, charged) }, nil
}

// exceededLocked is the refusal of a request or a part above what the window allows, nil below it.
func (l *limiter) exceededLocked(u *usage, now time.Time) *odataError {
	_, requests, execution := u.recent(now, l.limits.Window)
	switch {
	case requests >= l.limits.Requests:
		return errRequests(l.limits.Requests, l.limits.Window)
	case execution >= l.limits.Execution:
		return errExecution(l.limits.Execution, l.limits.Window)
	}
	return nil
}

// part counts a part of a batch of the client, where limits hold for parts.
func (l *limiter) part(client string) (refusal *odataError) {
	if l == nil || !l.limits.Parts {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.clients[client]
	if refusal = l.exceededLocked(u, l.now()); refusal == nil {
		last, _, _ := u.recent(l.now(), l.limits.Window)
		last.requests++
	}
	return refusal
}

// charge counts execution time as it passes, for a clock that stands still while a row is written.
func (l *limiter) charge(client string, d time.Duration) {
	if l == nil || d <= 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if u := l.clients[client]; u != nil {
		last, _, _ := u.recent(l.now(), l.limits.Window)
		last.execution += d
		u.charged += d
	}
}

// leave counts the time of a request that was not charged while it ran.
func (l *limiter) leave(u *usage, began time.Time, chargedBefore time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	last, _, _ := u.recent(now, l.limits.Window)
	last.execution += max(0, now.Sub(began)-(u.charged-chargedBefore))
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

func errRequests(limit int, window time.Duration) *odataError {
	return fail(http.StatusTooManyRequests, codeRequests, "Number of requests exceeded the limit of %d over time window of %d seconds.",
		limit, int(window.Seconds()))
}

func errExecution(limit, window time.Duration) *odataError {
	return fail(http.StatusTooManyRequests, codeExecution,
		"Combined execution time of incoming requests exceeded limit of %d milliseconds over time window of %d seconds. "+
			"Decrease number of concurrent requests or reduce the duration of requests and try again later.",
		limit.Milliseconds(), int(window.Seconds()))
}

func errConcurrency(limit int) *odataError {
	return fail(http.StatusTooManyRequests, codeConcurrency, "Number of concurrent requests exceeded the limit of %d.", limit)
}

// throttle answers a request or a part over a limit and opens the window in which the client has to wait.
func (s *Server) throttle(w http.ResponseWriter, r *http.Request, refusal *odataError) {
	s.faults.Throttle(w, r, s.retryAfter())
	writeError(w, refusal)
}

func (s *Server) retryAfter() time.Duration {
	if s.limits == nil {
		return Limits{}.withDefaults().RetryAfter
	}
	return s.limits.limits.RetryAfter
}

// refusePart is the refusal of a part of a batch, nil where it is served. Parts that are picked by chance are refused
// for each of the three kinds in turn.
func (s *Server) refusePart(client string) *odataError {
	if refusal := s.limits.part(client); refusal != nil {
		return refusal
	}
	n := s.parts.Add(1)
	pick := rand.New(rand.NewPCG(s.opt.Seed, n))
	if s.opt.ThrottledParts <= 0 || pick.Float64() >= s.opt.ThrottledParts {
		return nil
	}
	vendor := Limits{}.withDefaults()
	switch pick.IntN(3) {
	case 0:
		return errRequests(vendor.Requests, vendor.Window)
	case 1:
		return errExecution(vendor.Execution, vendor.Window)
	}
	return errConcurrency(vendor.Concurrent)
}

// work is the time that rows take.
func (s *Server) work(r *http.Request, rows int) {
	cost := time.Duration(rows) * s.opt.RowCost
	if cost <= 0 {
		return
	}
	timer := time.NewTimer(cost)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done(): // the client has gone; the row is written all the same
	}
	s.limits.charge(s.issuer.Client(r), cost)
}
