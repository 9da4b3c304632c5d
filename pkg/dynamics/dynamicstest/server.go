package dynamicstest

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// Root is the path of the Web API.
const Root = "/api/data/v9.2/"

// The identity that WhoAmI and refusals name.
const (
	userID         = "6f1c0de0-0000-4000-8000-000000000001"
	businessUnitID = "6f1c0de0-0000-4000-8000-000000000002"
	organizationID = "6f1c0de0-0000-4000-8000-000000000003"
)

const maxPageSize = 5000

// Options configure a Server. The zero value is the sandbox's own environment.
type Options struct {
	// Tenant, ClientID and ClientSecret are the credentials; "sandbox", "causeway" and "causeway-sandbox".
	Tenant, ClientID, ClientSecret string
	// Now is the clock of rows, tokens, limits and the Date header; nil is time.Now.
	Now func() time.Time
	// Seed of the picks of faults.
	Seed uint64
	// Tables beside contact, new_membership and Activities; one of the same name replaces it.
	Tables []Table
	// NoActivities leaves out the tables of Activities, as in an environment where the solution is not installed.
	NoActivities bool
	// TokenLife is how long a bearer token is valid; 0 is an hour.
	TokenLife time.Duration
	// ChangeTokenLife is how long a change token is valid; 0 is seven days (ExpireChangeTrackingInDays).
	ChangeTokenLife time.Duration
	// ExpiredStatus is the HTTP status of error 0x80044352, which is not published; 0 is 400.
	ExpiredStatus int
	// NoOrganizationRead names tables that the application may not read at organisation level.
	NoOrganizationRead []string
	// Lacks names privileges that the application has not: "prvCreateActivity".
	Lacks []string
	// Limits switches the service protection limits on; nil is none.
	Limits *Limits
	// ThrottledParts is the share of the parts of a $batch that are answered 429, each with one of the three kinds,
	// while the batch as a whole is served; from 0 to 1.
	ThrottledParts float64
	// RowCost is how long one written row takes. It is waited for, and it counts as execution time.
	RowCost time.Duration
	// DOPHint is the x-ms-dop-hint header of every answer; 0 is none.
	DOPHint int
	// BatchSize is how many operations a $batch may hold; 0 is 1000. OddBatchSize, where it is not 0, is held against
	// every other batch: a lower limit that comes and goes.
	BatchSize, OddBatchSize int
	// MaxBody is how long a request may be, in bytes; above it a gateway answers 413. 0 is no limit.
	MaxBody int64
	// NoContinueOnError makes a $batch stop at its first failure whatever was preferred.
	NoContinueOnError bool
	// NoRepresentation makes writes forget that return=representation was preferred.
	NoRepresentation bool
	// NoBulk names tables without CreateMultiple.
	NoBulk []string
}

