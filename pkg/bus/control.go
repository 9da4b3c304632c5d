package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	natsgo "github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Control is the control plane of one process: commands and heartbeats come in, heartbeats and events go out, all
// through Watermill's router in core NATS mode. Messages are nudges: nobody may rely on receiving one.
//
// Register handlers with the On methods first, then Run. The handlers run one message at a time for each registration
// and must be quick.
type Control struct {
	nc      *natsgo.Conn
	router  *message.Router
	sub     message.Subscriber
	pub     message.Publisher
	log     *zap.Logger
	closed  chan struct{} // the connection is gone, and with it every callback
	running chan struct{} // the subscriptions are in place
	ending  *atomic.Bool
}

// metaSubject is the metadata that carries a message's NATS subject through the router.
const metaSubject = "nats_subject"

// NewControl opens the control plane's own connection to where c is connected: the router closes what it uses when it
// stops, which must not take the records' connection with it.
func NewControl(c *Conn) (*Control, error) {
	closed := make(chan struct{})
	opts := append(c.natsOptions(c.opts.Name+"-control", func() { close(closed) }), natsgo.DrainTimeout(2*time.Second))
	nc, err := natsgo.Connect(c.opts.URL, opts...)
	if err != nil {
		return nil, fault.Wrap(fault.Fatal, err, "cannot connect the control plane to NATS")
	}
	log := c.log.Named("control")
	control := &Control{nc: nc, log: log, closed: closed, running: make(chan struct{}), ending: &atomic.Bool{}}
	adapter := zapAdapter{log, control.ending}
	core := nats.JetStreamConfig{Disabled: true}
	if control.sub, err = nats.NewSubscriberWithNatsConn(nc, nats.SubscriberSubscriptionConfig{
		Unmarshaler: tolerant{}, JetStream: core, CloseTimeout: time.Second, SubjectCalculator: plainSubject}, adapter); err == nil {
		control.pub, err = nats.NewPublisherWithNatsConn(nc, nats.PublisherPublishConfig{
			Marshaler: &nats.NATSMarshaler{}, JetStream: core, SubjectCalculator: plainSubject}, adapter)
	}
	if err == nil {
		control.router, err = message.NewRouter(message.RouterConfig{CloseTimeout: 2 * time.Second}, adapter)
	}
	if err != nil {
		nc.Close()
		return nil, fault.Wrap(fault.Fatal, err, "cannot build the control plane")
	}
	control.router.AddMiddleware(middleware.Recoverer, middleware.CorrelationID)
	return control, nil
}

// plainSubject maps a topic to the subject of the same name, without a queue group: every process hears everything.
func plainSubject(_, topic string) *nats.SubjectDetail { return &nats.SubjectDetail{Primary: topic} }

// OnCommand calls handle for each live command to the workflow, and for each to any where id is empty. A command that no
// workflow understands is logged and not handed on; the command log shows it too.
func (c *Control) OnCommand(id workflow.ID, handle func(workflow.Command)) {
	filter := commandsFilter
	if id != "" {
		filter = prefix + "commands." + string(id) + ".*"
	}
	c.router.AddConsumerHandler("commands-"+string(id), filter, c.sub, func(msg *message.Message) error {
		cmd := ParseCommand(msg.Metadata.Get(metaSubject))
		if cmd.Ignored {
			c.log.Warn("a command was ignored", zap.String("why", cmd.Note))
			return nil
		}
		handle(cmd)
		return nil
	})
}

// OnHeartbeat calls handle for each heartbeat of every workflow. One that cannot be read is logged and dropped.
func (c *Control) OnHeartbeat(handle func(workflow.Heartbeat)) {
	c.router.AddConsumerHandler("heartbeats", heartbeatsFilter, c.sub, func(msg *message.Message) error {
		var beat workflow.Heartbeat
		if err := json.Unmarshal(msg.Payload, &beat); err != nil || !beat.Workflow.Valid() || beat.Instance == "" {
			c.log.Warn("a heartbeat cannot be read", zap.String("subject", msg.Metadata.Get(metaSubject)), zap.Error(err))
			return nil
		}
		handle(beat)
		return nil
	})
}

// PublishHeartbeat says how an instance is. It does not wait: a heartbeat that is lost is followed by the next.
func (c *Control) PublishHeartbeat(beat workflow.Heartbeat) error {
	return c.publish(HeartbeatSubject(beat.Workflow, beat.Instance), beat)
}

