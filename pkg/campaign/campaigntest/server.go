package campaigntest

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// Filter is a filter definition that the deployment published: /profile/{Name}?{Parameter}=value compares Field.
type Filter struct {
	Name, Parameter, Field string
	// Since compares lastModified, whatever Field is: on or after the value.
	Since bool
}

// Options configure a Server. The zero value is a usable Campaign Standard.
type Options struct {
	// Org is the organisation in the URL. Empty is "sandbox". Any other one is answered "Oops".
	Org string
	// ClientID and ClientSecret are the credentials of IMS and the API key. Empty: "causeway", "causeway-sandbox".
	ClientID, ClientSecret string
	// TokenExpiresIn is how long a token is valid; 0 is 86399 s.
	TokenExpiresIn time.Duration
	// V8 answers as Campaign v8 does: permanent faults without their reason, 404 for an invalid PKey.
	V8 bool
	// JSONErrors wraps the engine's error texts in JSON. What Adobe does is not published.
	JSONErrors bool
	// PostStatus, DeleteStatus are the statuses of success; 0 is 201 and 200. Adobe's documentation only says "success".
	PostStatus, DeleteStatus int
	// WrapSingle puts a single row into content[], as one sample of the documentation does.
	WrapSingle bool
	// BigTable is XtkBigTableThreshold: a longer list has no next link without _forcePagination. 0 is 100,000.
	BigTable int
	// NoKey takes the identification key from profile: externalId is not unique and no row is found by it in the URL.
	NoKey bool
	// Filters are the custom filters of profile. Nil is byExternalId?externalId_parameter= and
	// byLastModified?since_parameter=.
	Filters []Filter
	// KeepWrites bounds the record of writes to the newest; 0 keeps all, -1 none.
	KeepWrites int
	// Seed makes faults repeatable.
	Seed uint64
	// Lengthen is what a request inside Retry-After adds to the pause.
	Lengthen time.Duration
	// Now is the clock of rows, tokens, faults and events; nil is time.Now.
	Now func() time.Time
	// Exports is the folder that export files go to, on this machine; empty for none.
	Exports string
	// Journal is about the I/O Events journal.
	Journal JournalOptions
}

