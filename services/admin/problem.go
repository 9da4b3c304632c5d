package admin

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// statusOf is the one table from kinds of errors to HTTP status. The NATS API uses the same numbers as its codes.
func statusOf(err error) int {
	var classified *fault.Error
	if !errors.As(err, &classified) {
		return http.StatusInternalServerError
	}
	switch classified.Kind {
	case fault.Invalid, fault.Rejected:
		return http.StatusUnprocessableEntity
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict, fault.Fenced:
		return http.StatusConflict
	case fault.Stale:
		return http.StatusPreconditionFailed
	case fault.Transient, fault.Throttled, fault.QueueFull:
		return http.StatusServiceUnavailable
	default: // Fatal, Expired: a person has to mend something on the server's side.
		return http.StatusInternalServerError
	}
}

// Problem is an error for the outside: application/problem+json (RFC 9457) over HTTP, the body of a service error over
// NATS, a message on a page.
type Problem struct {
	Title  string   `json:"title" doc:"what the status means" example:"Conflict"`
	Status int      `json:"status" doc:"the HTTP status, also the code of the NATS service error" example:"409"`
	Detail string   `json:"detail" doc:"what was wrong and what to do" example:"already started"`
	Errors []Detail `json:"errors,omitempty" doc:"every fault of the document"`
}

// Detail is one fault of a request.
type Detail struct {
	Location string `json:"location" doc:"path of the field; lists count from 0" example:"mappings[0].fields[2].field"`
	Message  string `json:"message" doc:"what is wrong" example:"missing"`
	Fix      string `json:"fix,omitempty" doc:"what would be accepted" example:"give the name of a Campaign field"`
}

// newProblem makes a problem of a status and a sentence.
func newProblem(status int, detail string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Detail: detail}
}

// problemOf makes a problem of an error: every fault of a document, and never the text of an error that nobody
// classified (invariant 9).
func problemOf(err error) *Problem {
	var already *Problem
	if errors.As(err, &already) {
		return already
	}
	p := newProblem(statusOf(err), fault.Message(err))
	for _, f := range faultsOf(err) {
		p.Errors = append(p.Errors, Detail{Location: f.Path, Message: f.Problem, Fix: f.Fix})
	}
	return p
}

func faultsOf(err error) config.Faults {
	var faults config.Faults
	errors.As(err, &faults)
	return faults
}

// Error is the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is the HTTP status, as huma asks for it.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType names the media type of problems, as huma asks for it.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// code is the status as NATS services write it.
func (p *Problem) code() string { return strconv.Itoa(p.Status) }

// causeOf is what the log should say of an error: its cause, where it has one that the message hides.
func causeOf(err error) error {
	if cause := errors.Unwrap(err); cause != nil {
		return fmt.Errorf("%s: %w", err.Error(), cause)
	}
	return err
}
