// Package problems tells errors to the outside: application/problem+json (RFC 9457) over HTTP, the body of a service error
// over NATS, a message on a page.
//
// It promises that there is one table from kinds of errors to statuses, that every type of problem is documented ([Kinds]),
// that a problem never repeats the text of an error that nobody classified (invariant 9), and that its size has a limit
// whatever a request has brought.
package problems
