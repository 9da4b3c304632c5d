package bus

import (
	"encoding/json"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// Answering runs answers beside the handlers that they are for, a bounded number at a time: with more the caller waits, and
// with it the subscription, whose own limit is the server's. The zero value is ready.
type Answering struct {
	mu      sync.Mutex
	stopped bool
	running sync.WaitGroup
	places  chan struct{}
}

// answersAtOnce is how many answers are under way at most.
const answersAtOnce = 64

// Go runs answer in a goroutine of its own. After Stop it does nothing: a subscription that is being drained may still hand
// requests out.
func (a *Answering) Go(answer func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		return
	}
	if a.places == nil {
		a.places = make(chan struct{}, answersAtOnce)
	}
	a.places <- struct{}{}
	a.running.Go(func() {
		defer func() { <-a.places }()
		answer()
	})
}

// Stop waits for the answers that are under way. Their contexts have been cancelled by then.
func (a *Answering) Stop() {
	a.mu.Lock()
	a.stopped = true
	a.mu.Unlock()
	a.running.Wait()
}

// Detached is a micro service's request that may be answered after its handler has returned, so that one slow answer holds
// up none behind it. The library's own notes an error beside the endpoint's counts without a lock; so errors of detached
// requests are not in `nats micro stats`.
func Detached(nc *nats.Conn, req micro.Request) micro.Request { return detached{req, nc} }

type detached struct {
	micro.Request
	nc *nats.Conn
}

// Respond implements micro.Request.
func (d detached) Respond(data []byte, opts ...micro.RespondOpt) error {
	msg := nats.NewMsg(d.Reply())
	msg.Data = data
	for _, opt := range opts {
		opt(msg)
	}
	return d.nc.PublishMsg(msg)
}

// RespondJSON implements micro.Request.
func (d detached) RespondJSON(answer any, opts ...micro.RespondOpt) error {
	data, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return d.Respond(data, opts...)
}

// Error implements micro.Request.
func (d detached) Error(code, description string, data []byte, opts ...micro.RespondOpt) error {
	with := func(msg *nats.Msg) {
		msg.Header.Set(micro.ErrorHeader, description)
		msg.Header.Set(micro.ErrorCodeHeader, code)
	}
	return d.Respond(data, append([]micro.RespondOpt{with}, opts...)...)
}
