package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// Options say where the bus is.
type Options struct {
	// URL of the NATS servers, comma-separated. Ignored when InProcess is set.
	URL string
	// Name of the connection, shown by `nats server report connections`.
	Name string
	// InProcess connects to an embedded server without a socket.
	InProcess nats.InProcessConnProvider
	// Extra options, such as credentials and TLS.
	Extra []nats.Option
	Log   *zap.Logger
	// ConnectTimeout bounds the wait for the first connection; default 30 s.
	ConnectTimeout time.Duration
}

// Conn is a connection with JetStream. It reconnects for ever.
type Conn struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	opts   Options
	log    *zap.Logger
	closed chan struct{}
}

// Connect returns a connection that has reached a server once. It waits for one as long as ctx and ConnectTimeout allow,
// so that services may be started before their bus.
func Connect(ctx context.Context, opts Options) (*Conn, error) {
	if opts.Log == nil {
		opts.Log = zap.NewNop()
	}
	if opts.ConnectTimeout == 0 {
		opts.ConnectTimeout = 30 * time.Second
	}
	c := &Conn{opts: opts, log: opts.Log.Named("bus"), closed: make(chan struct{})}
	nc, err := nats.Connect(opts.URL, c.natsOptions(opts.Name, func() { close(c.closed) })...)
	if err != nil {
		return nil, fault.Wrap(fault.Fatal, err, "cannot connect to NATS: check the server's URL and credentials")
	}
	c.nc = nc
	if err := c.awaitConnected(ctx); err != nil {
		nc.Close()
		return nil, err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, fault.Wrap(fault.Fatal, err, "JetStream cannot be used")
	}
	c.js = js
	return c, nil
}

// writeTimeout is how long the kernel may take to accept what is written, which is at most a message of 8 MB: enough for it over 10 Mbit/s.
const writeTimeout = 10 * time.Second

// natsOptions are those of every connection of this process; onClosed runs once when it is closed for good.
func (c *Conn) natsOptions(name string, onClosed func()) []nats.Option {
	opts := []nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 500*time.Millisecond),
		nats.PingInterval(5 * time.Second),
		nats.MaxPingsOutstanding(2),
		// On a path that swallows everything the kernel's buffer fills up, and the library writes under the lock that its pings need: the
		// connection would be held for dead only when the kernel gives up, after a quarter of an hour.
		nats.FlusherTimeout(writeTimeout),
		nats.ReconnectOnFlusherError(),
		nats.ReconnectBufSize(-1), // A publish while disconnected fails at once instead of arriving late.
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err == nil { // We closed it.
				return
			}
			c.log.Warn("disconnected from NATS, reconnecting", zap.String("connection", name), zap.Error(err))
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			c.log.Info("reconnected to NATS", zap.String("connection", name), zap.String("server", nc.ConnectedServerName()))
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			c.log.Warn("NATS reports an error", zap.String("subject", subject), zap.Error(err))
		}),
		nats.ClosedHandler(func(*nats.Conn) { onClosed() }),
	}
	if c.opts.InProcess != nil {
		opts = append(opts, nats.InProcessServer(c.opts.InProcess))
	}
	return append(opts, c.opts.Extra...)
}

func (c *Conn) awaitConnected(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.opts.ConnectTimeout)
	defer cancel()
	status := c.nc.StatusChanged(nats.CONNECTED)
	if c.nc.IsConnected() {
		return nil
	}
	select {
	case <-status:
		return nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return ctx.Err() // Told to stop.
		}
		cause := c.nc.LastError()
		if cause == nil {
			cause = ctx.Err()
		}
		return fault.Wrap(fault.Fatal, cause, fmt.Sprintf("no NATS server answered at %s within %s", addresses(c.opts.URL), c.opts.ConnectTimeout))
	}
}

// addresses shows where the servers should be, without user names and passwords (invariant 9).
func addresses(urls string) string {
	list := strings.Split(urls, ",")
	for i, one := range list {
		if at := strings.LastIndex(one, "@"); at >= 0 {
			scheme, _, _ := strings.Cut(one, "://")
			list[i] = scheme + "://" + one[at+1:]
		}
	}
	return strings.Join(list, ",")
}

// NATS is the connection itself.
func (c *Conn) NATS() *nats.Conn { return c.nc }

// JetStream is the JetStream context on it.
func (c *Conn) JetStream() jetstream.JetStream { return c.js }

// Closed is closed when the connection is gone for good, by Close or not. A process that did not call Close must end
// with an error: nothing on the bus works any more.
func (c *Conn) Closed() <-chan struct{} { return c.closed }

// Close flushes what is buffered (settlements among it) and closes the connection. It may be called twice.
func (c *Conn) Close() {
	if !c.nc.IsClosed() {
		if err := c.nc.FlushTimeout(time.Second); err != nil && c.nc.IsConnected() {
			c.log.Warn("the last messages may not have reached NATS", zap.Error(err))
		}
		c.nc.Close()
	}
	<-c.closed
}

// ConfirmSubscriptions waits until the server knows the subscriptions that were made before, for two seconds at most: a
// connection that is away sends them again when it is back. A subscription that was only made may still be on its way
// when somebody is told that it is there.
func ConfirmSubscriptions(nc *nats.Conn) { _ = nc.FlushTimeout(2 * time.Second) }

// JetStream's error codes that mean something to us (nats-server/server/errors.json).
const (
	codeWrongLastSequence = 10071
	codeStreamFull        = 10077
	codeStreamNotFound    = 10059
	codeConsumerNotFound  = 10014
	codeMessageNotFound   = 10037
)

func hasCode(err error, code jetstream.ErrorCode) bool {
	var api jetstream.JetStreamError
	if errors.As(err, &api) && api.APIError() != nil {
		return api.APIError().ErrorCode == code
	}
	return false
}

// classify turns an error of the bus into an instruction. doing completes the sentence "NATS failed while ...".
func classify(err error, doing string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return err
	case hasCode(err, codeStreamNotFound), hasCode(err, codeConsumerNotFound), errors.Is(err, jetstream.ErrBucketNotFound):
		return fault.Wrap(fault.Fatal, err, "the bus is not set up (missing while "+doing+"): start the admin service once, it creates streams, consumers and buckets")
	case errors.Is(err, nats.ErrPermissionViolation), errors.Is(err, nats.ErrAuthorization):
		return fault.Wrap(fault.Fatal, err, "NATS refuses permission while "+doing)
	case errors.Is(err, nats.ErrMaxPayload): // It is as large at the next try.
		return fault.Wrap(fault.Fatal, err, "a message is larger than NATS takes while "+doing+": raise max_payload of nats-server")
	default:
		return fault.Wrap(fault.Transient, err, "NATS failed while "+doing)
	}
}
