package admission

import (
	"context"
	"net"
	"net/http"
	"strings"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

// Door stands before every route: it knows who asks, and lets nobody in who lacks the route's least role.
type Door struct {
	// open is true when nobody is set up: everybody is admin, and the service listens on a loopback address.
	open, loopback bool
	file           *access.File     // nil without a users file
	signIn         *access.SignIn   // nil without a users file
	provider       *access.Provider // nil without one
	sessions       *access.Sessions
	proxies        access.Proxies
	userHeader     string
	hosts          []string
	watch          *watch
	log            *zap.Logger
	refuse         func(w http.ResponseWriter, r *http.Request, least access.Role)
}

// New reads who is set up. Errors are fault.Fatal and say what to mend.
func New(cfg Config, listening net.Addr) (*Door, error) {
	a := cfg.Access
	if err := MayListen(listening.String(), a, cfg.UserHeader); err != nil {
		return nil, err
	}
	d := &Door{open: a.nobody(), loopback: isLoopback(listening), sessions: access.NewSessions(a.Idle, a.Longest), proxies: a.TrustedProxies,
		userHeader: cfg.UserHeader, hosts: cfg.Hosts, watch: newWatch(), log: cfg.Log}
	var err error
	if a.UsersFile != "" {
		if d.file, err = access.OpenFile(a.UsersFile, cfg.Log); err != nil {
			return nil, err
		}
		d.signIn = access.NewSignIn(d.file)
	}
	if a.Provider.Issuer != "" {
		if d.provider, err = access.NewProvider(a.provider()); err != nil {
			return nil, err
		}
	}
	if !d.loopback && a.CertFile == "" && len(a.TrustedProxies) == 0 {
		cfg.Log.Warn("passwords and sessions cross the network in the clear: set --tls-cert and --tls-key, or put a proxy with TLS in front and name it with --trusted-proxy")
	}
	return d, nil
}

// OnRefusal sets who answers who may not. It is called before the first request.
func (d *Door) OnRefusal(refuse func(w http.ResponseWriter, r *http.Request, least access.Role)) {
	d.refuse = refuse
}

// Run ends requests that go on for long when their senders lose the right to them, until ctx ends.
func (d *Door) Run(ctx context.Context) { d.watch.run(ctx) }

// visit is what is known of a request's sender.
type visit struct {
	who  access.Identity
	peer access.Peer
}

type visitKey struct{}

// identify notes who asks.
func (d *Door) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer := d.proxies.Peer(r)
		v := visit{who: d.recognise(r, peer, d.sessions.Use), peer: peer}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitKey{}, v)))
	})
}

// recognise tells who sent a request: a machine by its token, whom a trusted proxy names, or whose session it is.
func (d *Door) recognise(r *http.Request, peer access.Peer, session func(string) (access.Identity, bool)) access.Identity {
	if d.open {
		return anybody(peer)
	}
	// Other schemes are between the browser and a proxy in front of us.
	if scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") {
		return d.machine(token)
	}
	if d.userHeader != "" && peer.Trusted {
		if name := Printable(r.Header.Get(d.userHeader)); name != "" {
			return d.proxied(name)
		}
	}
	cookie, err := r.Cookie(SessionCookie(peer.Secure))
	if err != nil {
		return access.Identity{}
	}
	who, ok := session(cookie.Value)
	if ok && who.Means == access.ByPassword { // The file may have changed since.
		who, _ = d.file.Users().Current(who)
	}
	return who
}

// anybody is who asks where nobody is set up, under the address: MayListen lets no proxy stand in front that could name somebody.
func anybody(peer access.Peer) access.Identity {
	who := access.Identity{Name: peer.Address, Role: access.Admin, Means: access.ByPlace}
	if host, _, err := net.SplitHostPort(who.Name); err == nil {
		who.Name = host
	}
	return who
}

func (d *Door) machine(token string) access.Identity {
	if d.file == nil {
		return access.Identity{}
	}
	who, _ := d.file.Users().Token(strings.TrimSpace(token))
	return who
}

// proxied is whom a trusted proxy names. Who is not in the users file has a name and no role.
func (d *Door) proxied(name string) access.Identity {
	if d.file != nil {
		if who, ok := d.file.Users().Proxied(name); ok {
			return who
		}
	}
	return access.Identity{Name: name, Means: access.ByProxy}
}

// Require puts the check for a role in front of a handler. A request that goes on for long is ended when its sender loses
// the role that it began with: what it shows was made for that.
func (d *Door) Require(least access.Role, next http.Handler) http.Handler {
	if least == access.Nobody {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := visitOf(r.Context())
		if !v.who.Role.Includes(least) {
			d.refuse(w, r, least)
			return
		}
		if d.open {
			next.ServeHTTP(w, r)
			return
		}
		ctx, release := d.watch.hold(r.Context(), func() bool {
			return d.recognise(r, v.peer, d.sessions.Look).Role.Includes(v.who.Role)
		})
		defer release()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func visitOf(ctx context.Context) visit {
	v, _ := ctx.Value(visitKey{}).(visit)
	return v
}

// IdentityOf is who asked in ctx.
func IdentityOf(ctx context.Context) access.Identity { return visitOf(ctx).who }

// CallerOf is who asked in ctx, for the command log.
func CallerOf(ctx context.Context, via string) backend.Caller {
	return backend.Caller{By: IdentityOf(ctx).Name, Via: via}
}

// PeerOf is where the request of ctx came from.
func PeerOf(ctx context.Context) access.Peer { return visitOf(ctx).peer }

// IsOpen reports whether nobody is set up, so that everybody is admin.
func (d *Door) IsOpen() bool { return d.open }

// Passwords checks names and passwords; nil where nobody signs in with one.
func (d *Door) Passwords() *access.SignIn { return d.signIn }

// IdentityProvider is nil where none is set up.
func (d *Door) IdentityProvider() *access.Provider { return d.provider }
