package dynamicstest

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// item is a part of a batch: one request, or a change set of several.
type item struct {
	request *http.Request
	set     []*http.Request
	ids     []string // the Content-ID of each request of the set
	atomic  bool
}

func errBatch(format string, args ...any) *odataError {
	return fail(http.StatusBadRequest, codePayload, "Error identified in Payload provided by the user: "+format, args...)
}

// readBatch reads a multipart body to the letter (Dataverse docs, Execute batch operations): lines end with CRLF, every
// request has its blank line, and the closing boundary is there.
func readBatch(r *http.Request) ([]item, *odataError) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, errBatch("the body ended early.")
	}
	parts, err := splitParts(r.Header.Get("Content-Type"), string(body))
	if err != nil {
		return nil, errBatch("%v. Stream was not readable.", err)
	}
	var items []item
	for _, p := range parts {
		one, err := readItem(r, p)
		if err != nil {
			return nil, errBatch("%v.", err)
		}
		items = append(items, one)
	}
	return items, nil
}

func readItem(outer *http.Request, p part) (item, error) {
	if !strings.HasPrefix(p.header.Get("Content-Type"), "multipart/mixed") {
		request, err := readRequest(outer, p)
		return item{request: request}, err
	}
	parts, err := splitParts(p.header.Get("Content-Type"), p.body)
	if err != nil {
		return item{}, err
	}
	set := item{atomic: true}
	for _, inner := range parts {
		request, err := readRequest(outer, inner)
		switch {
		case err != nil:
			return item{}, err
		case reads(request):
			return item{}, errors.New("a change set holds a request that only reads")
		}
		set.set, set.ids = append(set.set, request), append(set.ids, inner.header.Get("Content-ID"))
	}
	return set, nil
}

// part is what stands between two boundaries.
type part struct {
	header http.Header
	body   string
}

func splitParts(contentType, body string) ([]part, error) {
	media, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || media != "multipart/mixed" || parameters["boundary"] == "" {
		return nil, errors.New("the content type is not multipart/mixed with a boundary")
	}
	pieces := strings.Split("\r\n"+body, "\r\n--"+parameters["boundary"])
	if len(pieces) < 3 || pieces[0] != "" {
		return nil, errors.New("the body does not begin with its boundary")
	}
	if !strings.HasPrefix(pieces[len(pieces)-1], "--") {
		return nil, errors.New("the closing boundary is missing")
	}
	var parts []part
	for _, piece := range pieces[1 : len(pieces)-1] {
		piece, ok := strings.CutPrefix(piece, "\r\n")
		if !ok {
			return nil, errors.New("a boundary does not stand alone in its line")
		}
		header, content, err := cutHeader(piece)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{header, content})
	}
	return parts, nil
}

// cutHeader reads header lines up to the blank one.
func cutHeader(text string) (http.Header, string, error) {
	lines, rest, ok := strings.Cut(text, "\r\n\r\n")
	if !ok || strings.Contains(strings.ReplaceAll(lines, "\r\n", ""), "\n") {
		return nil, "", errors.New("a header does not end with a blank line, or its lines do not end with CRLF")
	}
	header := http.Header{}
	for line := range strings.SplitSeq(lines, "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, "", errors.New("a header line has no colon")
		}
		header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return header, rest, nil
}

// readRequest reads the request of a part. Its address is absolute, or a path from the root of the host on.
func readRequest(outer *http.Request, p part) (*http.Request, error) {
	if p.header.Get("Content-Type") != "application/http" || p.header.Get("Content-Transfer-Encoding") != "binary" {
		return nil, errors.New("a part is not application/http with the transfer encoding binary")
	}
	line, rest, ok := strings.Cut(p.body, "\r\n")
	words := strings.Split(line, " ")
	if !ok || len(words) != 3 || words[2] != "HTTP/1.1" {
		return nil, errors.New("a part does not begin with a request line")
	}
	header, body := http.Header{}, strings.TrimPrefix(rest, "\r\n")
	if !strings.HasPrefix(rest, "\r\n") {
		var err error
		if header, body, err = cutHeader(rest); err != nil {
			return nil, err
		}
	}
	address, err := url.Parse(words[1])
	switch {
	case err != nil:
		return nil, errors.New("an address cannot be understood")
	case address.Host != "" && address.Host != outer.Host:
		return nil, fmt.Errorf("an address leads to another host")
	case strings.HasSuffix(address.Path, "/$batch"):
		return nil, errors.New("a batch holds another batch")
	case !strings.HasPrefix(address.Path, Root) && !strings.HasPrefix(address.Path, "$"):
		return nil, errors.New("an address does not begin with the root of the API")
	case body != "" && !strings.HasPrefix(header.Get("Content-Type"), "application/json"):
		return nil, errors.New("a body has no content type application/json")
	}
	request := (&http.Request{Method: words[0], URL: address, Header: header, Host: outer.Host, TLS: outer.TLS,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}).WithContext(outer.Context())
	return request, nil
}
