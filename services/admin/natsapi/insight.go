package natsapi

import (
	"bytes"
	"context"

	"github.com/causeway-sync/causeway/services/admin/backend"
)

// trend takes nothing for the last hour, or {"hours":n}.
func (a *microAPI) trend(_ context.Context, id string, data []byte) (any, error) {
	var q struct {
		Hours int `json:"hours"`
	}
	if !understood(data, &q) || q.Hours < 0 || q.Hours > backend.MaxTrendHours {
		return nil, notUnderstood(`send nothing for the last hour, or {"hours":24} for as many, at most 24`)
	}
	return a.service.Trend(id, q.Hours)
}

// trace takes {"key":"..."}, and with it "workflow".
func (a *microAPI) trace(ctx context.Context, _ string, data []byte) (any, error) {
	var q struct {
		Key      string `json:"key"`
		Workflow string `json:"workflow"`
	}
	if !understood(data, &q) {
		return nil, notUnderstood(`send {"key":"..."}, and "workflow":"ingress" to look in one alone`)
	}
	return a.service.Trace(ctx, q.Key, q.Workflow)
}

// usage takes nothing.
func (a *microAPI) usage(context.Context, string, []byte) (any, error) { return a.service.Usage(), nil }

// settings reads, or with {"revision":7,"document":{...}} stores, the settings.
func (a *microAPI) settings(ctx context.Context, _ string, data []byte) (any, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return a.service.Settings(ctx)
	}
	put, faults := parsePut(data)
	if len(faults) > 0 {
		return nil, backend.InvalidSettings(faults)
	}
	return a.service.PutSettings(ctx, put.Document, *put.Revision, a.caller())
}
