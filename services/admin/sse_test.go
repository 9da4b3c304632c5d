package admin_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
)

// sent is one server-sent event.
type sent struct{ name, data string }

// events yields the events of a stream until it ends.
func (r *rig) events(ctx context.Context, path string) func(func(sent) bool) {
	return func(yield func(sent) bool) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+path, nil)
		if err != nil {
			r.t.Error(err)
			return
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			r.t.Errorf("%s: %v", path, err)
			return
		}
		defer resp.Body.Close()
		if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
			r.t.Errorf("%s: content type %q", path, got)
		}
		for e := range eventsOf(resp.Body) {
			if !yield(e) {
				return
			}
		}
	}
}

// eventsOf yields the events of a body.
func eventsOf(body io.Reader) func(func(sent) bool) {
	return func(yield func(sent) bool) {
		scanner := bufio.NewScanner(body)
		scanner.Buffer(nil, 1<<20)
		var e sent
		for scanner.Scan() {
			field, value, _ := strings.Cut(scanner.Text(), ": ")
			switch field {
			case "event":
				e.name = value
			case "data":
				e.data += value + "\n"
			case "":
				if !yield(e) {
					return
				}
				e = sent{}
			}
		}
	}
}
