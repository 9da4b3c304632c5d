package dynamicstest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// api is everything below Root.
func (s *Server) api(w http.ResponseWriter, r *http.Request) {
	client, ok := s.issuer.Authorize(r)
	if !ok {
		w.Header().Set("WWW-Authenticate", `Bearer authorization_uri="`+origin(r)+"/"+s.opt.Tenant+`/oauth2/authorize"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if s.opt.DOPHint > 0 {
		w.Header().Set("x-ms-dop-hint", strconv.Itoa(s.opt.DOPHint))
	}
	if s.opt.MaxBody > 0 && r.ContentLength > s.opt.MaxBody {
		http.Error(w, "<html><head><title>413 Request Entity Too Large</title></head></html>", http.StatusRequestEntityTooLarge)
		return
	}
	done, refusal := s.limits.enter(client)
	defer done()
	if refusal != nil {
		s.throttle(w, r, refusal)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, Root)
	s.counter(r, path).Add(1)
	if err := s.dispatchAll(w, r, path); err != nil {
		writeError(w, err)
	}
}

// counter is where a request counts. The parts of a batch do not count: it is one request.
func (s *Server) counter(r *http.Request, path string) *remotetest.Counter {
	set := path[:len(path)-len(strings.TrimLeft(path, "$ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"))]
	switch {
	case path == "$batch":
		return s.count.batch
	case s.metadataOf(set) != nil:
		return s.count.metadata
	case reads(r):
		return s.count.read
	}
	return s.count.write
}

func reads(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// dispatchAll finds what a path names, a batch included.
func (s *Server) dispatchAll(w http.ResponseWriter, r *http.Request, path string) *odataError {
	if path == "$batch" && r.Method == http.MethodPost {
		return s.batch(w, r)
	}
	return s.dispatch(w, r, path)
}

// metadataOf is the handler of a name that stands for no table of rows, nil where it does.
func (s *Server) metadataOf(name string) func(w http.ResponseWriter, r *http.Request, key, rest string) *odataError {
	switch name {
	case "WhoAmI":
		return s.whoAmI
	case "RetrieveTotalRecordCount":
		return s.totalCount
	case "EntityDefinitions":
		return s.definitions
	case "sdkmessagefilters":
		return s.messageFilters
	case "systemusers":
		return s.users
	}
	return nil
}

// dispatch finds what a path names. Names are case-sensitive.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request, path string) *odataError {
	name, rest, _ := strings.Cut(path, "/")
	set, key, keyed := strings.Cut(name, "(")
	key = strings.TrimSuffix(key, ")")
	if handle := s.metadataOf(set); handle != nil {
		return handle(w, r, key, rest)
	}
	t := s.store.bySet(set)
	switch {
	case t == nil:
		return errSegment(set)
	case reads(r) && s.lacksRead(t):
		return errPrivilege(t.privilege("Read"))
	case keyed && rest == "":
		return s.single(w, r, t, key)
	case rest == "$count" && reads(r):
		return s.countRows(w, r, t)
	case rest == bulkCreate && r.Method == http.MethodPost && !keyed:
		return s.createMultiple(w, r, t)
	case rest != "":
		return errSegment(rest)
	case reads(r):
		return s.list(w, r, t)
	case r.Method == http.MethodPost:
		op, bad := s.creation(r, t)
		if bad != nil {
			return bad
		}
		return s.write(w, r, op)
	}
	return fail(http.StatusMethodNotAllowed, codeGeneralError, "The requested resource does not support http method '%s'.", r.Method)
}

func (s *Server) lacksRead(t *table) bool {
	return slices.Contains(s.opt.NoOrganizationRead, t.LogicalName)
}

// origin is where the client believes the environment to be.
func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func root(r *http.Request) string { return origin(r) + Root }
