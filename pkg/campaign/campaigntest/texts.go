package campaigntest

import (
	"fmt"
	"net/http"

	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// refusal is an answer that is not a success.
type refusal struct {
	status int
	text   string
}

// Texts of the engine (Campaign v8 documentation, "Recommendations & limitations", which sets the texts of Campaign
// Standard and of v8 side by side).
const (
	generic = "An error has occurred - please contact your administrator."
	rst     = "RST-360011 " + generic
)

func engineFault(text string) *refusal { return &refusal{http.StatusInternalServerError, text} }

// hidden is a permanent fault whose text v8 does not tell.
func (s *Server) hidden(text string) *refusal {
	if s.opt.V8 {
		return engineFault(generic)
	}
	return engineFault(text)
}

func (s *Server) duplicate(d Resource, key string) *refusal {
	column := "s" + d.Key
	return s.hidden(fmt.Sprintf("A '%s' with the same key '%s' already exists.\nPGS-220000 PostgreSQL error: ERROR:  duplicate key value "+
		"violates unique constraint \"%s_%s\"\nDETAIL:  Key (%s)=(%s) already exists.", d.Name, key, d.Name, d.Key, column, key))
}

func (s *Server) absent(d Resource, key string) *refusal {
	text := fmt.Sprintf("Unable to find document with path '%s' from key '%s' (document with schema '%s' and name '%s')", d.Name, key, d.Name, key)
	if !s.opt.V8 {
		text = rst + "\n" + text
	}
	return &refusal{http.StatusNotFound, text}
}

func (s *Server) badPKey(d Resource, pkey string) *refusal {
	if s.opt.V8 {
		return &refusal{http.StatusNotFound, fmt.Sprintf("Unable to decrypt PKey. (PKey=%s)", pkey)}
	}
	return engineFault(fmt.Sprintf("'%[1]s' attribute unknown (see definition of '%[2]s (%[3]s)' schema).\nXTK-170036 Unable to parse expression '@id = @%[1]s'.",
		pkey[1:], d.Name, d.Schema))
}

func (s *Server) unsupported(path string) *refusal {
	text := fmt.Sprintf("Unsupported endpoint. (endpoint=rest/%s)", path)
	if !s.opt.V8 {
		text = rst + "\n" + text
	}
	return &refusal{http.StatusNotFound, text}
}

func (s *Server) keyChange(d Resource, from, to string) *refusal {
	return s.hidden(fmt.Sprintf("%s\nRST-360012 Inconsistent operation on resource '%s' - Cannot update key '%s' to '%s'.", rst, d.Name, from, to))
}

func (s *Server) badEnum(d Resource, field, value string) *refusal {
	return s.hidden(fmt.Sprintf("%s\nThe value '%s' is not valid for the '%s:%s' enumeration of the '@%s' field", rst, value, d.Schema, field, field))
}

func (s *Server) badValue(field string, kind FieldType, value string) *refusal {
	return s.hidden(fmt.Sprintf("%s\nXTK-170006 The value '%s' is not valid for the '@%s' field of type '%s'", rst, value, field, kind))
}

func (s *Server) tooLong(length int) *refusal {
	return s.hidden(fmt.Sprintf("PGS-220000 PostgreSQL error: ERROR:  value too long for type character varying(%d)", length))
}

func (s *Server) readOnly(d Resource, field string) *refusal {
	return engineFault(fmt.Sprintf("Cannot update the '%s' property that is read-only\n%s", field, s.unknownField(d, field).text))
}

func (s *Server) unknownField(d Resource, field string) *refusal {
	return engineFault(fmt.Sprintf("'%s' property is not valid for the '%s' resource.", field, d.Name))
}

// write answers with the engine's text: plain by default, JSON where Options say so.
func (s *Server) write(w http.ResponseWriter, r *refusal) {
	if s.opt.JSONErrors {
		remotetest.WriteJSON(w, r.status, map[string]any{"code": r.status, "message": r.text})
		return
	}
	w.Header().Set("Content-Type", "text/plain;charset=utf-8")
	w.WriteHeader(r.status)
	_, _ = w.Write([]byte(r.text)) // a client that went away is not our trouble
}

// gatewayFault answers in the words of the Adobe gateway (ACS documentation, "API troubleshooting").
func gatewayFault(w http.ResponseWriter, status int, code, message string) {
	remotetest.WriteJSON(w, status, map[string]string{"error_code": code, "message": message})
}

func oops(w http.ResponseWriter, status int) {
	remotetest.WriteJSON(w, status, map[string]any{"code": status, "message": "Oops. Something went wrong. Check your URI and try again."})
}

// injected answers a request that an error fault hit, as the vendor answers with that status.
func (s *Server) injected(w http.ResponseWriter, _ *http.Request, status int) {
	switch status {
	case http.StatusUnauthorized:
		gatewayFault(w, status, "401013", "Oauth token is not valid")
	case http.StatusForbidden:
		gatewayFault(w, status, "403023", "Profile is not valid")
	case http.StatusTooManyRequests:
		throttled(w, nil)
	case http.StatusInternalServerError:
		s.write(w, engineFault(rst))
	case http.StatusBadGateway:
		oops(w, status)
	default:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<html><body><h1>%d %s</h1></body></html>", status, http.StatusText(status))
	}
}

func throttled(w http.ResponseWriter, _ *http.Request) {
	gatewayFault(w, http.StatusTooManyRequests, "429050", "Too many requests")
}

// imsFault answers a refused sign-in in the style of IMS.
func imsFault(w http.ResponseWriter, _ *http.Request, why remotetest.Refusal) {
	status, code, text := http.StatusBadRequest, "invalid_client", "invalid client_id parameter"
	switch why {
	case remotetest.Malformed:
		code, text = "invalid_request", "missing grant_type parameter"
	case remotetest.WrongGrant:
		code, text = "unsupported_grant_type", "unsupported grant_type"
	case remotetest.NoSecret:
		text = "missing client_secret parameter"
	case remotetest.WrongSecret:
		status, text = http.StatusUnauthorized, "invalid client_secret parameter"
	case remotetest.WrongScope:
		code, text = "invalid_scope", "invalid_scope"
	}
	remotetest.WriteJSON(w, status, map[string]string{"error": code, "error_description": text})
}
