package campaigntest

import (
	"net/http"
	"net/url"
	"strings"
)

// request is an API request behind the gateway.
type request struct {
	*http.Request
	root  string // https://host/{org}/campaign
	api   string
	table *table
	rest  []string // decoded path segments behind the resource
}

// gateway checks what Adobe's gateway checks, in its order, and hands on to the engine.
func (s *Server) gateway(w http.ResponseWriter, r *http.Request) {
	segments, ok := split(r.URL)
	if !ok || len(segments) < 2 || segments[0] != s.opt.Org || segments[1] != "campaign" {
		oops(w, http.StatusInternalServerError)
		return
	}
	if r.Header.Get("Authorization") == "" {
		gatewayFault(w, http.StatusUnauthorized, "401010", "Oauth token is missing")
		return
	}
	client, ok := s.issuer.Authorize(r)
	if !ok {
		gatewayFault(w, http.StatusUnauthorized, "401013", "Oauth token is not valid")
		return
	}
	switch r.Header.Get("X-Api-Key") {
	case client:
	case "":
		gatewayFault(w, http.StatusForbidden, "403000", "Api Key is required")
		return
	default:
		gatewayFault(w, http.StatusForbidden, "403003", "Api Key is invalid")
		return
	}
	s.engine(w, r, segments[2:])
}

// split decodes the segments of the path one by one, so that an escaped slash stays inside its segment.
func split(u *url.URL) ([]string, bool) {
	segments := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	for i, segment := range segments {
		decoded, err := url.PathUnescape(segment)
		if err != nil {
			return nil, false
		}
		segments[i] = decoded
	}
	return segments, true
}

// engine finds the resource and counts the call.
func (s *Server) engine(w http.ResponseWriter, r *http.Request, path []string) {
	s.count(r.Method)
	if len(path) < 2 {
		s.write(w, s.unsupported(strings.Join(path, "/")))
		return
	}
	req := &request{Request: r, root: origin(r) + "/" + s.opt.Org + "/campaign", api: path[0], rest: path[2:]}
	name, metadata := path[1], path[1] == "resourceType" && len(path) >= 3
	if metadata {
		name, req.rest = path[2], path[3:]
	}
	req.table = s.tables()[name]
	if req.table == nil || !stands(req.table.def, req.api) {
		s.write(w, s.unsupported(strings.Join(path, "/")))
		return
	}
	switch {
	case metadata && r.Method == http.MethodGet:
		s.metadata(w, req)
	case metadata:
		s.write(w, s.unsupported(strings.Join(path, "/")))
	default:
		s.rows(w, req)
	}
}

func (s *Server) count(method string) {
	switch method {
	case http.MethodPost:
		s.calls.create.Add(1)
	case http.MethodPatch:
		s.calls.update.Add(1)
	case http.MethodDelete:
		s.calls.delete.Add(1)
	default:
		s.calls.read.Add(1)
	}
}

// stands tells whether a resource is exposed under an API. Resources under profileAndServicesExt are not exposed under
// customResources (ACS documentation, "Interacting with custom resources").
func stands(d Resource, api string) bool {
	return d.API == api || api == Standard && d.Name == "profile"
}

func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
