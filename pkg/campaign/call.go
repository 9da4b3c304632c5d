package campaign

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote"
)

// call is one call of the engine.
type call struct {
	method string
	kind   string // for metrics, and the verb in messages
	path   string
	// resource and key say in messages what the call was about; key may be empty.
	resource, key string
	// fields of the body; nil for none.
	fields map[string]any
}

// What a streak leads to.
const (
	// oopsLimit: "Oops" once is a hiccup of the gateway, again and again it is a wrong URL or organisation (Campaign
	// Standard documentation, "API troubleshooting").
	oopsLimit = 5
	// unsaidLimit: so many writes refused without a reason and none taken in between is not the fault of the records.
	unsaidLimit = 10
)

// streak counts answers of one sort in a row, over all callers.
type streak struct{ n atomic.Int64 }

func (s *streak) length() int64 { return s.n.Load() }

func (s *streak) grow() int64 { return s.n.Add(1) }

// growFrom counts an answer to a call that was made when the streak had the length before: of calls that were under way
// together only one counts, for a burst is one event.
func (s *streak) growFrom(before int64) int64 {
	s.n.CompareAndSwap(before, before+1)
	return s.n.Load()
}

func (s *streak) end() {
	if s.n.Load() != 0 {
		s.n.Store(0)
	}
}

// do makes the call and judges the answer. The error is nil for every verdict but failed.
func (c *Client) do(ctx context.Context, k call) (*remote.Response, verdict, error) {
	request, err := k.request()
	if err != nil {
		return nil, failed, err
	}
	oops := c.oops.length()
	resp, err := c.remote.Do(ctx, request)
	if err != nil {
		return nil, failed, err
	}
	v, err := c.judge(k, newAnswer(resp.Status, resp.Header, resp.Body, k), oops)
	return resp, v, err
}

func (k call) request() (remote.Request, error) {
	r := remote.Request{Method: k.method, URL: k.path, Kind: k.kind}
	if k.fields == nil {
		return r, nil
	}
	body, err := json.Marshal(encoded(k.fields))
	if err != nil {
		return r, fault.Wrap(fault.Rejected, err, fmt.Sprintf("cannot %s: a field holds something that is not a JSON value", k.subject()))
	}
	r.Body = body
	return r, nil
}

// judge turns an answer into a verdict.
func (c *Client) judge(k call, a *answer, oops int64) (verdict, error) {
	r, said := a.classify(c.rules)
	if r.verdict != lost {
		c.oops.end()
	}
	switch {
	case r.verdict == taken && k.method != http.MethodGet:
		c.unsaid.end()
	case r.verdict == lost:
		return failed, c.wrongAddress(a.status, c.oops.growFrom(oops))
	case r.verdict == failed && r.kind == fault.Transient:
		return failed, fault.New(r.kind, fmt.Sprintf("%s could not %s: %s (HTTP %d)", name, k.subject(), said, a.status))
	case r.verdict == failed:
		return failed, fault.Wrap(r.kind, r.cause, fmt.Sprintf("%s refused to %s: %s", name, k.subject(), said))
	}
	return r.verdict, nil
}

func (c *Client) wrongAddress(status int, times int64) error {
	if times >= oopsLimit {
		return fault.New(fault.Fatal, fmt.Sprintf("the gateway of %s does not know where to send requests (HTTP %d \"Oops\", %d times in a row); "+
			"check the organisation in the URL, and that the instance is set up for the API", name, status, times))
	}
	return fault.New(fault.Transient, fmt.Sprintf("the gateway of %s answered \"Oops\" (HTTP %d, %d in a row); if it stays, the URL or the organisation is wrong",
		name, status, times))
}

// subject is "update profile 42".
func (k call) subject() string {
	if k.key == "" {
		return k.kind + " " + k.resource
	}
	return k.kind + " " + k.resource + " " + k.key
}
