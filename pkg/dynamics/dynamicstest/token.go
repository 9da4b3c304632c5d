package dynamicstest

import (
	"fmt"
	"net/http"

	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// token is Microsoft's token endpoint: the tenant is a part of its path.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	if tenant := r.PathValue("tenant"); tenant != s.opt.Tenant {
		s.stats.Counter("requests.token").Add(1)
		s.writeTokenError(w, http.StatusBadRequest, "invalid_request", 90002, "Tenant '"+tenant+"' not found.")
		return
	}
	s.issuer.ServeHTTP(w, r)
}

// refuseToken answers as Microsoft Entra does (its docs, Authentication and authorization error codes).
func (s *Server) refuseToken(w http.ResponseWriter, _ *http.Request, why remotetest.Refusal) {
	switch why {
	case remotetest.Malformed:
		s.writeTokenError(w, http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'grant_type'.")
	case remotetest.WrongGrant:
		s.writeTokenError(w, http.StatusBadRequest, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
	case remotetest.NoClient:
		s.writeTokenError(w, http.StatusBadRequest, "unauthorized_client", 700016, "Application was not found in the directory.")
	case remotetest.NoSecret:
		s.writeTokenError(w, http.StatusUnauthorized, "invalid_client", 7000218,
			"The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
	case remotetest.WrongSecret:
		s.writeTokenError(w, http.StatusUnauthorized, "invalid_client", 7000215, "Invalid client secret provided.")
	case remotetest.WrongScope:
		s.writeTokenError(w, http.StatusBadRequest, "invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid.")
	}
}

func (s *Server) writeTokenError(w http.ResponseWriter, status int, word string, code int, text string) {
	now := s.opt.Now().UTC().Format("2006-01-02 15:04:05Z")
	remotetest.WriteJSON(w, status, map[string]any{
		"error": word, "error_codes": []int{code}, "timestamp": now,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", code, text, guid{2}, guid{3}, now),
		"trace_id":          guid{2}.String(), "correlation_id": guid{3}.String(),
	})
}
