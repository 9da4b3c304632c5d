package dynamics

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/remote"
)

// parseBatch reads the answers of a $batch, one for each operation that the server came to, in their order. There may be
// fewer than operations; a part that cannot be understood has the status 0, so that the others keep their places. It
// takes line ends of both kinds, a body that ends early and the answers inside a change set; of something that is no
// batch, such as a gateway's page, nothing is left.
func parseBatch(contentType string, body []byte) []*remote.Response {
	boundary := boundaryOf(contentType, body)
	if boundary == "" {
		return nil
	}
	return parseParts(boundary, bytes.NewReader(body), true)
}

// boundaryOf is the boundary that the header names, or the one that the body begins with.
func boundaryOf(contentType string, body []byte) string {
	media, parameters, err := mime.ParseMediaType(contentType)
	if err == nil && strings.HasPrefix(media, "multipart/") && parameters["boundary"] != "" {
		return parameters["boundary"]
	}
	first, _, _ := bytes.Cut(bytes.TrimLeft(body, "\r\n"), []byte("\n"))
	boundary, ok := bytes.CutPrefix(bytes.TrimSpace(first), []byte("--batchresponse_"))
	if !ok {
		return ""
	}
	return "batchresponse_" + string(boundary)
}

func parseParts(boundary string, body io.Reader, nested bool) []*remote.Response {
	var answers []*remote.Response
	parts := multipart.NewReader(body, boundary)
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			return answers
		}
		content, err := io.ReadAll(part)
		media, parameters, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if nested && strings.HasPrefix(media, "multipart/") && parameters["boundary"] != "" {
			answers = append(answers, parseParts(parameters["boundary"], bytes.NewReader(content), false)...)
			continue
		}
		answer := parsePart(content)
		if err != nil && !isWhole(answer) {
			return answers // cut off in the middle: what it was going to say is unknown
		}
		answers = append(answers, answer)
	}
}

// parsePart reads the HTTP answer of one part; its status is 0 where it is none.
func parsePart(content []byte) *remote.Response {
	// An answer without a body may lack the blank line behind its headers.
	text := io.MultiReader(bytes.NewReader(bytes.TrimLeft(content, "\r\n")), strings.NewReader("\r\n\r\n"))
	resp, err := http.ReadResponse(bufio.NewReader(text), nil)
	if err != nil {
		return &remote.Response{Header: http.Header{}}
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body) // a wrong length does not make the rest unreadable
	return &remote.Response{Status: resp.StatusCode, Header: resp.Header, Body: bytes.TrimSpace(body)}
}

// isWhole reports whether a part that the end of the body cut off says all that matters: that the operation succeeded,
// or why it did not.
func isWhole(answer *remote.Response) bool {
	if isSuccess(answer) {
		return true
	}
	return answer.Status > 0 && json.Valid(answer.Body)
}

func isSuccess(answer *remote.Response) bool { return answer.Status >= 200 && answer.Status < 300 }

// pauseOf is the longest pause that any part asks for.
func pauseOf(answers []*remote.Response) (after time.Duration, asked bool) {
	for _, answer := range answers {
		if isThrottled(answer) {
			asked = true
			after = max(after, remote.RetryAfter(answer.Header, time.Now()))
		}
	}
	return after, asked
}

// isThrottled reports whether an answer is one of the three kinds of service protection (Dataverse docs, Service
// protection API limits).
func isThrottled(answer *remote.Response) bool {
	switch {
	case answer.Status == http.StatusTooManyRequests:
		return true
	case answer.Status == http.StatusServiceUnavailable:
		return remote.RetryAfter(answer.Header, time.Now()) > 0
	}
	switch parseError(answer).Code {
	case codeRequests, codeExecution, codeConcurrency:
		return true
	}
	return false
}
