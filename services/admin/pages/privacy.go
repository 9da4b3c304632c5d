package pages

import (
	"context"
	"net/http"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

func (s *Site) registerPrivacy(mux *admission.Router) {
	mux.HandleFunc("GET /privacy", s.page(s.privacy))
	mux.HandleFunc("POST /privacy", s.page(s.acknowledgePrivacy))
}

// privacy shows the responsibilities.
func (s *Site) privacy(w http.ResponseWriter, r *http.Request) error {
	notice, err := s.service.Privacy(r.Context())
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "privacy", page{Title: "Personal data", Here: "/about", Body: notice, Crumbs: []crumb{{"Workflows", "/"}, {"About", "/about"}, {"Personal data", ""}}})
}

func (s *Site) acknowledgePrivacy(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.service.AcknowledgePrivacy(r.Context(), admission.CallerOf(r.Context(), "page")); err != nil {
		return err
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// privacyOpen is what the front page asks an admin to take note of, nil where there is nothing to ask. That it cannot be
// read keeps nobody from the workflows.
func (s *Site) privacyOpen(ctx context.Context) *backend.PrivacyNotice {
	if !admission.IdentityOf(ctx).Role.Includes(access.Admin) {
		return nil
	}
	notice, err := s.service.Privacy(ctx)
	if err != nil {
		s.cfg.Log.Warn("who has acknowledged the privacy responsibilities cannot be read", zap.Error(fault.Cause(err)))
		return nil
	}
	if notice.Acknowledged {
		return nil
	}
	return &notice
}
