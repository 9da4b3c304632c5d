package admission

import (
	"net/http"

	"github.com/causeway-sync/causeway/pkg/access"
)

// SessionCookie is the name of the cookie that holds the session's id. Over TLS its prefix makes browsers refuse one that
// was set without TLS, or by a neighbouring host.
func SessionCookie(secure bool) string {
	if secure {
		return "__Host-causeway"
	}
	return "causeway"
}

// BeginSession starts a new session in a browser, never going on with one that it brought.
func (d *Door) BeginSession(w http.ResponseWriter, r *http.Request, who access.Identity) {
	d.forget(r)
	d.setSession(w, r, d.sessions.Begin(who), 0)
}

// EndSession ends the session that a request brings.
func (d *Door) EndSession(w http.ResponseWriter, r *http.Request) {
	d.forget(r)
	d.setSession(w, r, "", -1)
}

func (d *Door) forget(r *http.Request) {
	if cookie, err := r.Cookie(SessionCookie(PeerOf(r.Context()).Secure)); err == nil {
		d.sessions.End(cookie.Value)
	}
	d.watch.look()
}

func (d *Door) setSession(w http.ResponseWriter, r *http.Request, id string, maxAge int) {
	secure := PeerOf(r.Context()).Secure
	http.SetCookie(w, &http.Cookie{Name: SessionCookie(secure), Value: id, Path: "/", MaxAge: maxAge, HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode})
}
