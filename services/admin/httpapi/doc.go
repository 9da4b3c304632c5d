// Package httpapi is the HTTP API of the admin service under /api/v1, and its description in OpenAPI 3.1 at /openapi.json.
//
// It promises that
//
//   - every operation is described with its inputs, answers, examples and each problem that it can answer with; a test drives
//     each operation and compares;
//   - every error is a problem (RFC 9457) with what was wrong and where;
//   - what one reads as an ETag one sends as If-Match: an edit on an old revision is refused with 412.
//
// An operation does nothing but translate: what it means stands in package backend.
package httpapi
