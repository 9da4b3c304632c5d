package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// ConnectionRevision is a connection as it is stored now. One that was never stored has number 0 and is empty.
type ConnectionRevision struct {
	Number     uint64
	Connection config.StoredConnection
	By         string
	At         time.Time
}

// Connections stores the connections to the remote systems, the newest version of each. Their secrets are sealed before
// they come here: nothing on the bus can open them.
type Connections struct{ c *Conn }

// NewConnections binds to the bucket; nothing is opened.
func NewConnections(c *Conn) *Connections { return &Connections{c: c} }

func (s *Connections) key(name config.ConnectionName) bucketKey {
	return bucketKey{c: s.c, bucket: BucketConnections, key: string(name), what: "the connection",
		stale: "the connection was changed by somebody else meanwhile: load it again and repeat the edit"}
}

// Latest is what is stored of a connection. One that somebody removed with the NATS CLI is empty and has a number.
func (s *Connections) Latest(ctx context.Context, name config.ConnectionName) (ConnectionRevision, error) {
	msg, err := s.key(name).latest(ctx)
	if msg == nil || err != nil {
		return ConnectionRevision{}, err
	}
	rev := ConnectionRevision{Number: msg.Sequence, By: orUnknown(msg.Header.Get(HeaderBy)), At: msg.Time}
	if msg.Header.Get(headerOperation) != "" { // DEL or PURGE
		return rev, nil
	}
	if err := json.Unmarshal(msg.Data, &rev.Connection); err != nil {
		// The cause quotes what was found, and that may be anything (invariant 9).
		return rev, fault.New(fault.Fatal, fmt.Sprintf("the stored connection %s cannot be read: set it up again on the page Settings", name))
	}
	return rev, nil
}

// All is what is stored of every connection.
func (s *Connections) All(ctx context.Context) (map[config.ConnectionName]ConnectionRevision, error) {
	all := map[config.ConnectionName]ConnectionRevision{}
	for _, name := range config.ConnectionNames() {
		rev, err := s.Latest(ctx, name)
		if err != nil && rev.Number == 0 { // One that cannot be read is empty: it can be set up again.
			return nil, err
		}
		all[name] = rev
	}
	return all, nil
}

// Put stores a connection on top of the version that the caller saw, 0 for the first; fault.Stale when that is no longer
// the newest.
func (s *Connections) Put(ctx context.Context, name config.ConnectionName, connection config.StoredConnection, expected uint64, by string) (ConnectionRevision, error) {
	data, err := json.Marshal(connection)
	if err != nil {
		return ConnectionRevision{}, fmt.Errorf("encode connection %s: %w", name, err)
	}
	number, err := s.key(name).put(ctx, data, expected, by)
	if err != nil {
		return ConnectionRevision{}, err
	}
	return ConnectionRevision{Number: number, Connection: connection, By: by, At: time.Now().UTC()}, nil
}
