package admin

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/fault"
)

const (
	// ticketCookie holds what a browser carries while it is at the provider.
	ticketCookie = "causeway-login"
	// maxLogin bounds the form: a name and a password.
	maxLogin = 8 << 10
)

// sessionCookie is the name of the cookie that holds the session's id. Over TLS its prefix makes browsers refuse one that
// was set without TLS, or by a neighbouring host.
func sessionCookie(secure bool) string {
	if secure {
		return "__Host-causeway"
	}
	return "causeway"
}

// login is the page where one signs in.
type login struct {
	Name, To string
	// Fault stands beside the password, Refused above: what the provider's way came to.
	Fault, Refused string
	// Ended is true when a form came after the session's end: nothing was changed.
	Ended bool
	// Passwords and Provider are the ways there are.
	Passwords, Provider bool
}

// ProviderPath leads to the provider, and back to where somebody wanted to go.
func (l login) ProviderPath() string { return "/login/provider?" + url.Values{"to": {l.To}}.Encode() }

func (s *site) registerLogin(mux *router) {
	mux.HandleFunc("GET /login", s.page(s.loginPage))
	mux.HandleFunc("POST /login", s.page(s.signIn))
	mux.HandleFunc("POST /logout", s.page(s.signOut))
	mux.HandleFunc("GET /login/provider", s.page(s.toProvider))
	mux.HandleFunc("GET "+backPath, s.page(s.fromProvider))
}

func (s *site) loginPage(w http.ResponseWriter, r *http.Request) error {
	to := localPath(r.URL.Query().Get("to"))
	if identityOf(r.Context()).Role != access.Nobody {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return nil
	}
	s.showLogin(w, r, http.StatusOK, login{To: to})
	return nil
}

func (s *site) showLogin(w http.ResponseWriter, r *http.Request, status int, l login) {
	l.Passwords, l.Provider = s.door.signIn != nil, s.door.provider != nil
	if err := s.render(w, r, status, "login", page{Title: "Sign in", Body: l}); err != nil {
		s.cfg.Log.Error("the page to sign in cannot be shown", zap.Error(err))
	}
}

// signIn checks name and password, and begins a session.
func (s *site) signIn(w http.ResponseWriter, r *http.Request) error {
	if s.door.signIn == nil {
		return newProblem(http.StatusNotFound, "Nobody signs in with a password here.")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxLogin)
	if err := r.ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return newProblem(http.StatusRequestEntityTooLarge, "The form is larger than a name and a password.")
		}
		return errorOfForm(err)
	}
	name, to := r.PostForm.Get("name"), localPath(r.PostForm.Get("to"))
	peer := visitOf(r.Context()).peer
	who, err := s.door.signIn.Password(r.Context(), name, r.PostForm.Get("password"), peer.Address)
	if err == nil {
		s.begin(w, r, who, to)
		return nil
	}
	status := http.StatusUnauthorized
	if fault.Is(err, fault.Throttled) {
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", strconv.Itoa(int(fault.After(err)/time.Second)))
	}
	s.cfg.Log.Warn("somebody could not sign in", zap.String("address", peer.Address), zap.String("why", fault.Message(err)))
	s.showLogin(w, r, status, login{Name: printable(name), To: to, Fault: fault.Message(err)})
	return nil
}

// begin starts a new session, never going on with one that the browser brought, and leads to where somebody wanted to go.
func (s *site) begin(w http.ResponseWriter, r *http.Request, who access.Identity, to string) {
	peer := visitOf(r.Context()).peer
	s.door.endSession(r, peer)
	http.SetCookie(w, &http.Cookie{Name: sessionCookie(peer.Secure), Value: s.door.sessions.Begin(who), Path: "/", HttpOnly: true, Secure: peer.Secure, SameSite: http.SameSiteLaxMode})
	s.cfg.Log.Info("somebody signed in", zap.String("name", who.Name), zap.Stringer("role", who.Role), zap.String("means", string(who.Means)), zap.String("address", peer.Address))
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// endSession ends the session that a request brings.
func (d *door) endSession(r *http.Request, peer access.Peer) {
	if cookie, err := r.Cookie(sessionCookie(peer.Secure)); err == nil {
		d.sessions.End(cookie.Value)
	}
	d.watch.look()
}

func (s *site) signOut(w http.ResponseWriter, r *http.Request) error {
	peer := visitOf(r.Context()).peer
	s.door.endSession(r, peer)
	http.SetCookie(w, &http.Cookie{Name: sessionCookie(peer.Secure), Path: "/", MaxAge: -1, HttpOnly: true, Secure: peer.Secure, SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}
