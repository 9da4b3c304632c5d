package natsapi

import (
	"bytes"
	"context"

	"github.com/causeway-sync/causeway/services/admin/backend"
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
	put, faults := parsePut(data)
	if len(faults) > 0 {
		return nil, backend.InvalidConnection(faults)
	}
	return a.service.PutConnection(ctx, name, put.Document, *put.Revision, a.caller())
}

// testConnection takes nothing, or a draft.
func (a *microAPI) testConnection(ctx context.Context, name string, data []byte) (any, error) {
	return a.service.TestConnection(ctx, name, data)
}
