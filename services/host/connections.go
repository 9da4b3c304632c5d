package host

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/exportfile"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote"
	"github.com/causeway-sync/causeway/pkg/seal"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Connections say how a process reaches the remote systems. A connection of which the environment sets anything is the
// environment's as a whole; any other is what is stored on the bus, where admins edit it.
type Connections struct {
	// Dynamics, Campaign and SFTP are what the environment sets. What is no setting of a connection, such as a transport
	// or an observer, counts for stored ones too.
	Dynamics dynamics.Config
	Campaign campaign.Config
	SFTP     exportfile.Config
	// Writer is how Dynamics is written.
	Writer dynamics.WriterConfig
	// Key opens the secrets of stored connections; nil for none.
	Key *seal.Key
}

// Dynamics is a client of an environment, with what writes to it.
type Dynamics struct {
	*dynamics.Client
	Writer *dynamics.Writer
}

// Systems lends the clients of the remote systems to runs and questions. There is one client of a connection while its
// settings stay the same, shared by all; when they change, those who have borrowed keep the old one until they return it
// (invariant 7), and the pauses that a remote asked for count for old and new (invariant 10).
type Systems struct {
	cfg      Connections
	dynamics lender[Dynamics]
	campaign lender[*campaign.Client]
	files    lender[*exportfile.Client]
	conn     *bus.Conn // set once by Serve, before anybody borrows
	used     usage

	mu      sync.Mutex
	running map[config.ConnectionName]uint64 // the revisions that the run uses, guarded by mu
}

// NewSystems opens nothing.
func NewSystems(cfg Connections) *Systems {
	gates := cmp.Or(cfg.Dynamics.Gates, remote.NewGates()) // Of the whole process, where several services are one.
	cfg.Dynamics.Gates, cfg.Campaign.Gates = gates, cmp.Or(cfg.Campaign.Gates, gates)
	s := &Systems{}
	cfg.Campaign.Observe, cfg.Dynamics.Observe = also(cfg.Campaign.Observe, s.used.countCampaign), also(cfg.Dynamics.Observe, s.used.countDynamics)
	s.cfg = cfg
	s.dynamics.make = s.newDynamics
	s.dynamics.close = func(d Dynamics) { d.Close() }
	s.campaign.make = func(values map[string]string) (*campaign.Client, error) {
		return campaign.New(s.campaignConfig(values))
	}
	s.campaign.close = (*campaign.Client).Close
	s.files.make = func(values map[string]string) (*exportfile.Client, error) {
		return exportfile.New(s.filesConfig(values))
	}
	s.files.close = (*exportfile.Client).Close
	return s
}

// Close gives back what nobody has borrowed.
func (s *Systems) Close() {
	s.dynamics.retire()
	s.campaign.retire()
	s.files.retire()
}

func (s *Systems) newDynamics(values map[string]string) (Dynamics, error) {
	client, err := dynamics.New(s.dynamicsConfig(values))
	if err != nil {
		return Dynamics{}, err
	}
	return Dynamics{Client: client, Writer: client.NewWriter(s.cfg.Writer)}, nil
}

// resolved is a connection as it counts now.
type resolved struct {
	environment bool
	revision    uint64            // of a stored one
	values      map[string]string // of a stored one, secrets opened
}

// resolve finds out what counts now.
func (s *Systems) resolve(ctx context.Context, name config.ConnectionName) (resolved, error) {
	if len(s.environment(name)) > 0 {
		return resolved{environment: true}, nil
	}
	stored, err := bus.NewConnections(s.conn).Latest(ctx, name)
	if err != nil {
		return resolved{}, err
	}
	if !stored.Connection.IsSetUp() {
		return resolved{}, fault.New(fault.Fatal, notSetUp(name))
	}
	values, err := s.open(name, stored.Connection)
	return resolved{revision: stored.Number, values: values}, err
}

func notSetUp(name config.ConnectionName) string {
	return fmt.Sprintf("the connection to %s is not set up; set it up on the page Settings", name.Label())
}

// open is a stored connection with its secrets.
func (s *Systems) open(name config.ConnectionName, stored config.StoredConnection) (map[string]string, error) {
	values := maps.Clone(stored.Settings)
	if values == nil {
		values = map[string]string{}
	}
	for secret, sealed := range stored.Secrets {
		plain, err := s.cfg.Key.Open(stored.Purpose(name, secret), sealed.Sealed)
		if err != nil {
			return nil, fault.Wrap(fault.Fatal, err, fmt.Sprintf("connection to %s: %s", name.Label(), fault.Message(err)))
		}
		values[secret] = plain
	}
	return values, nil
}

// Loan is what a run or a question has borrowed. It is used by one goroutine.
type Loan struct {
	systems  *Systems
	releases []func()
	used     map[config.ConnectionName]uint64
}

// Borrow begins a loan. The caller must Return it.
func (s *Systems) Borrow() *Loan {
	return &Loan{systems: s, used: map[config.ConnectionName]uint64{}}
}

// Return gives everything back. It may be called twice.
func (l *Loan) Return() {
	for _, release := range l.releases {
		release()
	}
	l.releases = nil
}

// Dynamics is the client of the connection as it counts now. Its Fatal faults say what to set up.
func (l *Loan) Dynamics(ctx context.Context) (Dynamics, error) {
	return borrow(ctx, l, config.ConnectionDynamics, &l.systems.dynamics)
}

// Campaign is the client of the connection as it counts now.
func (l *Loan) Campaign(ctx context.Context) (*campaign.Client, error) {
	return borrow(ctx, l, config.ConnectionCampaign, &l.systems.campaign)
}

// Files is the client of the connection to the export files as it counts now.
func (l *Loan) Files(ctx context.Context) (*exportfile.Client, error) {
	return borrow(ctx, l, config.ConnectionSFTP, &l.systems.files)
}

func borrow[C any](ctx context.Context, l *Loan, name config.ConnectionName, from *lender[C]) (client C, err error) {
	now, err := l.systems.resolve(ctx, name)
	if err != nil {
		return client, err
	}
	client, release, err := from.lend(now)
	if err != nil {
		return client, err
	}
	l.releases = append(l.releases, release)
	l.used[name] = now.revision
	return client, nil
}

// begin notes what the run uses, end that there is none.
func (s *Systems) begin(l *Loan) { s.setRunning(l.used) }

func (s *Systems) end() { s.setRunning(nil) }

func (s *Systems) setRunning(used map[config.ConnectionName]uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = used
}

// uses is what a heartbeat says of the connections.
func (s *Systems) uses() map[string]workflow.ConnectionUse {
	s.mu.Lock()
	defer s.mu.Unlock()
	uses := map[string]workflow.ConnectionUse{}
	for _, name := range config.ConnectionNames() {
		uses[string(name)] = workflow.ConnectionUse{Environment: len(s.environment(name)) > 0, Revision: s.running[name]}
	}
	return uses
}
