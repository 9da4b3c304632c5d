package admin

import (
	"context"
	"net"
	"net/http"

	"github.com/causeway-sync/causeway/pkg/access"
)

// door stands before every route: it knows who asks, and lets nobody in who lacks the route's least role.
type door struct {
	userHeader string
	// refuse answers who may not.
	refuse func(w http.ResponseWriter, r *http.Request, least access.Role)
}

func newDoor(cfg Config) *door { return &door{userHeader: cfg.UserHeader} }

type identityKey struct{}

// identify notes who asks: the user that a trusted proxy names in a header, or else the address.
func (d *door) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := access.Identity{Name: addressOf(r), Role: access.Admin, Means: access.ByPlace}
		if name := printable(r.Header.Get(d.userHeader)); d.userHeader != "" && name != "" {
			who.Name = name
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), identityKey{}, who)))
	})
}

// require puts the check for a role in front of a handler.
func (d *door) require(least access.Role, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !identityOf(r.Context()).Role.Includes(least) {
			d.refuse(w, r, least)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// identityOf is who asked in ctx.
func identityOf(ctx context.Context) access.Identity {
	who, _ := ctx.Value(identityKey{}).(access.Identity)
	return who
}

// callerOf is who asked in ctx, for the command log.
func callerOf(ctx context.Context, via string) Caller {
	return Caller{By: identityOf(ctx).Name, Via: via}
}

// addressOf is where a request came from, without the port.
func addressOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}
