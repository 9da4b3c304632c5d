package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/causeway-sync/causeway/services/admin/backend"
)

// registerLedger adds the operation on what was decided about a contact.
func (a *httpAPI) registerLedger(api huma.API) {
	add(a, api, operation{id: "list-ledger", method: http.MethodGet, path: "/workflows/optinout/ledger",
		summary: "What Opt In/Out has decided about a contact, oldest first, each decision decided again", status: 200}, a.ledger)
}

type ledgerInput struct {
	Contact string `query:"contact" required:"true" doc:"the contact's id" example:"0f8fad5b-d9cb-469f-a165-70867728950e"`
	After   uint64 `query:"after" doc:"the next of the page before"`
}

type ledgerOutput struct{ Body backend.Ledger }

func (a *httpAPI) ledger(ctx context.Context, in *ledgerInput) (*ledgerOutput, error) {
	list, err := a.service.Ledger(ctx, in.Contact, in.After)
	return &ledgerOutput{Body: list}, err
}
