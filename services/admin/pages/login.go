package pages

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

const (
	// ticketCookie holds what a browser carries while it is at the provider.
	ticketCookie = "causeway-login"
	// maxLogin bounds the form: a name and a password.
	maxLogin = 8 << 10
)

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

func (s *Site) registerLogin(mux *admission.Router) {
	mux.HandleFunc("GET /login", s.page(s.loginPage))
	mux.HandleFunc("POST /login", s.page(s.signIn))
	mux.HandleFunc("POST /logout", s.page(s.signOut))
	mux.HandleFunc("GET /login/provider", s.page(s.toProvider))
	mux.HandleFunc("GET "+admission.BackPath, s.page(s.fromProvider))
}

func (s *Site) loginPage(w http.ResponseWriter, r *http.Request) error {
	to := localPath(r.URL.Query().Get("to"))
	if admission.IdentityOf(r.Context()).Role != access.Nobody {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return nil
	}
	s.showLogin(w, r, http.StatusOK, login{To: to})
	return nil
}

func (s *Site) showLogin(w http.ResponseWriter, r *http.Request, status int, l login) {
	l.Passwords, l.Provider = s.door.Passwords() != nil, s.door.IdentityProvider() != nil
	if err := s.render(w, r, status, "login", page{Title: "Sign in", Body: l}); err != nil {
		s.cfg.Log.Error("the page to sign in cannot be shown", zap.Error(err))
	}
}

// signIn checks name and password, and begins a session.
func (s *Site) signIn(w http.ResponseWriter, r *http.Request) error {
	if s.door.Passwords() == nil {
		return problems.New(http.StatusNotFound, "Nobody signs in with a password here.")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxLogin)
	if err := r.ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return problems.New(http.StatusRequestEntityTooLarge, "The form is larger than a name and a password.")
		}
		return errorOfForm(err)
	}
	name, to := r.PostForm.Get("name"), localPath(r.PostForm.Get("to"))
	peer := admission.PeerOf(r.Context())
	who, err := s.door.Passwords().Password(r.Context(), name, r.PostForm.Get("password"), peer.Address)
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
	s.showLogin(w, r, status, login{Name: admission.Printable(name), To: to, Fault: fault.Message(err)})
	return nil
}

// begin starts a new session, never going on with one that the browser brought, and leads to where somebody wanted to go.
func (s *Site) begin(w http.ResponseWriter, r *http.Request, who access.Identity, to string) {
	s.door.BeginSession(w, r, who)
	s.cfg.Log.Info("somebody signed in", zap.String("name", who.Name), zap.Stringer("role", who.Role), zap.String("means", string(who.Means)), zap.String("address", admission.PeerOf(r.Context()).Address))
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (s *Site) signOut(w http.ResponseWriter, r *http.Request) error {
	s.door.EndSession(w, r)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}
