package admission

import (
	"errors"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
	"unicode"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// MaxBody bounds every request's body.
const MaxBody = 1 << 20

// bodyTimeout is how long a request's body may take to arrive.
const bodyTimeout = 15 * time.Second

// Guard puts around a handler what every request needs: nobody else's web site may send a command or read an answer,
// a body has a limit, and a bug in a handler costs one request.
func (d *Door) Guard(next http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problems.Write(w, problems.CrossSite())
	}))
	h := origin.Handler(next)
	h = d.identify(h)
	h = d.onlyKnownHosts(h)
	h = limitBody(h)
	h = withHeaders(h, d.proxies)
	return recoverPanics(h, d.log)
}

// recoverPanics turns a panic into a 500 and a log entry.
func recoverPanics(next http.Handler, log *zap.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(cause)
			}
			log.Error("a handler panicked", zap.Any("cause", cause), zap.String("method", r.Method), zap.ByteString("stack", debug.Stack()))
			problems.Write(w, problems.New(http.StatusInternalServerError, "internal error; the service's log says more"))
		}()
		next.ServeHTTP(w, r)
	})
}

// withHeaders tells browsers to load nothing from elsewhere, to run no inline script and to show the pages in no frame.
func withHeaders(next http.Handler, proxies access.Proxies) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		if r.TLS != nil || proxies.Peer(r).Secure { // Also where a trusted proxy ends TLS.
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// limitBody bounds how much a request may bring, and how long it may take to bring it.
func limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > MaxBody {
			problems.Write(w, problems.New(http.StatusRequestEntityTooLarge, "the body is larger than 1 MB"))
			return
		}
		if r.Body != nil && r.Body != http.NoBody {
			// The server lifts the deadline when it has read the body: the answer may take longer. Where the connection has no
			// deadlines, the server's own limits have to do.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
		}
		r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
		next.ServeHTTP(w, r)
	})
}

// onlyKnownHosts refuses names that another web site could have pointed at this machine (DNS rebinding). On a loopback
// address that is every name but localhost; elsewhere only a list of hosts can tell.
func (d *Door) onlyKnownHosts(next http.Handler) http.Handler {
	if len(d.hosts) == 0 && !d.loopback {
		return next
	}
	known := map[string]bool{"localhost": true}
	for _, h := range d.hosts {
		known[strings.ToLower(h)] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = strings.ToLower(strings.Trim(host, "[]"))
		if !known[host] && net.ParseIP(host) == nil && !d.underAnyName(r.URL.Path) {
			problems.Write(w, problems.New(http.StatusMisdirectedRequest, "this service is not known under that host name; add the name to its hosts"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// underAnyName reports whether a path is one of monitoring's, which reaches the service by a name of its own network, such as
// admin:8080 between containers. The hosts are the names of browsers, and one that was led astray has no token for the
// metrics and finds nothing secret in a probe. Where nobody is set up metrics ask for no token, and stay behind the check.
func (d *Door) underAnyName(path string) bool {
	return path == "/healthz" || path == "/readyz" || path == "/metrics" && !d.open
}

// Printable keeps what can stand in a log: at most 100 printable characters.
func Printable(s string) string {
	var kept strings.Builder
	for _, r := range s {
		if kept.Len() >= 100 {
			break
		}
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			kept.WriteRune(r)
		}
	}
	return strings.TrimSpace(kept.String())
}
