package dynamics

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote"
)

func parseErrorCode(answer *remote.Response) uint32 { return parseError(answer).Code }

// trace is what a person can look up of an error.
func (e *APIError) trace() string { return fmt.Sprintf("(HTTP %d, code 0x%08x)", e.Status, e.Code) }

// refusedWrite makes a fault of the answer to one write, which names the row by table and key; key may be empty. A row's
// own fault is fault.Rejected, where a read with the same code would be wrong as a whole.
func (c *Client) refusedWrite(verb, table, key string, answer *remote.Response) error {
	subject := strings.TrimSpace(verb + " " + table + " " + key)
	said := parseError(answer)
	if answer.Status == 0 {
		return fault.New(fault.Transient, name+" answered to "+subject+" with something that cannot be understood; it can be sent again")
	}
	if isThrottled(answer) {
		if err := c.remote.Paused(); err != nil {
			return err
		}
		return fault.ThrottledFor(0, name+" asked for a pause "+said.trace())
	}
	kind := said.kindOfWrite()
	return fault.Wrap(kind, said, said.writeMessage(kind, subject))
}

// kindOfWrite says what the refusal of a single write means.
func (e *APIError) kindOfWrite() fault.Kind {
	switch {
	case e.unknownColumn() != "":
		return fault.Fatal
	case e.Code == codeRowAccess:
		return fault.Rejected
	case e.Status == http.StatusNotFound && strings.Contains(strings.ToLower(e.Text), "not exist"):
		return fault.NotFound // the code is empty at times
	}
	if kind, known := kinds()[e.Code]; known {
		return kind
	}
	if e.Status == http.StatusBadRequest || e.Status == http.StatusRequestEntityTooLarge {
		return fault.Rejected
	}
	return kindOfStatus(e.Status)
}

// The texts of columns that do not exist.
var unknownColumns = regexp.MustCompile(`(?i)(?:property|properties)[^']*'([A-Za-z0-9_]{1,128})'.*(?:does not exist on type|on type 'Microsoft\.Dynamics\.CRM\.)|undeclared property '([A-Za-z0-9_]{1,128})'`)

// unknownColumn is the column that the table does not have, where that is what the text says.
func (e *APIError) unknownColumn() string {
	if e.Status != http.StatusBadRequest {
		return ""
	}
	found := unknownColumns.FindStringSubmatch(e.Text)
	if found == nil {
		return ""
	}
	return found[1] + found[2]
}

// missingRows is "contact With Id = 0a00... Does Not Exist" and its kin; a table's name and a key are all it lets through.
var missingRows = regexp.MustCompile(`(?i)([a-z0-9_]{1,128}) With Ids? = ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})`)

// missingRow is the table and key of the row that was not found, where the text says it.
func (e *APIError) missingRow() (table, id string) {
	found := missingRows.FindStringSubmatch(e.Text)
	if found == nil {
		return "", ""
	}
	return strings.ToLower(found[1]), strings.ToLower(found[2])
}

// writeMessage is for a person. Of the server's text it takes only names of columns and privileges (invariant 9).
func (e *APIError) writeMessage(kind fault.Kind, subject string) string {
	switch {
	case e.unknownColumn() != "":
		return fmt.Sprintf("%s refused to %s: the table has no column %s; check the configuration %s", name, subject, e.unknownColumn(), e.trace())
	case e.Code == codeTooLong:
		return fmt.Sprintf("%s refused to %s: the text is too long for the column %s %s", name, subject, quoted(e.Text), e.trace())
	case e.Code == codePayload:
		return fmt.Sprintf("%s refused to %s: it does not take the value of %s %s", name, subject, quotedName(e.Text), e.trace())
	case e.Code == codeRowAccess:
		return fmt.Sprintf("%s refused to %s: the application user has no access to the row; give it a security role that has it in the whole organization %s",
			name, subject, e.trace())
	case kind == fault.Rejected:
		return fmt.Sprintf("%s refused to %s %s", name, subject, e.trace())
	case kind == fault.Conflict:
		return fmt.Sprintf("%s refused to %s: another row holds one of its unique values %s", name, subject, e.trace())
	}
	return e.message(kind)
}

// quotedName is the column that a payload error names: "The property 'x'" stands behind the entity's own name.
func quotedName(text string) string {
	if _, rest, ok := strings.Cut(text, "property "); ok {
		return quoted(rest)
	}
	return "a column"
}

// isExisting reports whether a creation was refused because the row is there.
func isExisting(answer *remote.Response) bool {
	said := parseError(answer)
	if answer.Status != http.StatusPreconditionFailed {
		return false
	}
	switch said.Code {
	case 0, codeStale:
		return true // nothing but If-None-Match was asked for
	case codeDuplicate:
		return strings.Contains(said.Text, "matching key values")
	}
	return false
}

// isDoubtful reports whether a creation was refused as a duplicate that may be of another row: the key of the row itself
// and an alternate key are refused alike, and with several statuses.
func isDoubtful(answer *remote.Response) bool {
	code := parseErrorCode(answer)
	return code == codeDuplicate || code == codeKeyTaken
}

// isSplit reports whether the rows of a CreateMultiple that failed are to be sent one by one: it failed for the sake of
// some row, or cannot be had for the table. Trouble that all of them would meet alike is left to the caller. Carried is how
// many there were.
func (w *Writer) isSplit(table string, carried int, answer *remote.Response) bool {
	said := parseError(answer)
	switch {
	case answer.Status == 0 || isThrottled(answer):
		return false
	case said.Code == codeSQLTime:
		w.rows.tooMuch(carried)
		return false
	case said.Code == codeSQL:
		return false // a deadlock
	case answer.Status >= http.StatusInternalServerError && said.Code == 0 && said.Text == "":
		return false // a gateway
	}
	if strings.Contains(said.Text, "CreateMultiple") || answer.Status == http.StatusMethodNotAllowed || answer.Status == http.StatusNotImplemented {
		w.noBulk(table)
	}
	return true
}
