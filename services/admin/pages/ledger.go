package pages

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/consent"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/services/admin/backend"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// ledgerView is the page that shows what was decided about a contact.
type ledgerView struct {
	// Asked is the text that was looked up, empty for none.
	Asked   string
	Ledger  backend.Ledger
	Problem string
	// Older leads to the entries before these, Newest back to the newest; empty where there is nowhere to go.
	Older, Newest string
}

// ledger looks a contact up: its newest entries, the one in force first, and from there back.
func (s *Site) ledger(w http.ResponseWriter, r *http.Request) error {
	asked := r.URL.Query()
	view, status := ledgerView{Asked: asked.Get("contact")}, http.StatusOK
	var before uint64
	if text := asked.Get("before"); text != "" {
		var err error
		if before, err = strconv.ParseUint(text, 10, 64); err != nil {
			return problems.New(http.StatusBadRequest, "The address is not one of this page: before is not a number.")
		}
	}
	if view.Asked != "" {
		list, older, err := s.service.NewestDecisions(r.Context(), view.Asked, before)
		switch {
		case fault.Is(err, fault.Invalid):
			view.Problem, status = fault.Message(err), http.StatusUnprocessableEntity
		case err != nil:
			return err
		}
		if older {
			view.Older = ledgerAddress(list.Contact, list.Entries[0].Revision)
		}
		if before > 0 {
			view.Newest = ledgerAddress(list.Contact, 0)
		}
		slices.Reverse(list.Entries)
		view.Ledger = list
	}
	return s.render(w, r, status, "ledger", page{Title: "What was decided about a contact", Here: "/", Body: view,
		Crumbs: []crumb{{"Workflows", "/"}, {"Opt In/Out", "/workflows/optinout/edit"}, {"Ledger", ""}}})
}

// ledgerAddress is the page of a contact's entries before a revision, or of its newest ones.
func ledgerAddress(contact string, before uint64) string {
	query := url.Values{"contact": {contact}}
	if before > 0 {
		query.Set("before", strconv.FormatUint(before, 10))
	}
	return "/workflows/optinout/ledger?" + query.Encode()
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
