package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// reply is an answer over HTTP, read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// ask sends one request; headers are name, value, name, value.
func ask(method, url, body string, headers ...string) (reply, error) {
	return askWithin(20*time.Second, method, url, body, headers...)
}

func askWithin(limit time.Duration, method, url, body string, headers ...string) (reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, text}, err
}

// probe is the status of a GET, 0 where nobody answers within the time that orchestrators give, and the body.
func probe(url string) (status int, body string) {
	r, err := askWithin(2*time.Second, http.MethodGet, url, "")
	if err != nil {
		return 0, err.Error()
	}
	return r.status, string(r.body)
}

// view is a workflow as the HTTP API describes it.
type view struct {
	ID              string
	Name            string
	Backlog         int
	Status          string
	Reason          string
	Since           time.Time
	Desired         string
	ConfigRevision  struct{ Running, Latest int }
	RestartRequired bool
	PendingChanges  []string
	Actions         struct{ Start, Stop, Edit action }
	Failures        int
	Counters        struct{ Read, Written, Retries int }
	Loads           []struct{ Source string }
	Instances       []struct {
		Instance, Role, Status string
		Alive                  bool
	}
}

type action struct {
	Enabled bool
	Reason  string
}

// workflow is how one is; a test that asks while the service may be away uses try.
func (in *installation) workflow(id string) view {
	in.t.Helper()
	v, err := in.try(id)
	if err != nil {
		in.t.Fatalf("%s: %v\n%s", id, err, in.report())
	}
	return v
}

func (in *installation) try(id string) (v view, err error) {
	r, err := ask(http.MethodGet, in.admin+"/api/v1/workflows/"+id, "")
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal(r.body, &v)
}

// command posts start or stop for ingress and wants it accepted.
func (in *installation) command(verb string) {
	in.t.Helper()
	r, err := ask(http.MethodPost, in.admin+"/api/v1/workflows/ingress/"+verb, "")
	if err != nil || r.status != http.StatusAccepted {
		in.t.Fatalf("%s: %d %s %v\n%s", verb, r.status, r.body, err, in.report())
	}
}

// untilStatus waits for ingress to have a status.
func (in *installation) untilStatus(limit time.Duration, status string) time.Duration {
	in.t.Helper()
	return in.until(limit, "ingress is "+status, func() bool { v, err := in.try("ingress"); return err == nil && v.Status == status })
}

// untilEqual waits for the backlog to be 0 and every contact to be the same on both sides.
func (in *installation) untilEqual(limit time.Duration) {
	in.t.Helper()
	var last []string
	defer func() {
		if len(last) > 0 {
			in.t.Log(strings.Join(last, "\n"))
		}
	}()
	in.until(limit, "both sides are equal", func() bool {
		if v, err := in.try("ingress"); err != nil || v.Backlog > 0 {
			return false
		}
		last = in.differences()
		return len(last) == 0
	})
}

// configuration is the document of ingress and its ETag.
func (in *installation) configuration() (document, etag string) {
	in.t.Helper()
	r, err := ask(http.MethodGet, in.admin+"/api/v1/workflows/ingress/config", "")
	if err != nil || r.status != http.StatusOK {
		in.t.Fatalf("configuration: %d %v", r.status, err)
	}
	return string(bytes.TrimSpace(r.body)), r.header.Get("ETag")
}

// configure stores an edited document over the HTTP API.
func (in *installation) configure(document, etag string) {
	in.t.Helper()
	r, err := ask(http.MethodPut, in.admin+"/api/v1/workflows/ingress/config", document, "If-Match", etag, "Content-Type", "application/json")
	if err != nil || r.status != http.StatusOK {
		in.t.Fatalf("configure: %d %s %v", r.status, r.body, err)
	}
}