func (o Options) withDefaults() Options {
	o.Tenant = cmp.Or(o.Tenant, "sandbox")
	o.ClientID = cmp.Or(o.ClientID, "causeway")
	o.ClientSecret = cmp.Or(o.ClientSecret, "causeway-sandbox")
	o.ChangeTokenLife = cmp.Or(o.ChangeTokenLife, 7*24*time.Hour)
	o.ExpiredStatus = cmp.Or(o.ExpiredStatus, http.StatusBadRequest)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Server is one environment.
type Server struct {
	opt    Options
	store  *store
	mux    *http.ServeMux
	issuer *remotetest.Issuer
	faults *remotetest.Injector
	stats  *remotetest.Stats
	count  counters
	limits *limiter
	// linkEpoch is a part of every link; links of an older one have expired.
	linkEpoch atomic.Int64

	mu     sync.Mutex
	writes []Write
	order  int64
	// batches and parts count what odd limits and throttled parts are picked by.
	batches, parts atomic.Uint64
}

type counters struct{ read, write, batch, metadata *remotetest.Counter }

// New makes an environment with the tables contact and new_membership and those of Activities, all empty.
func New(opt Options) *Server {
	opt = opt.withDefaults()
	s := &Server{opt: opt, mux: http.NewServeMux()}
	base := opt.Now().UnixMilli()
	s.store = &store{tables: map[string]*table{}, version: base, base: base, now: opt.Now}
	tables := []Table{Contact(), Membership()}
	if !opt.NoActivities {
		tables = append(tables, Activities()...)
	}
	for _, def := range append(tables, opt.Tables...) {
		s.store.tables[def.EntitySetName] = newTable(def)
	}
	s.stats = remotetest.NewStats("requests.read", "requests.write", "requests.batch", "requests.metadata", "requests.token")
	s.count = counters{s.stats.Counter("requests.read"), s.stats.Counter("requests.write"),
		s.stats.Counter("requests.batch"), s.stats.Counter("requests.metadata")}
	s.issuer = remotetest.NewIssuer(remotetest.IssuerOptions{
		Clients: map[string]string{opt.ClientID: opt.ClientSecret}, ExpiresIn: opt.TokenLife, Scope: isEnvironmentScope,
		Refuse: s.refuseToken, Requests: s.stats.Counter("requests.token"), Now: opt.Now,
	})
	s.faults = remotetest.NewInjector(remotetest.InjectorOptions{
		Seed: opt.Seed, Stats: s.stats, Client: s.issuer.Client, Now: opt.Now, Lengthen: time.Second,
		WriteError: func(w http.ResponseWriter, _ *http.Request, status int) {
			writeError(w, fail(status, codeGeneralError, "An unexpected error occurred."))
		},
		WriteThrottled: func(w http.ResponseWriter, _ *http.Request) {
			writeError(w, fail(http.StatusTooManyRequests, codeRequests, "Number of requests exceeded the limit of 6000 over time window of 300 seconds."))
		},
		ExpireTokens: s.issuer.RevokeAll, ExpireLinks: s.ExpireLinks,
	})
	s.limits = newLimiter(opt.Limits, opt.Now)
	remotetest.Mount(s.mux, s.stats, s.faults)
	s.mux.Handle("POST /{tenant}/oauth2/v2.0/token", s.faults.Token(http.HandlerFunc(s.token)))
	s.mux.Handle(Root, s.faults.API(http.HandlerFunc(s.api)))
	return s
}

// ServeHTTP serves the environment, its token endpoint and /_sandbox.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.opt.Now().UTC().Format(http.TimeFormat))
	s.mux.ServeHTTP(w, r)
}

// Inject starts a fault and returns what ends it.
func (s *Server) Inject(f remotetest.Fault) (stop func()) { return s.faults.Inject(f) }

// Stats are the counters of GET /_sandbox/stats.
func (s *Server) Stats() *remotetest.Stats { return s.stats }

// Issuer is the token endpoint's, to change a secret or revoke tokens.
func (s *Server) Issuer() *remotetest.Issuer { return s.issuer }

// ExpireLinks makes every page link and every change link that was given out invalid.
func (s *Server) ExpireLinks() { s.linkEpoch.Add(1); s.voidTokens() }

// ChangeMetadata voids the change tokens of a table, as publishing a change of its columns does.
func (s *Server) ChangeMetadata(logical string) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if t := s.store.byLogical(logical); t != nil {
		s.store.version++
		t.voided = s.store.version
	}
}

func (s *Server) voidTokens() {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.version++
	for _, t := range s.store.tables {
		t.voided = s.store.version
	}
}

// isEnvironmentScope reports whether a scope is an origin with /.default, as the token endpoint wants it for Dataverse.
func isEnvironmentScope(scope string) bool {
	origin, ok := strings.CutSuffix(scope, "/.default")
	u, err := url.Parse(origin)
	return ok && err == nil && u.Host != "" && u.Path == "" && (u.Scheme == "https" || u.Scheme == "http")
}
