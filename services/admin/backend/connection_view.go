package backend

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/config"
)

// StoredConnections is what the bucket holds of each connection; nil while that is not known.
type StoredConnections map[config.ConnectionName]StoredConnectionFact

// StoredConnectionFact is the revision that is stored, and whether there is anything in it.
type StoredConnectionFact struct {
	Number uint64
	SetUp  bool
}

// pollConnections reads what is stored of the connections. What cannot be read stays as it was.
func (m *monitor) pollConnections(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	all, err := m.connections.All(ctx)
	if err != nil {
		return err
	}
	known := StoredConnections{}
	for name, rev := range all {
		known[name] = StoredConnectionFact{Number: rev.Number, SetUp: rev.Connection.IsSetUp()}
	}
	m.stored.Store(&known)
	return nil
}

// storedConnections is what was read last. Nobody changes it.
func (m *monitor) storedConnections() StoredConnections {
	if known := m.stored.Load(); known != nil {
		return *known
	}
	return nil
}

// isMissing reports whether a connection is known to be set up nowhere: neither in the bucket, nor in the environment of an
// instance that is alive and says so. While no instance is alive nobody knows what its environment would set.
func (f Facts) isMissing(name config.ConnectionName, now time.Time) bool {
	stored, known := f.Connections[name]
	if !known || stored.SetUp {
		return false
	}
	said := false
	for _, s := range f.Heartbeats {
		if !s.alive(now) || s.Connections == nil {
			continue
		}
		if s.Connections[string(name)].Environment {
			return false
		}
		said = true
	}
	return said
}

// whyDisconnected says which connections a start would miss, or is empty.
func whyDisconnected(f Facts, now time.Time) string {
	doc, err := f.Latest.decode(f.ID)
	if err != nil {
		return ""
	}
	var missing []string
	for _, name := range config.ConnectionsOf(f.ID, doc) {
		if f.isMissing(name, now) {
			missing = append(missing, name.Label())
		}
	}
	switch len(missing) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("the connection to %s is not set up: set it up on the page Settings", missing[0])
	}
	return fmt.Sprintf("the connections to %s are not set up: set them up on the page Settings", strings.Join(missing, " and "))
}

// reconnections tells which connections were edited since the run began with them (invariant 7).
func reconnections(f Facts, active *Seen) []string {
	var changes []string
	if !active.Status.Started() {
		return nil
	}
	for _, name := range config.ConnectionNames() {
		used := active.Connections[string(name)].Revision
		if stored, known := f.Connections[name]; known && used != 0 && used != stored.Number {
			changes = append(changes, "connection "+string(name)+" changed")
		}
	}
	return changes
}
