package remotetest

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// API wraps the vendor's API paths: faults for PathsAPI hit here.
func (in *Injector) API(next http.Handler) http.Handler { return in.wrap(PathsAPI, next) }

// Token wraps the token endpoint: only faults for PathsToken or PathsAll hit here.
func (in *Injector) Token(next http.Handler) http.Handler { return in.wrap(PathsToken, next) }

func (in *Injector) wrap(paths string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		faults := in.faults()
		if faults == nil && !in.windows.open.Load() {
			next.ServeHTTP(w, r)
			return
		}
		// The token endpoint and the API are two systems: being throttled at one does not throttle the other.
		window := paths + " " + in.opt.Client(r)
		if left, pushed := in.windows.enter(window); left > 0 {
			in.refuse(w, r, left, pushed)
			return
		}
		in.serveBadly(w, r, next, paths, window, faults)
	})
}

func (in *Injector) serveBadly(w http.ResponseWriter, r *http.Request, next http.Handler, paths, window string, faults []*activeFault) {
	now := in.opt.Now()
	var unanswered *activeFault
	for _, f := range faults {
		if f.ended(now) {
			in.dropEnded()
			continue
		}
		if !f.concerns(paths) || !f.picks.hit() {
			continue
		}
		switch f.Kind {
		case Throttle:
			in.refuse(w, r, in.windows.start(window, seconds(f.RetryAfter)), false)
			return
		case Error:
			in.opt.WriteError(w, r, f.Status)
			return
		case Cut:
			cut(w)
		case TimeoutAfterWrite:
			if writes(r.Method) {
				unanswered = f
			}
		case Latency:
			wait(r.Context(), f.latency())
		case ExpireTokens, ExpireLinks:
			in.expire(f.Kind)
		}
	}
	if unanswered == nil {
		next.ServeHTTP(w, r)
		return
	}
	next.ServeHTTP(&discard{header: http.Header{}}, r)
	wait(r.Context(), unanswered.latency())
	cut(w)
}

// Throttle opens a window for the request's client, as the fault of this name does, for a simulator that has limits of
// its own. It counts the request and sets Retry-After; the caller writes the answer 429.
func (in *Injector) Throttle(w http.ResponseWriter, r *http.Request, length time.Duration) {
	left := in.windows.start(PathsAPI+" "+in.opt.Client(r), length)
	in.opt.Stats.Counter(Throttled).Add(1)
	w.Header().Set("Retry-After", retryAfter(left))
}

// refuse answers 429.
func (in *Injector) refuse(w http.ResponseWriter, r *http.Request, left time.Duration, pushed bool) {
	in.opt.Stats.Counter(Throttled).Add(1)
	if pushed {
		in.opt.Stats.Counter(DuringRetryAfter).Add(1)
	}
	w.Header().Set("Retry-After", retryAfter(left))
	in.opt.WriteThrottled(w, r)
}

// retryAfter is in whole seconds, rounded up, as RFC 9110 has it.
func retryAfter(left time.Duration) string {
	return strconv.FormatInt(int64((left+time.Second-1)/time.Second), 10)
}

// cut closes the connection without an answer and does not return.
func cut(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
	}
	panic(http.ErrAbortHandler) // ends the request where there was nothing to hijack (HTTP/2), and this call in any case
}

func writes(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	return true
}

func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// discard is where an answer goes that nobody will see.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}
