package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

// registerPrivacy adds the operations on the responsibilities for personal data. Machines are not kept from anything by
// what is not acknowledged.
func (a *httpAPI) registerPrivacy(api huma.API) {
	add(a, api, operation{id: "get-privacy", method: http.MethodGet, path: "/privacy", summary: "The responsibilities for personal data, and who has acknowledged them", status: 200}, a.getPrivacy)
	add(a, api, operation{id: "acknowledge-privacy", method: http.MethodPost, path: "/privacy", summary: "Record that you have taken note of the responsibilities; the first one counts", status: 200}, a.postPrivacy)
}

type privacyOutput struct{ Body backend.PrivacyNotice }

func (a *httpAPI) getPrivacy(ctx context.Context, _ *struct{}) (*privacyOutput, error) {
	notice, err := a.service.Privacy(ctx)
	return &privacyOutput{Body: notice}, err
}

func (a *httpAPI) postPrivacy(ctx context.Context, _ *struct{}) (*privacyOutput, error) {
	notice, err := a.service.AcknowledgePrivacy(ctx, admission.CallerOf(ctx, "http"))
	return &privacyOutput{Body: notice}, err
}
