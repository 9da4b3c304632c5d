package pages

import (
	"net/http"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// toProvider leads a browser to the identity provider.
func (s *Site) toProvider(w http.ResponseWriter, r *http.Request) error {
	if s.door.IdentityProvider() == nil {
		return problems.New(http.StatusNotFound, "No identity provider is set up here.")
	}
	address, ticket, err := s.door.IdentityProvider().Begin(localPath(r.URL.Query().Get("to")))
	if err != nil {
		return s.providerFailed(w, r, "/", err)
	}
	s.setTicket(w, r, ticket, 600)
	http.Redirect(w, r, address, http.StatusSeeOther)
	return nil
}

// fromProvider takes whom the identity provider sends back.
func (s *Site) fromProvider(w http.ResponseWriter, r *http.Request) error {
	if s.door.IdentityProvider() == nil {
		return problems.New(http.StatusNotFound, "No identity provider is set up here.")
	}
	ticket := ""
	if cookie, err := r.Cookie(ticketCookie); err == nil {
		ticket = cookie.Value
	}
	s.setTicket(w, r, "", -1) // It is good for one attempt.
	who, to, err := s.door.IdentityProvider().Finish(r.Context(), r.URL.Query(), ticket)
	if err != nil {
		return s.providerFailed(w, r, localPath(to), err)
	}
	s.begin(w, r, who, localPath(to))
	return nil
}

func (s *Site) setTicket(w http.ResponseWriter, r *http.Request, ticket string, seconds int) {
	http.SetCookie(w, &http.Cookie{Name: ticketCookie, Value: ticket, Path: "/login", MaxAge: seconds, HttpOnly: true,
		Secure: admission.PeerOf(r.Context()).Secure, SameSite: http.SameSiteLaxMode})
}

// providerFailed shows the page to sign in again, with what went wrong.
func (s *Site) providerFailed(w http.ResponseWriter, r *http.Request, to string, err error) error {
	status := http.StatusUnauthorized
	switch fault.KindOf(err) {
	case fault.Conflict:
		status = http.StatusForbidden
	case fault.Transient:
		status = http.StatusServiceUnavailable
	}
	s.cfg.Log.Warn("somebody could not sign in at the identity provider", zap.String("address", admission.PeerOf(r.Context()).Address), zap.Error(fault.Cause(err)))
	s.showLogin(w, r, status, login{To: to, Refused: fault.Message(err)})
	return nil
}
