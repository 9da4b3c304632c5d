package remote

import (
	"context"
	"net"
	"time"
)

// A path that swallows everything, such as a cable that was pulled or a network that a container was taken off, tells
// nobody. A request on a connection that was open before would wait for its whole timeout, and a workflow would say RUNNING
// all that time. The system's own patience is up to 15 minutes; this is ours.
const (
	// unacknowledged is how long what was sent may stay unacknowledged by the other side's network stack. It says nothing of
	// how long the other side may take for its answer.
	unacknowledged = 15 * time.Second
	// connecting bounds a new connection.
	connecting = 15 * time.Second
)

// dial opens connections that notice a dead path, also one that dies while an answer is waited for.
func dial() func(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: connecting, Control: limitUnacknowledged,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: unacknowledged / 3, Interval: unacknowledged / 3, Count: 3}}
	return dialer.DialContext
}
