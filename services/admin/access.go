package admin

import (
	"context"
	"net"
	"net/http"
	"strings"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/access"
)

// door stands before every route: it knows who asks, and lets nobody in who lacks the route's least role.
type door struct {
	// open is true when nobody is set up: everybody is admin, and the service listens on a loopback address.
	open, loopback bool
	file           *access.File     // nil without a users file
	signIn         *access.SignIn   // nil without a users file
	provider       *access.Provider // nil without one
	sessions       *access.Sessions
	proxies        access.Proxies
	userHeader     string
	watch          *watch
	log            *zap.Logger
	// refuse answers who may not.
	refuse func(w http.ResponseWriter, r *http.Request, least access.Role)
}

// newDoor reads who is set up. Errors are fault.Fatal and say what to mend.
func newDoor(cfg Config, listening net.Addr) (*door, error) {
	a := cfg.Access
	if err := MayListen(listening.String(), a); err != nil {
		return nil, err
	}
	d := &door{open: a.nobody(), loopback: isLoopback(listening), sessions: access.NewSessions(a.Idle, a.Longest), proxies: a.TrustedProxies,
		userHeader: cfg.UserHeader, watch: newWatch(), log: cfg.Log}
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

// visit is what is known of a request's sender.
type visit struct {
	who  access.Identity
	peer access.Peer
}

type visitKey struct{}

// identify notes who asks.
func (d *door) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer := d.proxies.Peer(r)
		v := visit{who: d.recognise(r, peer, d.sessions.Use), peer: peer}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitKey{}, v)))
	})
}

// recognise tells who sent a request: a machine by its token, whom a trusted proxy names, or whose session it is.
func (d *door) recognise(r *http.Request, peer access.Peer, session func(string) (access.Identity, bool)) access.Identity {
	if d.open {
		return d.anybody(r, peer)
	}
	if credentials := r.Header.Get("Authorization"); credentials != "" {
		return d.machine(credentials)
	}
	if d.userHeader != "" && peer.Trusted {
		if name := printable(r.Header.Get(d.userHeader)); name != "" {
			return d.proxied(name)
		}
	}
	cookie, err := r.Cookie(sessionCookie(peer.Secure))
	if err != nil {
		return access.Identity{}
	}
	who, ok := session(cookie.Value)
	if ok && who.Means == access.ByPassword { // The file may have changed since.
		who, _ = d.file.Users().Current(who)
	}
	return who
}

// anybody is who asks where nobody is set up, under the name that a proxy gives, or else the address.
func (d *door) anybody(r *http.Request, peer access.Peer) access.Identity {
	who := access.Identity{Name: peer.Address, Role: access.Admin, Means: access.ByPlace}
	if host, _, err := net.SplitHostPort(who.Name); err == nil {
		who.Name = host
	}
	if name := printable(r.Header.Get(d.userHeader)); d.userHeader != "" && name != "" {
		who.Name = name
	}
	return who
}

func (d *door) machine(credentials string) access.Identity {
	scheme, token, _ := strings.Cut(credentials, " ")
	if d.file == nil || !strings.EqualFold(scheme, "Bearer") {
		return access.Identity{}
	}
	who, _ := d.file.Users().Token(strings.TrimSpace(token))
	return who
}

// proxied is whom a trusted proxy names. Who is not in the users file has a name and no role.
func (d *door) proxied(name string) access.Identity {
	if d.file != nil {
		if who, ok := d.file.Users().Proxied(name); ok {
			return who
		}
	}
	return access.Identity{Name: name, Means: access.ByProxy}
}

// require puts the check for a role in front of a handler. A request that goes on for long is ended when its sender loses
// the role.
func (d *door) require(least access.Role, next http.Handler) http.Handler {
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
			return d.recognise(r, v.peer, d.sessions.Look).Role.Includes(least)
		})
		defer release()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func visitOf(ctx context.Context) visit {
	v, _ := ctx.Value(visitKey{}).(visit)
	return v
}

// identityOf is who asked in ctx.
func identityOf(ctx context.Context) access.Identity { return visitOf(ctx).who }

// callerOf is who asked in ctx, for the command log.
func callerOf(ctx context.Context, via string) Caller {
	return Caller{By: identityOf(ctx).Name, Via: via}
}
