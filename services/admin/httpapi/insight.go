package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/causeway-sync/causeway/services/admin/backend"
)

// registerInsight adds the operations that tell how things went.
func (a *httpAPI) registerInsight(api huma.API) {
	add(a, api, operation{id: "get-trend", method: http.MethodGet, path: "/workflows/{id}/trend",
		summary: "How a workflow was in the last hours, a sample a minute, oldest first", status: 200}, a.trend)
	add(a, api, operation{id: "trace-record", method: http.MethodGet, path: "/trace",
		summary: "Where is this record? Every version that is kept, by key, without payloads: waiting, in flight, parked, settled or rejected, and when", status: 200}, a.trace)
}

type trendInput struct {
	ID    string `path:"id" doc:"ingress, egress or optinout" example:"ingress"`
	Hours int    `query:"hours" minimum:"1" maximum:"24" default:"1" doc:"how far back"`
}

type trendOutput struct{ Body backend.TrendView }

func (a *httpAPI) trend(_ context.Context, in *trendInput) (*trendOutput, error) {
	view, err := a.service.Trend(in.ID, in.Hours)
	return &trendOutput{Body: view}, err
}

type traceInput struct {
	Key      string `query:"key" required:"true" doc:"the whole key of the record: of a row its id, of an e-mail event the event's; blanks around it, braces and case do not matter" example:"0f8fad5b-d9cb-469f-a165-70867728950e"`
	Workflow string `query:"workflow" doc:"ingress, egress or optinout; all where it is missing" example:"ingress"`
}

type traceOutput struct{ Body backend.Trace }

func (a *httpAPI) trace(ctx context.Context, in *traceInput) (*traceOutput, error) {
	found, err := a.service.Trace(ctx, in.Key, in.Workflow)
	return &traceOutput{Body: found}, err
}
