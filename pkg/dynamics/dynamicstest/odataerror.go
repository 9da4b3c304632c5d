package dynamicstest

import (
	"fmt"
	"net/http"

	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// odataError is an answer that is not a success, in Dataverse's form.
type odataError struct {
	status int
	code   string
	text   string
}

func (e *odataError) Error() string { return e.text }

func fail(status int, code, format string, args ...any) *odataError {
	return &odataError{status: status, code: code, text: fmt.Sprintf(format, args...)}
}

// The codes (Dataverse docs, Web service error codes).
const (
	codeNotFound     = "0x80040217"
	codeDuplicate    = "0x80040237"
	codeStale        = "0x80060882"
	codePrivilege    = "0x80040220"
	codeSegment      = "0x8006088a"
	codeProperty     = "0x0"
	codePayload      = "0x80048d19"
	codeSyntax       = "0x80060888"
	codeTooLong      = "0x80044331"
	codeArgument     = "0x80040203"
	codeExpired      = "0x80044352"
	codeRequests     = "0x80072322"
	codeExecution    = "0x80072321"
	codeConcurrency  = "0x80072326"
	codeGeneralError = "0x80040216"
)

func errNoRow(t *table, id guid) *odataError {
	return fail(http.StatusNotFound, codeNotFound, "%s With Id = %s Does Not Exist", t.LogicalName, id)
}

func errNoProperty(t *table, name string) *odataError {
	return fail(http.StatusBadRequest, codeProperty, "Could not find a property named '%s' on type 'Microsoft.Dynamics.CRM.%s'.", name, t.LogicalName)
}

func errSegment(name string) *odataError {
	return fail(http.StatusNotFound, codeSegment, "Resource not found for the segment '%s'.", name)
}

func errUntracked(t *table) *odataError {
	return fail(http.StatusBadRequest, codeGeneralError, "Entity: %s isn't enabled for change tracking.", t.LogicalName)
}

func errPrivilege(privilege string) *odataError {
	return fail(http.StatusForbidden, codePrivilege, "SecLib::CheckPrivilege failed. User: %s, PrivilegeName: %s, PrivilegeId: %s, Required Depth: Global",
		userID, privilege, guid{1})
}

func writeError(w http.ResponseWriter, e *odataError) {
	remotetest.WriteJSON(odata(w), e.status, map[string]any{"error": map[string]string{"code": e.code, "message": e.text}})
}

// odata adds the protocol's headers.
func odata(w http.ResponseWriter) http.ResponseWriter {
	w.Header().Set("OData-Version", "4.0")
	return jsonWriter{w}
}

// jsonWriter gives JSON the content type that the Web API sends.
type jsonWriter struct{ http.ResponseWriter }

func (w jsonWriter) WriteHeader(status int) {
	w.Header().Set("Content-Type", "application/json; odata.metadata=minimal")
	w.ResponseWriter.WriteHeader(status)
}
