package httpapi

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/services/admin/admission"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

// registerUsage adds the operations on use and budgets.
func (a *httpAPI) registerUsage(api huma.API) {
	add(a, api, operation{id: "get-usage", method: http.MethodGet, path: "/usage",
		summary: "Campaign engine calls and Dynamics 365 requests of today (UTC), by workflow, beside the budgets", status: 200}, a.usage)
	add(a, api, operation{id: "get-settings", method: http.MethodGet, path: "/settings",
		summary: "What is set for the whole installation; its revision is the ETag", status: 200}, a.getSettings)
	put := operation{id: "put-settings", method: http.MethodPut, path: "/settings",
		summary: "Store the settings; 412 when If-Match is not the latest revision, 422 with every fault", status: 200}
	put.unchecked = true // pkg/config checks it, and names every fault.
	add(a, api, put, a.putSettings)
	doc := api.OpenAPI()
	schema := doc.Components.Schemas.Schema(reflect.TypeFor[config.Settings](), true, "")
	doc.Paths[apiPrefix+"/settings"].Put.RequestBody.Content = map[string]*huma.MediaType{"application/json": {Schema: schema}}
}

type usageOutput struct{ Body backend.Usage }

func (a *httpAPI) usage(context.Context, *struct{}) (*usageOutput, error) {
	return &usageOutput{Body: a.service.Usage()}, nil
}

// settingsOutput is the settings as they are stored.
type settingsOutput struct {
	ETag string `header:"ETag" doc:"the revision, in quotes"`
	Body config.Settings
}

func shownSettings(s backend.SettingsState) *settingsOutput {
	return &settingsOutput{ETag: etag(s.Revision), Body: s.Settings}
}

func (a *httpAPI) getSettings(ctx context.Context, _ *struct{}) (*settingsOutput, error) {
	state, err := a.service.Settings(ctx)
	return shownSettings(state), err
}

type putSettingsInput struct {
	IfMatch string `header:"If-Match" doc:"the revision that was edited, as in the ETag; * for whatever is stored"`
	RawBody []byte `contentType:"application/json"`
}

func (a *httpAPI) putSettings(ctx context.Context, in *putSettingsInput) (*settingsOutput, error) {
	expected, err := ifMatch(in.IfMatch, "settings", func() (uint64, error) {
		latest, err := a.service.Settings(ctx)
		return latest.Revision, err
	})
	if err != nil {
		return nil, err
	}
	state, err := a.service.PutSettings(ctx, in.RawBody, expected, admission.CallerOf(ctx, "http"))
	return shownSettings(state), err
}