func (o Options) withDefaults() Options {
	if o.Org == "" {
		o.Org = "sandbox"
	}
	if o.ClientID == "" {
		o.ClientID, o.ClientSecret = "causeway", "causeway-sandbox"
	}
	if o.TokenExpiresIn == 0 {
		o.TokenExpiresIn = 86399 * time.Second
	}
	if o.PostStatus == 0 {
		o.PostStatus = http.StatusCreated
	}
	if o.DeleteStatus == 0 {
		o.DeleteStatus = http.StatusOK
	}
	if o.BigTable == 0 {
		o.BigTable = 100_000
	}
	if o.Filters == nil {
		o.Filters = []Filter{
			{Name: "byExternalId", Parameter: "externalId_parameter", Field: "externalId"},
			{Name: "byLastModified", Parameter: "since_parameter", Field: "lastModified", Since: true},
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Journal = o.Journal.withDefaults()
	return o
}

// Server is a simulated Campaign.
type Server struct {
	opt     Options
	sealer  sealer
	stats   *remotetest.Stats
	calls   engineCalls
	issuer  *remotetest.Issuer
	faults  *remotetest.Injector
	handler http.Handler
	log     writeLog
	refuse  atomic.Pointer[func(map[string]any) string]
	links   atomic.Int64 // generation of page links: older ones are expired
	journal *journal
	exports exports

	mu     sync.Mutex
	byName atomic.Pointer[map[string]*table] // replaced whole under mu
}

type engineCalls struct{ read, create, update, delete *remotetest.Counter }

// New makes a Server with the profile resource and no rows.
func New(opt Options) *Server {
	opt = opt.withDefaults()
	s := &Server{opt: opt, sealer: sealer{secret: rand.Uint64()}}
	s.log.keep = opt.KeepWrites
	s.exports = exports{folder: opt.Exports, rest: map[string][]byte{}}
	s.journal = &journal{opt: opt.Journal, client: opt.ClientID, secret: s.sealer, now: opt.Now}
	s.stats = remotetest.NewStats("engineCalls.read", "engineCalls.create", "engineCalls.update", "engineCalls.delete", "journal", "token")
	s.calls = engineCalls{
		read: s.stats.Counter("engineCalls.read"), create: s.stats.Counter("engineCalls.create"),
		update: s.stats.Counter("engineCalls.update"), delete: s.stats.Counter("engineCalls.delete"),
	}
	s.issuer = remotetest.NewIssuer(remotetest.IssuerOptions{
		Clients: map[string]string{opt.ClientID: opt.ClientSecret}, ExpiresIn: opt.TokenExpiresIn, TokenType: "bearer",
		Scope: commaSeparated, Refuse: imsFault, Requests: s.stats.Counter("token"), Now: opt.Now,
	})
	s.faults = remotetest.NewInjector(remotetest.InjectorOptions{
		Seed: opt.Seed, Stats: s.stats, Client: s.throttledClient, WriteError: s.injected, WriteThrottled: throttled,
		ExpireTokens: s.issuer.RevokeAll, ExpireLinks: func() { s.links.Add(1); s.journal.expirePositions() }, Lengthen: opt.Lengthen, Now: opt.Now,
	})
	s.byName.Store(&map[string]*table{})
	profile := Profile()
	if opt.NoKey {
		profile.Key = ""
	}
	s.DefineResource(profile)
	s.handler = s.routes()
	return s
}

// throttledClient names who is throttled: the journal is a system of its own.
func (s *Server) throttledClient(r *http.Request) string {
	client := s.issuer.Client(r)
	if isJournal(r) {
		return client + " journal"
	}
	return client
}

// commaSeparated is the form of scopes that IMS takes.
func commaSeparated(scope string) bool { return scope != "" && !strings.ContainsAny(scope, " \t") }

// Handler serves all paths.
func (s *Server) Handler() http.Handler { return s.handler }

// Faults is where to make things go wrong from Go.
func (s *Server) Faults() *remotetest.Injector { return s.faults }

// Stats are the counters of GET /_sandbox/stats.
func (s *Server) Stats() *remotetest.Stats { return s.stats }

// Issuer is the token endpoint, to rotate secrets and revoke tokens.
func (s *Server) Issuer() *remotetest.Issuer { return s.issuer }

// DefineResource adds a resource, or replaces one together with its rows.
func (s *Server) DefineResource(d Resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := map[string]*table{d.Name: newTable(d)}
	for name, t := range s.tables() {
		if name != d.Name {
			next[name] = t
		}
	}
	s.byName.Store(&next)
}

func (s *Server) tables() map[string]*table { return *s.byName.Load() }

// Refuse has a test decide which records Campaign takes: it is given the row as it would be after the write, and a text
// that is not empty refuses it with HTTP 500 and that text. Nil refuses nothing. It must not call the Server.
func (s *Server) Refuse(decide func(fields map[string]any) string) {
	if decide == nil {
		s.refuse.Store(nil)
		return
	}
	s.refuse.Store(&decide)
}

func (s *Server) routes() http.Handler {
	sandbox := http.NewServeMux()
	remotetest.Mount(sandbox, s.stats, s.faults)
	s.mountEvents(sandbox)
	s.mountExports(sandbox)
	token := s.faults.Token(s.issuer)
	api := s.faults.API(http.HandlerFunc(s.gateway))
	journal := s.faults.API(http.HandlerFunc(s.readJournal))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/_sandbox/"):
			sandbox.ServeHTTP(w, r)
		case r.URL.Path == "/ims/token/v3" && r.Method == http.MethodPost:
			token.ServeHTTP(w, r)
		case isJournal(r):
			journal.ServeHTTP(w, r)
		default:
			api.ServeHTTP(w, r)
		}
	})
}
