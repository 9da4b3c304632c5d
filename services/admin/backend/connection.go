package backend

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/catalog"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/seal"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// ConnectionState is one connection as everybody may see it. Secrets are write-only: only that they are set is told.
type ConnectionState struct {
	Name  config.ConnectionName `json:"name" example:"dynamics"`
	Label string                `json:"label" example:"Dynamics 365"`
	// SetUp reports whether something is stored; what the environment sets counts apart.
	SetUp    bool      `json:"setUp"`
	Revision uint64    `json:"revision" doc:"of what is stored, the ETag; 0 where nothing ever was"`
	By       string    `json:"by,omitempty"`
	At       time.Time `json:"at,omitzero"`
	// Settings by name; a secret is {"set":true,"setAt":...}.
	Settings map[string]any `json:"settings"`
	// Environment are the processes whose environment sets the connection. It wins over what is stored.
	Environment []catalog.ConnectionInUse `json:"environment"`
	// Problem says why what is stored cannot be read, or is empty.
	Problem string `json:"problem,omitempty"`
}

// ConnectionList are all connections.
type ConnectionList struct {
	Connections []ConnectionState `json:"connections"`
}

// ConnectionName checks a name that came from outside.
func ConnectionName(name string) (config.ConnectionName, error) {
	if n := config.ConnectionName(name); n.Valid() {
		return n, nil
	}
	return "", fault.New(fault.NotFound, fmt.Sprintf("there is no connection %.40q: use dynamics, campaign or sftp", name))
}

// Connections are all connections.
func (s *Service) Connections(ctx context.Context) (ConnectionList, error) {
	list := ConnectionList{}
	environment := s.environment(ctx)
	for _, name := range config.ConnectionNames() {
		one, _, err := s.connection(ctx, name)
		if err != nil {
			return ConnectionList{}, err
		}
		one.Environment = append(one.Environment, environment[name]...)
		list.Connections = append(list.Connections, one)
	}
	return list, nil
}

// Connection is one connection; fault.NotFound when there is none of that name.
func (s *Service) Connection(ctx context.Context, name string) (ConnectionState, error) {
	n, err := ConnectionName(name)
	if err != nil {
		return ConnectionState{}, err
	}
	one, _, err := s.connection(ctx, n)
	if set := s.environment(ctx)[n]; set != nil {
		one.Environment = set
	}
	return one, err
}

// connection reads what is stored.
func (s *Service) connection(ctx context.Context, name config.ConnectionName) (ConnectionState, bus.ConnectionRevision, error) {
	stored, err := s.connections.Latest(ctx, name)
	if err != nil && stored.Number == 0 {
		return ConnectionState{}, stored, err
	}
	one := ConnectionState{Name: name, Label: name.Label(), SetUp: stored.Connection.IsSetUp(), Revision: stored.Number, By: stored.By, At: stored.At,
		Settings: stored.Connection.Shown(name), Environment: []catalog.ConnectionInUse{}, Problem: fault.Message(err)}
	return one, stored, nil
}

// environmentTimeout is how long the services may take to say what their environment sets: it is in their memory.
const environmentTimeout = 2 * time.Second

// environment asks the services that are alive what their environment sets. One that does not answer sets nothing.
func (s *Service) environment(ctx context.Context) map[config.ConnectionName][]catalog.ConnectionInUse {
	ctx, cancel := context.WithTimeout(ctx, environmentTimeout)
	defer cancel()
	answers := make([][]catalog.ConnectionInUse, len(workflow.All()))
	var asking sync.WaitGroup
	for i, id := range workflow.All() {
		asking.Go(func() {
			if err := bus.Ask(ctx, s.conn, id, catalog.AskConnections, struct{}{}, &answers[i]); err != nil {
				s.log.Debug("a service does not say which connections its environment sets", zap.String("workflow", string(id)), zap.String("why", fault.Message(err)))
			}
		})
	}
	asking.Wait()
	found := map[config.ConnectionName][]catalog.ConnectionInUse{}
	for _, answer := range answers {
		for _, one := range answer {
			found[one.Name] = append(found[one.Name], one)
		}
	}
	return found
}

// PutConnection stores a connection that was edited on revision expected. The error is
//
//   - fault.Invalid wrapping config.Faults, all of them, when the document cannot be used;
//   - fault.Stale when expected is no longer the latest;
//   - fault.Conflict when a secret was given and this process has no key to seal it with.
//
// A running workflow keeps the connection that it started with (invariant 7).
func (s *Service) PutConnection(ctx context.Context, name string, document []byte, expected uint64, who Caller) (ConnectionState, error) {
	n, err := ConnectionName(name)
	if err != nil {
		return ConnectionState{}, err
	}
	state, latest, err := s.connection(ctx, n)
	if err != nil {
		return ConnectionState{}, err
	}
	if latest.Number != expected {
		return ConnectionState{}, fault.New(fault.Stale, fmt.Sprintf("the connection was edited meanwhile: revision %d is stored, yours began with %d; load it again and repeat the edit", latest.Number, expected))
	}
	next, faults, err := s.edited(n, document, latest.Connection)
	if err == nil && len(faults) > 0 {
		err = faults
	}
	if err != nil {
		return ConnectionState{}, InvalidConnection(err)
	}
	changes := config.ConnectionChanges(n, latest.Connection, next)
	if len(changes) == 0 && state.Problem == "" {
		return state, nil
	}
	if _, err := s.connections.Put(ctx, n, next, expected, who.By); err != nil {
		return ConnectionState{}, err
	}
	s.noteConnection(ctx, n, changes, who)
	return s.Connection(ctx, name)
}

// edited is what a document makes of a stored connection, with every fault of it.
func (s *Service) edited(n config.ConnectionName, document []byte, stored config.StoredConnection) (config.StoredConnection, config.Faults, error) {
	edit, err := config.DecodeConnection(n, document)
	if err != nil {
		return config.StoredConnection{}, nil, err
	}
	if faults := edit.Validate(n, stored); len(faults) > 0 {
		return config.StoredConnection{}, faults, nil
	}
	next, err := s.apply(n, edit, stored)
	return next, nil, err
}

// apply seals what is secret before it goes anywhere.
func (s *Service) apply(n config.ConnectionName, edit config.ConnectionEdit, stored config.StoredConnection) (config.StoredConnection, error) {
	next, err := edit.Apply(n, stored, time.Now(), s.key.Seal)
	if errors.Is(err, seal.ErrNoKey) {
		return next, fault.Wrap(fault.Conflict, err, "this admin service has no key to seal secrets with: start it with --connections-key or CAUSEWAY_CONNECTIONS_KEY_FILE, and the workflow services with the same file")
	}
	return next, err
}

// noteConnection enters an edit into the command log of every workflow that it is about, without any value.
func (s *Service) noteConnection(ctx context.Context, n config.ConnectionName, changes []string, who Caller) {
	ids := workflow.All()
	if n == config.ConnectionSFTP {
		ids = []workflow.ID{workflow.OptInOut}
	}
	for _, id := range ids {
		s.noteChange(ctx, id, "connection: "+noteOf(changes), who)
	}
}
