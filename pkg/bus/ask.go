package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// A workflow's service answers questions that need its remote systems: what a mapping would write, which tables there
// are. The admin service holds no credentials and asks; any living instance answers, active or not.

// Question is one that a service answers. It gets the request's body and returns what is sent back as JSON; its error
// reaches the one who asked with its kind and message.
type Question func(ctx context.Context, request []byte) (any, error)

// questionTimeout bounds one answer: a remote system may be slow, but somebody is waiting at a page.
const questionTimeout = 30 * time.Second

func questionSubject(id workflow.ID, name string) string {
	return prefix + "services." + string(id) + "." + name
}

// headerKind carries a fault's kind, as a number of package fault.
const headerKind = "Causeway-Fault-Kind"

// AnswerQuestions serves questions about a workflow, by name, from when it returns until the returned function is called. The micro service
// is named causeway-<workflow>.
func AnswerQuestions(ctx context.Context, c *Conn, id workflow.ID, questions map[string]Question) (stop func(), err error) {
	service, err := micro.AddService(c.nc, micro.Config{Name: "causeway-" + string(id), Version: "1.0.0",
		Description: "Questions about " + id.Name() + " that need its remote systems"})
	if err != nil {
		return nil, fault.Wrap(fault.Fatal, err, "the questions of "+string(id)+" cannot be served")
	}
	ctx, cancel := context.WithCancel(ctx)
	var answering Answering
	stop = func() {
		if err := service.Stop(); err != nil {
			c.log.Debug("questions", zap.Error(err))
		}
		cancel()
		answering.Stop()
	}
	for name, question := range questions {
		handler := micro.HandlerFunc(func(req micro.Request) {
			// Each in its own goroutine: one slow remote call must not hold the others up.
			answering.Go(func() { respond(ctx, c, Detached(c.nc, req), question) })
		})
		if err := service.AddEndpoint(name, handler, micro.WithEndpointSubject(questionSubject(id, name))); err != nil {
			stop()
			return nil, fault.Wrap(fault.Fatal, err, "the questions of "+string(id)+" cannot be served")
		}
	}
	ConfirmSubscriptions(c.nc)
	return stop, nil
}

func respond(ctx context.Context, c *Conn, req micro.Request, question Question) {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	answer, err := question(ctx, req.Data())
	if err == nil {
		err = req.RespondJSON(answer)
	} else {
		kind := micro.Headers{headerKind: []string{strconv.Itoa(int(fault.KindOf(err)))}}
		err = req.Error("500", fault.Message(err), nil, micro.WithHeaders(kind))
	}
	if err != nil {
		c.log.Warn("an answer could not be sent", zap.String("subject", req.Subject()), zap.Error(err))
	}
}

// Ask puts a question to a workflow's service and decodes the answer. It fails with the service's own fault, or with
// fault.Transient where no service is alive.
func Ask(ctx context.Context, c *Conn, id workflow.ID, name string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("encode question %s: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, questionTimeout+time.Second)
	defer cancel()
	reply, err := c.nc.RequestWithContext(ctx, questionSubject(id, name), body)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return fault.Wrap(fault.Transient, err, fmt.Sprintf("no service of %s is alive to answer: start its process", id.Name()))
	case err != nil:
		return fault.Wrap(fault.Transient, err, fmt.Sprintf("the service of %s did not answer in time", id.Name()))
	}
	if message := reply.Header.Get(micro.ErrorHeader); message != "" {
		kind, err := strconv.Atoi(reply.Header.Get(headerKind))
		if err != nil {
			kind = int(fault.Transient)
		}
		return fault.New(fault.Kind(kind), message)
	}
	if err := json.Unmarshal(reply.Data, answer); err != nil {
		return fault.Wrap(fault.Transient, err, fmt.Sprintf("the answer of %s cannot be read", id.Name()))
	}
	return nil
}
