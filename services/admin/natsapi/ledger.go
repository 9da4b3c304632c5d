package natsapi

import (
	"bytes"
	"context"
	"encoding/json"
)

// ledgerRequest is what the ledger's endpoint takes.
type ledgerRequest struct {
	Contact string `json:"contact"`
	After   uint64 `json:"after"`
}

// ledger lists what was decided about a contact.
func (a *microAPI) ledger(ctx context.Context, _ string, data []byte) (any, error) {
	var r ledgerRequest
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return nil, notUnderstood(`send {"contact":"<id>"}, and "after":n for what stands behind an entry`)
	}
	return a.service.Ledger(ctx, r.Contact, r.After)
}
