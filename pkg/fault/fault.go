// Package fault is the vocabulary of what goes wrong: every error that crosses a package border here is an
// instruction. Its kind says what the caller is to do, its message says to a person what was wrong, where, and what
// would mend it, and the wrapped cause stays available to errors.Is and errors.As.
//
// A message is shown on the page, in the API and in logs. It must never hold a field's value, a token, a secret or a
// whole remote response (invariant 9): name the record by key, the field by name, the value by type.
package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Kind is the instruction.
type Kind int

// The kinds. The zero value is Transient: an error that nobody classified is retried within its window and never
// silently dropped.
const (
	// Transient: try again with backoff; it may mend by itself (network, 5xx, time-out).
	Transient Kind = iota
	// Throttled: the remote asked for a pause. Nothing may be sent to it before After has passed (invariant 10).
	Throttled
	// Rejected: this one record will never be accepted. Put it into the failures stream and go on.
	Rejected
	// Fatal: the workflow cannot work until a person mends something (credentials, privileges, a missing table).
	Fatal
	// Expired: the read position is no longer valid; read the source again from the beginning.
	Expired
	// Fenced: another instance is active, or the position moved underneath. Stop at once and write nothing more.
	Fenced
	// QueueFull: the stream takes no more records until some are settled. Wait and offer the same batch again.
	QueueFull
	// Invalid: the request or document was not understood; every detail is in the message.
	Invalid
	// NotFound: there is no such thing.
	NotFound
	// Conflict: the thing exists, but not in a state that allows this now.
	Conflict
	// Stale: the caller decided on an older revision than the stored one.
	Stale
	// Waiting: this one record cannot be written before another has arrived. Put it aside, go on, and try it again.
	Waiting
)

var kindNames = map[Kind]string{
	Transient: "transient", Throttled: "throttled", Rejected: "rejected", Fatal: "fatal", Expired: "expired",
	Fenced: "fenced", QueueFull: "queue full", Invalid: "invalid", NotFound: "not found", Conflict: "conflict", Stale: "stale",
	Waiting: "waiting",
}

// String names the kind for logs and metric labels.
func (k Kind) String() string { return kindNames[k] }

// Error is an error with an instruction.
type Error struct {
	Kind Kind
	// Message is for a person: what was wrong, where, what to do. Free of personal data and secrets.
	Message string
	// After is how long to wait at least, for Throttled; 0 where the remote named no delay.
	After time.Duration
	// Err is the cause, or nil.
	Err error
}

// Error is the message alone. The cause is left to Unwrap: it may come from a remote system and is not fit for
// everybody's eyes.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes an error of a kind.
func New(kind Kind, message string) *Error { return &Error{Kind: kind, Message: message} }

// Wrap makes an error of a kind with a cause.
func Wrap(kind Kind, cause error, message string) *Error {
	return &Error{Kind: kind, Message: message, Err: cause}
}

// ThrottledFor makes a Throttled error with the remote's own delay.
func ThrottledFor(after time.Duration, message string) *Error {
	return &Error{Kind: Throttled, Message: message, After: after}
}

// KindOf tells the kind of err: that of the outermost *Error in its chain, Transient for any other error.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Transient
}

// Is reports whether err carries the given kind. It is false for nil.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }

// After is the delay that a Throttled error asks for, 0 for any other.
func After(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) && e.Kind == Throttled {
		return e.After
	}
	return 0
}

// Message is what a person may be shown of err: the message of the outermost *Error, or a general sentence for an
// error that nobody classified, whose text might hold anything (invariant 9).
func Message(err error) string {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Message
	case errors.Is(err, context.DeadlineExceeded):
		return "timed out"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	default:
		return "internal error; the service's log says more"
	}
}

// Cause is what the log should say of an error: its cause, where it has one that the message hides.
func Cause(err error) error {
	if cause := errors.Unwrap(err); cause != nil {
		return fmt.Errorf("%s: %w", err.Error(), cause)
	}
	return err
}

// UnlessStopped is err, or nil where ctx was cancelled: somebody has ended what failed, and it failed of that.
func UnlessStopped(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	return err
}