// PublishEvent records that something happened. The events stream keeps it.
func (c *Control) PublishEvent(event workflow.Event) error {
	return c.publish(EventSubject(event.Workflow, event.Kind), event)
}

func (c *Control) publish(subject string, v any) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode message for %s: %w", subject, err)
	}
	if err := c.pub.Publish(subject, message.NewMessage(watermill.NewUUID(), payload)); err != nil {
		return classify(err, "publishing "+subject)
	}
	return nil
}

// Running is closed when the handlers are subscribed, and the server knows it: what is published from then on is heard.
func (c *Control) Running() <-chan struct{} { return c.running }

// announce closes running. The router says only that it has written its subscriptions, not that they have arrived.
func (c *Control) announce(ended <-chan struct{}) {
	select {
	case <-c.router.Running():
		ConfirmSubscriptions(c.nc)
		close(c.running)
	case <-ended:
	}
}

// Run routes messages until ctx ends, then closes the router and the connection. It returns nil after a stop that ctx
// asked for.
func (c *Control) Run(ctx context.Context) error {
	// The router is stopped by Close and not by its context, and only when no message can come any more: its subscribers
	// close their channels while a late message is being sent to them, which panics.
	done, ended := make(chan error, 1), make(chan struct{})
	var announcing sync.WaitGroup
	announcing.Go(func() { c.announce(ended) })
	defer announcing.Wait()
	defer close(ended)
	go func() { done <- c.router.Run(context.WithoutCancel(ctx)) }()
	select {
	case err := <-done:
		c.nc.Close()
		if err == nil && ctx.Err() == nil {
			err = fault.New(fault.Transient, "the control plane stopped by itself")
		}
		return err
	case <-ctx.Done():
	}
	<-c.router.Running()
	c.ending.Store(true)
	if err := c.nc.Drain(); err != nil { // Not connected: nothing comes, and nothing can be drained.
		c.nc.Close()
	}
	<-c.closed
	if err := c.router.Close(); err != nil {
		c.log.Warn("the control plane did not close cleanly", zap.Error(err))
	}
	return <-done
}

// tolerant turns NATS messages into Watermill's. Anything may be published by hand: a missing id, a repeated header and
// an empty body are all fine.
type tolerant struct{}

func (tolerant) Unmarshal(m *natsgo.Msg) (*message.Message, error) {
	// The subscriber acknowledges to the reply subject. A command that was published with JetStream carries the
	// publisher's own there, who would take our acknowledgement for the stream's answer.
	m.Reply = ""
	id := m.Header.Get(nats.WatermillUUIDHdr)
	if id == "" {
		id = watermill.NewUUID()
	}
	msg := message.NewMessage(id, m.Data)
	for name, values := range m.Header {
		if len(values) > 0 && name != nats.WatermillUUIDHdr {
			msg.Metadata.Set(name, values[0])
		}
	}
	msg.Metadata.Set(metaSubject, m.Subject)
	return msg, nil
}

// zapAdapter lets Watermill log through zap. Its Info is our Debug: it speaks of routers and subscribers, not of work.
// What it complains of while we end is that the connection is closed already, which is how we end.
type zapAdapter struct {
	log    *zap.Logger
	ending *atomic.Bool
}

func zapFields(fields watermill.LogFields) []zap.Field {
	out := make([]zap.Field, 0, len(fields))
	for name, value := range fields {
		out = append(out, zap.Any(name, value))
	}
	return out
}

func (a zapAdapter) Error(msg string, err error, fields watermill.LogFields) {
	if a.ending.Load() {
		a.debug(msg, fields)
		return
	}
	a.log.Error(msg, append(zapFields(fields), zap.Error(err))...)
}
func (a zapAdapter) Info(msg string, fields watermill.LogFields)  { a.debug(msg, fields) }
func (a zapAdapter) Debug(msg string, fields watermill.LogFields) { a.debug(msg, fields) }
func (a zapAdapter) Trace(string, watermill.LogFields)            {}
func (a zapAdapter) debug(msg string, fields watermill.LogFields) {
	if entry := a.log.Check(zap.DebugLevel, msg); entry != nil {
		entry.Write(zapFields(fields)...)
	}
}

// With implements watermill.LoggerAdapter.
func (a zapAdapter) With(fields watermill.LogFields) watermill.LoggerAdapter {
	return zapAdapter{a.log.With(zapFields(fields)...), a.ending}
}
