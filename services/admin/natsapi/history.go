package natsapi

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/causeway-sync/causeway/services/admin/backend"
)

// commands takes nothing, or {"workflow":"ingress","by":"anna","before":n,"limit":n}.
func (a *microAPI) commands(ctx context.Context, _ string, data []byte) (any, error) {
	var q struct {
		Workflow string `json:"workflow"`
		By       string `json:"by"`
		Before   uint64 `json:"before"`
		Limit    int    `json:"limit"`
	}
	q.Limit = backend.DefaultHistory
	if !understood(data, &q) || q.Limit < 1 || q.Limit > backend.MaxHistory {
		return nil, notUnderstood(`send nothing for the newest, or any of {"workflow":"ingress","by":"anna","before":n,"limit":n}, n from 1 to 1000`)
	}
	return a.service.Commands(ctx, backend.HistoryQuery(q))
}

// revisions takes nothing for the list, or {"number":n} and with it "against":n for one.
func (a *microAPI) revisions(ctx context.Context, id string, data []byte) (any, error) {
	var q struct {
		Number  uint64 `json:"number"`
		Against uint64 `json:"against"`
	}
	if !understood(data, &q) {
		return nil, notUnderstood(`send nothing for the list, or {"number":7} for one, and "against":5 to compare it with another than the one before`)
	}
	if q.Number == 0 {
		return a.service.Revisions(ctx, id)
	}
	return a.service.Revision(ctx, id, q.Number, q.Against)
}

// restore takes {"number":n}, and with it "latest":n.
func (a *microAPI) restore(ctx context.Context, id string, data []byte) (any, error) {
	var q struct {
		Number uint64  `json:"number"`
		Latest *uint64 `json:"latest"`
	}
	if !understood(data, &q) || q.Number == 0 {
		return nil, notUnderstood(`send {"number":7} for the revision to restore, and "latest":9 to be refused where another is the latest`)
	}
	return a.service.Restore(ctx, id, q.Number, q.Latest, a.caller())
}

// understood reads a request, of which an empty one has nothing to say. A name that is not known is a mistake.
func understood(data []byte, into any) bool {
	if len(bytes.TrimSpace(data)) == 0 {
		return true
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into) == nil
}
