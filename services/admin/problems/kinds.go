package problems

import (
	"net/http"
	"slices"
)

// Kind is one sort of problem: what its type says, where it is documented, and what its reader can do.
type Kind struct {
	// Name ends the type: "/docs#problem-" + Name, a place on the documentation page (RFC 9457).
	Name   string
	Status int
	// Meaning is for every operation, Remedy says what to do about it.
	Meaning, Remedy string
}

// Type is the URI reference that names the kind.
func (k Kind) Type() string { return "/docs#problem-" + k.Name }

// Kinds are all sorts of problems, by status. Of two with one status the first is the usual one.
func Kinds() []Kind {
	return []Kind{
		{"bad-request", http.StatusBadRequest, "The request cannot be read", "Send it as this page describes it; the detail says which part is meant."},
		{"unauthorized", http.StatusUnauthorized, "Nobody is signed in, or the token is not known", "Sign in at /login, or send the token of a machine as Authorization: Bearer."},
		{"forbidden", http.StatusForbidden, "Who asked has too low a role", "Ask an admin for the role that the detail names."},
		{"cross-site", http.StatusForbidden, "The request came from another web site", "Open the page of this service and repeat it there; scripts leave out Origin and Sec-Fetch-Site."},
		{"not-found", http.StatusNotFound, "There is no such thing, or no longer", "Look at the name or the number; the detail says which names there are."},
		{"method-not-allowed", http.StatusMethodNotAllowed, "The path takes other methods", "The header Allow lists them."},
		{"timeout", http.StatusRequestTimeout, "The request did not arrive in time, or was ended before its answer", "Send it again, over a faster connection or in a smaller piece."},
		{"conflict", http.StatusConflict, "It is not possible as things are now", "Mend what the detail names, then repeat the request."},
		{"stale", http.StatusPreconditionFailed, "Somebody else has saved meanwhile", "Load the document again, repeat the edit, and send its new ETag as If-Match."},
		{"too-large", http.StatusRequestEntityTooLarge, "The body is larger than 1 MB", "Send less."},
		{"misdirected", http.StatusMisdirectedRequest, "The service is not known under this host name", "Use a name of the service, or have the name added to its hosts."},
		{"invalid", http.StatusUnprocessableEntity, "The request is understood and wrong", "The member errors lists every fault with its place and what would be accepted."},
		{"revision-missing", http.StatusPreconditionRequired, "The header If-Match is missing", "Send the ETag of the document that was edited, or * to replace whatever is stored."},
		{"too-many-attempts", http.StatusTooManyRequests, "Too many attempts to sign in failed", "Wait as long as Retry-After says."},
		{"internal", http.StatusInternalServerError, "Something has to be mended on the server's side", "The log of the service says more."},
		{"unavailable", http.StatusServiceUnavailable, "A part that is needed does not answer now", "Repeat the request later; the detail says what is waited for."},
	}
}

// KindOf is the usual kind of a status.
func KindOf(status int) (Kind, bool) {
	kinds := Kinds()
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Status == status })
	if i < 0 {
		return Kind{}, false
	}
	return kinds[i], true
}

// typeOf is the type of a problem with a status. Where the status says everything it is about:blank.
func typeOf(status int) string {
	if kind, known := KindOf(status); known {
		return kind.Type()
	}
	return "about:blank"
}

// CrossSite is the problem of a request that another web site has sent.
func CrossSite() *Problem {
	p := New(http.StatusForbidden, "this request came from another web site; open the page of this service and repeat it there")
	p.Type = "/docs#problem-cross-site"
	return p
}
