package bus

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// encode writes a record as a message: identity in headers, so that order and coalescing need not open the row, and the
// row as the body.
func encode(id workflow.ID, r record.Record) *nats.Msg {
	header := nats.Header{
		HeaderKey:     []string{r.Key},
		HeaderOp:      []string{string(r.Op)},
		HeaderVersion: []string{strconv.FormatInt(r.Version, 10)},
		HeaderReadAt:  []string{strconv.FormatInt(r.ReadAt.UnixMilli(), 10)},
	}
	if r.Snapshot {
		header[HeaderSnapshot] = []string{"1"}
	}
	encodeWaiting(header, r)
	return &nats.Msg{Subject: RecordsSubject(id, r.Source), Header: header, Data: r.Data}
}

// first reads a header without canonicalising its name: all of ours are stored as written.
func first(header nats.Header, name string) string {
	if values := header[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// decode reads a message back. An error says what is wrong with it; the record then holds what could be read.
func decode(id workflow.ID, subject string, header nats.Header, data []byte) (record.Record, error) {
	r := record.Record{
		Source:   strings.TrimPrefix(subject, RecordsSubject(id, "")),
		Key:      first(header, HeaderKey),
		Op:       record.Op(first(header, HeaderOp)),
		Snapshot: first(header, HeaderSnapshot) != "",
		Data:     data,
	}
	var err error
	if r.Version, err = strconv.ParseInt(first(header, HeaderVersion), 10, 64); err != nil {
		return r, fmt.Errorf("header %s is not a number", HeaderVersion)
	}
	millis, err := strconv.ParseInt(first(header, HeaderReadAt), 10, 64)
	if err != nil {
		return r, fmt.Errorf("header %s is not a number", HeaderReadAt)
	}
	r.ReadAt = time.UnixMilli(millis)
	if err := decodeWaiting(header, &r); err != nil {
		return r, err
	}
	switch {
	case r.Key == "":
		return r, errors.New("header " + HeaderKey + " is missing")
	case r.Op != record.Upsert && r.Op != record.Delete:
		return r, errors.New("header " + HeaderOp + " is neither upsert nor delete")
	case r.Op == record.Upsert && (len(data) == 0 || data[0] != '{'):
		return r, errors.New("the body is not a JSON object")
	}
	return r, nil
}
