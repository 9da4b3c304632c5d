package admin

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/causeway-sync/causeway/pkg/config"
)

// connectionsSubject is the root of the NATS API for connections.
const connectionsSubject = "causeway.api.connections"

func (a *microAPI) connections(ctx context.Context, _ string, _ []byte) (any, error) {
	return a.service.Connections(ctx)
}

// connection reads, or with {"revision":7,"document":{...}} stores, a connection.
func (a *microAPI) connection(ctx context.Context, name string, data []byte) (any, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return a.service.Connection(ctx, name)
	}
	var put struct {
		Revision *uint64         `json:"revision"`
		Document json.RawMessage `json:"document"`
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&put); err != nil || put.Revision == nil || len(put.Document) == 0 {
		return nil, invalidConnection(config.Faults{{Problem: "the request is not understood",
			Fix: `send nothing to read, or {"revision":7,"document":{...}} to store what was edited on revision 7`}})
	}
	return a.service.PutConnection(ctx, name, put.Document, *put.Revision, a.caller())
}

// testConnection takes nothing, or a draft.
func (a *microAPI) testConnection(ctx context.Context, name string, data []byte) (any, error) {
	return a.service.TestConnection(ctx, name, data)
}
