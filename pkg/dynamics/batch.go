package dynamics

import (
	"bytes"
	"crypto/rand"
	"strings"
)

// operation is one request of a $batch.
type operation struct {
	method string
	path   string // behind the API's root, encoded
	header []field
	body   []byte // JSON, or nil
}

// field is a header line. Its name is sent as it stands here.
type field struct{ name, value string }

// newBoundary makes a boundary that no body can hold: JSON has no line that begins with it.
func newBoundary() string { return "batch_" + strings.ToLower(rand.Text()) }

// encodeBatch writes operations as the body of a $batch, whose every line ends with CRLF: a bare LF is refused (Dataverse
// docs, Execute batch operations).
func encodeBatch(boundary string, operations []operation) []byte {
	var b bytes.Buffer
	for _, op := range operations {
		line(&b, "--", boundary)
		line(&b, "Content-Type: application/http")
		line(&b, "Content-Transfer-Encoding: binary")
		line(&b)
		line(&b, op.method, " ", root, op.path, " HTTP/1.1")
		for _, h := range op.header {
			line(&b, h.name, ": ", h.value)
		}
		line(&b)
		b.Write(op.body)
		line(&b)
	}
	line(&b, "--", boundary, "--")
	return b.Bytes()
}

func line(b *bytes.Buffer, words ...string) {
	for _, word := range words {
		b.WriteString(word)
	}
	b.WriteString("\r\n")
}

// The operations that a Writer sends.

// entry is the content type of a body that is one row.
const entry = "application/json; type=entry"

// createRow creates a row under its id, and does nothing where it is there (invariant 3).
func createRow(set, id string, body []byte) operation {
	return operation{"PATCH", set + "(" + id + ")", []field{{"Content-Type", entry}, {"If-None-Match", "*"}}, body}
}

// createRows creates many rows of one table, all or none.
func createRows(set string, body []byte) operation {
	return operation{"POST", set + "/Microsoft.Dynamics.CRM.CreateMultiple", []field{{"Content-Type", "application/json"}}, body}
}

// changeRow changes a row that is there, and answers with what it is then. The condition is an etag or "*": without one
// a row that was deleted would come back to life.
func changeRow(set, id, condition string, body []byte) operation {
	return operation{"PATCH", set + "(" + id + ")?$select=modifiedon",
		[]field{{"Content-Type", entry}, {"If-Match", condition}, {"Prefer", "return=representation"}}, body}
}

// lookAt reads the key of a row.
func lookAt(set, id, primaryKey string) operation {
	return operation{"GET", set + "(" + id + ")?$select=" + primaryKey, []field{{"Accept", "application/json"}}, nil}
}
