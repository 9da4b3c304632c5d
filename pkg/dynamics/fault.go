package dynamics

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote"
)

// APIError is what Dataverse said: the cause inside a fault. Text is the server's own and may hold a row's values: it is
// for a debugger, not for a log or a page.
type APIError struct {
	Status int
	// Code is the number of the error, 0 where the server gave none.
	Code uint32
	Text string
}

// Error names status and code, not the text (invariant 9).
func (e *APIError) Error() string { return fmt.Sprintf("HTTP %d, code 0x%08x", e.Status, e.Code) }

// The codes that mean something here (Dataverse docs, Web service error codes).
const (
	codeExpired  = 0x80044352
	codeNoRow    = 0x80040217
	codeNoKeyRow = 0x80060891
	codeSegment  = 0x8006088a

	// Service protection.
	codeExecution   = 0x80072321
	codeRequests    = 0x80072322
	codeConcurrency = 0x80072326

	// What writing adds.
	codePayload   = 0x80048d19
	codeTooLong   = 0x80044331
	codeDuplicate = 0x80040237
	codeKeyTaken  = 0x80060892
	codeStale     = 0x80060882
	codeRowAccess = 0x80048306
	codeSQL       = 0x80044150
	codeSQLTime   = 0x80044151
)

// kinds says what a code means, whatever the status. What is missing here is judged by its status.
func kinds() map[uint32]fault.Kind {
	return map[uint32]fault.Kind{
		codeExpired:     fault.Expired,
		codeNoRow:       fault.NotFound,
		codeNoKeyRow:    fault.NotFound,
		codeSegment:     fault.Fatal,     // an entity set that does not exist
		0x80060888:      fault.Fatal,     // query syntax
		0x80040220:      fault.Fatal,     // missing privilege
		0x80040299:      fault.Fatal,     // missing privilege, as CrmCheckPrivilege says it
		codeRowAccess:   fault.Fatal,     // no access right on the row
		codeSQL:         fault.Transient, // SQL error, such as a deadlock
		codeSQLTime:     fault.Transient, // SQL time-out
		codeExecution:   fault.Throttled,
		codeRequests:    fault.Throttled,
		codeConcurrency: fault.Throttled,
		codeDuplicate:   fault.Conflict, // duplicate primary key
		codeKeyTaken:    fault.Conflict, // duplicate alternate key
		codeStale:       fault.Conflict, // row version
		0x80040333:      fault.Rejected, // duplicate-detection rule
		codePayload:     fault.Rejected,
		codeTooLong:     fault.Rejected,
		0x80040203:      fault.Rejected, // invalid argument
		0x80040265:      fault.Rejected, // a plug-in refused
	}
}

// refusal makes a fault of an answer that is not a success.
func refusal(resp *remote.Response) error {
	said := parseError(resp)
	kind, known := kinds()[said.Code]
	if !known {
		kind = kindOfStatus(resp.Status)
	}
	return fault.Wrap(kind, said, said.message(kind))
}

func kindOfStatus(status int) fault.Kind {
	switch {
	case status == http.StatusNotImplemented:
		return fault.Fatal
	case status >= http.StatusInternalServerError, status == http.StatusRequestTimeout:
		return fault.Transient
	case status == http.StatusPreconditionFailed:
		return fault.Conflict
	}
	return fault.Fatal
}

// parseError reads an error body. Gateways send HTML or nothing: then the status is all there is.
func parseError(resp *remote.Response) *APIError {
	var body struct {
		Error struct {
			Code    json.RawMessage `json:"code"`
			Message string          `json:"message"`
		} `json:"error"`
	}
	_ = json.Unmarshal(resp.Body, &body) // what is not JSON has no code
	return &APIError{Status: resp.Status, Code: parseCode(strings.Trim(string(body.Error.Code), `"`)), Text: body.Error.Message}
}

// parseCode reads "0x80040217" or the same as a signed number, "-2147220969". Anything else is 0.
func parseCode(s string) uint32 {
	if n, err := strconv.ParseUint(s, 0, 32); err == nil {
		return uint32(n)
	}
	if n, err := strconv.ParseInt(s, 10, 32); err == nil {
		return uint32(n)
	}
	return 0
}

// message is for a person. Of the server's text it takes only names of privileges, columns and entity sets.
func (e *APIError) message(kind fault.Kind) string {
	trace := fmt.Sprintf("(HTTP %d, code 0x%08x)", e.Status, e.Code)
	switch {
	case e.Code == codeExpired:
		return name + ": the change tracking position has expired " + trace
	case kind == fault.NotFound:
		return name + ": there is no such row " + trace
	case e.Code == codeSegment:
		return fmt.Sprintf("%s has no entity set %s; check the mapped table %s", name, quoted(e.Text), trace)
	case e.Status == http.StatusUnauthorized:
		return name + " does not accept the application; create an application user for the client id in the environment " + trace
	case e.Status == http.StatusForbidden:
		return e.privilege(trace)
	case strings.HasPrefix(e.Text, "Could not find a property named"):
		return fmt.Sprintf("%s has no readable column %s in that table; check the mapping %s", name, quoted(e.Text), trace)
	case e.Status == http.StatusNotFound:
		return name + " does not serve the Web API at this address; check the URL of the environment " + trace
	case e.Status >= 300 && e.Status < 400:
		return name + " answered with a redirect; check the URL of the environment " + trace
	case kind == fault.Transient:
		return name + " is in trouble " + trace
	}
	return name + " refused the request " + trace
}

func (e *APIError) privilege(trace string) string {
	if at := strings.Index(e.Text, "prv"); at >= 0 {
		privilege := e.Text[at:]
		if end := strings.IndexFunc(privilege, notInName); end >= 0 {
			privilege = privilege[:end]
		}
		return fmt.Sprintf("%s: the application user lacks the privilege %s at organization level; give it a security role that has it %s", name, privilege, trace)
	}
	return name + ": the application user lacks a privilege; give it a security role that may read the table in the whole organization " + trace
}

func notInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
}

// quoted is the first name in quotes of a text, if it is a name.
func quoted(text string) string {
	_, rest, _ := strings.Cut(text, "'")
	word, _, ok := strings.Cut(rest, "'")
	if !ok || word == "" || len(word) > 128 || strings.ContainsFunc(word, notInName) {
		return "(unnamed)"
	}
	return word
}
