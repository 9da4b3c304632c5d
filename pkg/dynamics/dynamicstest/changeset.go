package dynamicstest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// answerSet does a change set: all of its operations or none. A failure collapses it into one answer. It returns the
// status of the failure, 0 where there is none.
func (s *Server) answerSet(answers *batchAnswer, set item) (failed int) {
	s.work(set.set[0], len(set.set))
	inner := batchAnswer{boundary: "changesetresponse_" + newGUID().String()}
	tx := s.begin()
	done := make([]effect, len(set.set))
	tables := make([]*table, len(set.set))
	named := map[string]string{} // Content-ID to the address of what it made
	var bad *odataError
	for i, request := range set.set {
		var op operation
		if op, bad = s.member(request, named); bad == nil {
			done[i], bad = tx.apply(op)
		}
		if bad != nil {
			break
		}
		tables[i] = op.table
		named["$"+set.ids[i]] = Root + op.table.EntitySetName + "(" + op.id.String() + ")"
	}
	tx.end(bad == nil)
	if bad != nil {
		rec := newRecorder()
		writeError(rec, bad)
		answers.add(rec, "")
		return bad.status
	}
	for i, request := range set.set {
		rec := newRecorder()
		if bad := s.wrote(rec, request, tables[i], done[i]); bad != nil {
			writeError(rec, bad)
		}
		inner.add(rec, set.ids[i])
	}
	fmt.Fprintf(&answers.body, "--%s\r\nContent-Type: multipart/mixed; boundary=%s\r\n\r\n", answers.boundary, inner.boundary)
	fmt.Fprintf(&inner.body, "--%s--\r\n", inner.boundary)
	_, _ = inner.body.WriteTo(&answers.body) // a buffer takes everything
	return 0
}

// member understands an operation of a change set, whose address and body may name what an earlier one made.
func (s *Server) member(r *http.Request, named map[string]string) (operation, *odataError) {
	path := r.URL.Path
	if strings.HasPrefix(path, "$") {
		if path = named[path]; path == "" {
			return operation{}, errReference(r.URL.Path)
		}
	}
	if bad := resolveBody(r, named); bad != nil {
		return operation{}, bad
	}
	set, key, keyed := strings.Cut(strings.TrimPrefix(path, Root), "(")
	t := s.store.bySet(set)
	switch {
	case t == nil:
		return operation{}, errSegment(set)
	case !keyed && r.Method == http.MethodPost:
		return s.creation(r, t)
	case keyed && (r.Method == http.MethodPatch || r.Method == http.MethodDelete):
		id, err := parseGUID(strings.TrimSuffix(key, ")"))
		if err != nil {
			return operation{}, errKey(t)
		}
		return s.changeOf(r, t, id)
	}
	return operation{}, fail(http.StatusMethodNotAllowed, codeGeneralError, "The requested resource does not support http method '%s'.", r.Method)
}

// resolveBody puts addresses in the place of references like "$1".
func resolveBody(r *http.Request, named map[string]string) *odataError {
	body, _ := io.ReadAll(r.Body) // it is in memory
	for {
		_, rest, found := bytes.Cut(body, []byte(`"$`))
		if !found {
			break
		}
		name, _, _ := bytes.Cut(rest, []byte(`"`))
		address := named["$"+string(name)]
		if address == "" {
			return errReference("$" + string(name))
		}
		body = bytes.ReplaceAll(body, []byte(`"$`+string(name)+`"`), []byte(`"`+address+`"`))
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

func errReference(name string) *odataError {
	return fail(http.StatusBadRequest, codePayload, "Content-ID Reference: '%s' does not exist in the batch context.", name)
}
