package pages

import (
	"net/http"
	"slices"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/consent"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

// ledgerView is the page that shows what was decided about a contact.
type ledgerView struct {
	// Asked is the text that was looked up, empty for none.
	Asked   string
	Ledger  backend.Ledger
	Problem string
}

// ledger looks a contact up: a page of entries, the newest of them first.
func (s *Site) ledger(w http.ResponseWriter, r *http.Request) error {
	view, status := ledgerView{Asked: r.URL.Query().Get("contact")}, http.StatusOK
	if view.Asked != "" {
		var err error
		view.Ledger, err = s.service.Ledger(r.Context(), view.Asked, 0)
		switch {
		case fault.Is(err, fault.Invalid):
			view.Problem, status = fault.Message(err), http.StatusUnprocessableEntity
		case err != nil:
			return err
		}
		slices.Reverse(view.Ledger.Entries)
	}
	return s.render(w, r, status, "ledger", page{Title: "What was decided about a contact", Here: "/", Body: view,
		Crumbs: []crumb{{"Workflows", "/"}, {"Opt In/Out", "/workflows/optinout/edit"}, {"Ledger", ""}}})
}

// groundText says why a value holds.
func groundText(g consent.Ground) string {
	switch g {
	case consent.CampaignLeads:
		return "Campaign leads"
	case consent.CampaignNewer:
		return "Campaign is newer"
	case consent.OptOutWins:
		return "an opt-out wins"
	case consent.BothIn:
		return "both have opted in"
	}
	return string(g)
}

// outText is a value for people.
func outText(out bool) string {
	if out {
		return "opted out"
	}
	return "opted in"
}

func fieldText(field string) string { return config.OptOutLabel(field) }
