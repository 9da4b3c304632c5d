package bus

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/record"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// The headers of a failure beside those of the record. The body is the record's own, byte for byte.
const (
	HeaderReason    = "Causeway-Reason"
	HeaderAttempts  = "Causeway-Attempts"
	HeaderStreamSeq = "Causeway-Stream-Sequence"
	// HeaderCause is the reason without what is the record's own: failures of one cause have the same one.
	HeaderCause = "Causeway-Cause"
)

// noSource is the source of a failure whose record names none.
const noSource = "unknown"

// Reject stores a record that nobody will ever accept, with its reason, and returns when the failures stream has it:
// only then may the delivery be acknowledged (invariant 2). A record that is rejected again, after a crash or in a newer
// version, stands there twice; readers of the failures put the two together.
func (q *Queue) Reject(ctx context.Context, d record.Delivery, reason string, attempts int) error {
	msg := encode(q.id, d.Record)
	source := d.Source
	if source == "" {
		source = noSource
	}
	msg.Subject = FailureSubject(q.id, source)
	msg.Data = d.Raw
	msg.Header[HeaderReason] = []string{oneLine(reason)}
	msg.Header[HeaderCause] = []string{record.Cause(reason, d.Source, d.Key)}
	msg.Header[HeaderAttempts] = []string{strconv.Itoa(attempts)}
	msg.Header[HeaderStreamSeq] = []string{strconv.FormatUint(d.Seq, 10)}
	msg.Header[HeaderKey] = []string{oneLine(d.Key)}
	_, err := q.c.js.PublishMsg(ctx, msg)
	if hasCode(err, codeStreamFull) {
		return fault.Wrap(fault.QueueFull, err, "no room for rejected records: "+StreamFailures+
			" has reached its size limit; retry or drop rejected records, or raise the limit of the stream")
	}
	return classify(err, "storing a rejected record")
}

// oneLine keeps a text on one line: a line break would end the header.
func oneLine(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text))
}

// failureFilter matches the failures of a workflow.
func failureFilter(id workflow.ID) string { return FailureSubject(id, ">") }

// parseFailureSubject splits causeway.failures.<workflow>.<source>.
func parseFailureSubject(subject string) (id workflow.ID, source string) {
	name, source, _ := strings.Cut(strings.TrimPrefix(subject, prefix+"failures."), ".")
	return workflow.ID(name), source
}

// causeOf is the cause of a stored failure; an older release stored none.
func causeOf(header nats.Header, source string) string {
	if cause := first(header, HeaderCause); cause != "" {
		return cause
	}
	return record.Cause(first(header, HeaderReason), source, first(header, HeaderKey))
}

// failure reads one stored failure, without its payload.
func failure(msg *jetstream.RawStreamMsg) workflow.Failure {
	id, source := parseFailureSubject(msg.Subject)
	attempts, _ := strconv.Atoi(first(msg.Header, HeaderAttempts)) // What somebody published by hand may lack any of them.
	place, _ := strconv.ParseUint(first(msg.Header, HeaderStreamSeq), 10, 64)
	f := workflow.Failure{Seq: msg.Sequence, Workflow: id, Source: source, Key: first(msg.Header, HeaderKey), Op: first(msg.Header, HeaderOp),
		Reason: first(msg.Header, HeaderReason), FirstAt: msg.Time, LastAt: msg.Time, Attempts: max(attempts, 1), Times: 1, StreamSeq: place}
	f.Group = groupID(causeOf(msg.Header, source))
	f.CannotRetry = cannotRetry(source, f.Key)
	if f.CannotRetry == "" && id != workflow.Ingress && f.Op != string(record.Delete) && len(msg.Data) == 0 {
		f.CannotRetry = "its payload was not kept and nobody can be asked for it again: it can only be dropped"
	}
	return f
}

// cannotRetry says why a record cannot be retried, "" when it can.
func cannotRetry(source, key string) string {
	if key == "" || source == "" || source == noSource || Token(source) != source {
		return "the record cannot be read and names no row: it can only be dropped"
	}
	return ""
}

// payload is the body of a failure for people and programs: the row as JSON, or as a text what is none.
func payload(data []byte) any {
	switch {
	case len(data) == 0:
		return nil
	case json.Valid(data):
		return json.RawMessage(data)
	}
	return strings.ToValidUTF8(string(data), "�")
}

// again is what stores a failed record in its workflow's stream once more. A row of ingress is read again. A record of
// egress is an event, of which there is never a newer version: it goes back as it is. So does a report of Opt In/Out, marked
// as one that was put aside: what counts are not its values, but those that the two sides have when it is looked at.
func again(f workflow.Failure, msg *jetstream.RawStreamMsg) *nats.Msg {
	if f.Workflow == workflow.Ingress {
		return Retry{Key: f.Key, Snapshot: first(msg.Header, HeaderSnapshot) != ""}.message(f.Workflow, f.Source)
	}
	back := nats.NewMsg(RecordsSubject(f.Workflow, f.Source))
	for _, name := range []string{HeaderKey, HeaderOp, HeaderVersion, HeaderSnapshot, HeaderReadAt} {
		if values, present := msg.Header[name]; present {
			back.Header[name] = values
		}
	}
	if f.Workflow == workflow.OptInOut {
		encodeWaiting(back.Header, record.Record{WaitingSince: msg.Time})
	}
	back.Data = msg.Data
	return back
}

// failuresTimeout bounds one look at the failures stream.
const failuresTimeout = 10 * time.Second
