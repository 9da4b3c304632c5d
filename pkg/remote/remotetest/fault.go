package remotetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Kind says what a fault does to the requests that it hits.
type Kind string

// The kinds of faults.
const (
	// Throttle opens a window of RetryAfter seconds in which every request of that client is answered 429.
	Throttle Kind = "throttle"
	// Error answers Status with the vendor's error body; the request is not handled.
	Error Kind = "error"
	// Cut closes the connection; the request is not handled.
	Cut Kind = "cut"
	// TimeoutAfterWrite handles a writing request fully and then closes the connection without an answer, after
	// LatencyMs: the client cannot know the outcome. Requests that only read are left alone.
	TimeoutAfterWrite Kind = "timeout-after-write"
	// Latency waits LatencyMs before the request is handled.
	Latency Kind = "latency"
	// ExpireTokens makes every token that was issued invalid. Without a rate it happens once, at once.
	ExpireTokens Kind = "expire-tokens"
	// ExpireLinks makes every page or change link that was issued invalid. Without a rate it happens once, at once.
	ExpireLinks Kind = "expire-links"
)

func kinds() []Kind {
	return []Kind{Throttle, Error, Cut, TimeoutAfterWrite, Latency, ExpireTokens, ExpireLinks}
}

// The values of Fault.Paths.
const (
	PathsAPI   = "api"
	PathsToken = "token"
	PathsAll   = "all"
)

// Fault is what goes wrong, how often and for how long. Its JSON is the body of POST /_sandbox/faults.
type Fault struct {
	Kind Kind `json:"kind"`
	// Rate is the share of requests that are hit, above 0 and at most 1. 0 stands for "not given": every request, and
	// once for the two expire kinds.
	Rate float64 `json:"rate,omitempty"`
	// Seconds is how long the fault lasts. 0 is until somebody ends it.
	Seconds float64 `json:"seconds,omitempty"`
	// Status of Error, 400 to 599. 0 is 503.
	Status int `json:"status,omitempty"`
	// RetryAfter of Throttle, in seconds. 0 is 2.
	RetryAfter float64 `json:"retryAfter,omitempty"`
	// LatencyMs of Latency and TimeoutAfterWrite, in milliseconds. 0 is 50 for Latency and none for TimeoutAfterWrite.
	LatencyMs int `json:"latencyMs,omitempty"`
	// Paths is PathsAPI, PathsToken or PathsAll. Empty is PathsAPI.
	Paths string `json:"paths,omitempty"`
}

// FieldError is a fault description that was not understood.
type FieldError struct {
	// Field is the JSON name of the part that is wrong, or empty where the whole is.
	Field   string `json:"field,omitempty"`
	Message string `json:"error"`
}

// Error is the message.
func (e *FieldError) Error() string { return e.Message }

func wrong(field, format string, args ...any) error {
	return &FieldError{Field: field, Message: field + ": " + fmt.Sprintf(format, args...)}
}

// Validate reports the first part of f that is wrong as a *FieldError, or nil.
func (f Fault) Validate() error {
	switch {
	case !slices.Contains(kinds(), f.Kind):
		return wrong("kind", "%q is none of %v", f.Kind, kinds())
	case !(f.Rate >= 0 && f.Rate <= 1):
		return wrong("rate", "must be above 0 and at most 1")
	case !(f.Seconds >= 0 && f.Seconds <= maxSeconds):
		return wrong("seconds", "must be from 0 (until ended) to %d", maxSeconds)
	case f.Status != 0 && (f.Status < 400 || f.Status > 599):
		return wrong("status", "must be from 400 to 599")
	case !(f.RetryAfter >= 0 && f.RetryAfter <= maxSeconds):
		return wrong("retryAfter", "must be from 0 to %d seconds", maxSeconds)
	case f.LatencyMs < 0 || f.LatencyMs > maxSeconds*1000:
		return wrong("latencyMs", "must be from 0 to %d milliseconds", maxSeconds*1000)
	case !slices.Contains([]string{"", PathsAPI, PathsToken, PathsAll}, f.Paths):
		return wrong("paths", "%q is none of %s, %s, %s", f.Paths, PathsAPI, PathsToken, PathsAll)
	}
	return nil
}

// maxSeconds is a day: more than any test lasts, and safe to multiply.
const maxSeconds = 86400

// ParseFault reads the JSON of a fault and validates it. Every error is a *FieldError.
func ParseFault(data []byte) (Fault, error) {
	var wire struct {
		Fault
		Rate *float64 `json:"rate"` // shadows Fault.Rate, to tell 0 from absent
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&wire); err != nil {
		return Fault{}, decodeError(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Fault{}, &FieldError{Message: "text after the JSON object"}
	}
	if wire.Rate != nil {
		if *wire.Rate == 0 {
			return Fault{}, wrong("rate", "must be above 0 and at most 1")
		}
		wire.Fault.Rate = *wire.Rate
	}
	return wire.Fault, wire.Fault.Validate()
}

func decodeError(err error) error {
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) && mistyped.Field != "" {
		field := mistyped.Field[strings.LastIndexByte(mistyped.Field, '.')+1:]
		return wrong(field, "must be a %s, not a %s", mistyped.Type, mistyped.Value)
	}
	if _, field, unknown := strings.Cut(err.Error(), "unknown field "); unknown {
		field = strings.Trim(field, `"`)
		return wrong(field, "no such member")
	}
	return &FieldError{Message: "not a JSON object: " + err.Error()}
}

func (f Fault) withDefaults() Fault {
	if f.Status == 0 {
		f.Status = 503
	}
	if f.RetryAfter == 0 {
		f.RetryAfter = 2
	}
	if f.LatencyMs == 0 && f.Kind == Latency {
		f.LatencyMs = 50
	}
	if f.Paths == "" {
		f.Paths = PathsAPI
	}
	return f
}

func (f Fault) once() bool { return f.Rate == 0 && (f.Kind == ExpireTokens || f.Kind == ExpireLinks) }

func (f Fault) concerns(paths string) bool { return f.Paths == PathsAll || f.Paths == paths }

func (f Fault) latency() time.Duration { return time.Duration(f.LatencyMs) * time.Millisecond }

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
