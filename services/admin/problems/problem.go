package problems

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// StatusOf is the one table from kinds of errors to HTTP status. The NATS API uses the same numbers as its codes.
func StatusOf(err error) int {
	if errors.Is(err, context.Canceled) { // Who asked has left, or the service is stopping: nothing to mend.
		return http.StatusRequestTimeout
	}
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
	Type   string   `json:"type" doc:"names the sort of problem; a place on the documentation page" example:"/docs#problem-conflict"`
	Title  string   `json:"title" doc:"what the status means" example:"Conflict"`
	Status int      `json:"status" doc:"the HTTP status, also the code of the NATS service error" example:"409"`
	Detail string   `json:"detail" doc:"what was wrong and what to do" example:"already started"`
	Errors []Detail `json:"errors,omitempty" doc:"the faults of the document, the first hundred at most"`
	More   int      `json:"more,omitempty" doc:"how many faults there are beside those" example:"12"`
}

// Detail is one fault of a request.
type Detail struct {
	Location string `json:"location" doc:"path of the field; lists count from 0" example:"mappings[0].fields[2].field"`
	Message  string `json:"message" doc:"what is wrong" example:"missing"`
	Fix      string `json:"fix,omitempty" doc:"what would be accepted" example:"give the name of a Campaign field"`
}

// New makes a problem of a status and a sentence.
func New(status int, detail string) *Problem {
	return &Problem{Type: typeOf(status), Title: http.StatusText(status), Status: status, Detail: clip(detail, maxDetail)}
}

// The bounds of what a problem repeats, whatever a request has brought.
const (
	maxErrors = 100
	maxDetail = 600
	maxPlace  = 200
)

// clip cuts a text that is too long for a problem.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// tell lists faults, as many as a reader can use.
func (p *Problem) tell(details []Detail) {
	for _, d := range details[:min(len(details), maxErrors)] {
		p.Errors = append(p.Errors, Detail{Location: clip(d.Location, maxPlace), Message: clip(d.Message, maxDetail), Fix: clip(d.Fix, maxDetail)})
	}
	p.More = len(details) - len(p.Errors)
}

// Of makes a problem of an error: every fault of a document, and never the text of an error that nobody
// classified (invariant 9).
func Of(err error) *Problem {
	var already *Problem
	if errors.As(err, &already) {
		return already
	}
	p := New(StatusOf(err), fault.Message(err))
	var details []Detail
	for _, f := range faultsOf(err) {
		details = append(details, Detail{Location: f.Path, Message: f.Problem, Fix: f.Fix})
	}
	p.tell(details)
	return p
}

// Unify makes our problem of what the API's library finds wrong with a request by itself. The values that it would repeat
// are left out: they may be anything.
func Unify(_ huma.Context, _ string, body any) (any, error) {
	model, theirs := body.(*huma.ErrorModel)
	if !theirs {
		return body, nil
	}
	p := New(model.Status, model.Detail)
	var details []Detail
	for _, one := range model.Errors {
		if one != nil {
			details = append(details, Detail{Location: one.Location, Message: one.Message})
		}
	}
	p.tell(details)
	return p, nil
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

// Code is the status as NATS services write it.
func (p *Problem) Code() string { return strconv.Itoa(p.Status) }

// Write writes a problem outside of huma.
func Write(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	// The reader may be gone; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(p)
}
