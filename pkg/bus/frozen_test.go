package bus_test

import (
	"context"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
)

// paths are the ways to a server, one for each time that somebody connects.
type paths struct {
	to     nats.InProcessConnProvider
	frozen chan struct{} // closed when the first path swallows everything
	taken  atomic.Int32
}

func (p *paths) InProcessConn() (net.Conn, error) {
	conn, err := p.to.InProcessConn()
	if err != nil || p.taken.Add(1) > 1 {
		return conn, err
	}
	return &path{Conn: conn, frozen: p.frozen, closed: make(chan struct{})}, nil
}

// path is a connection whose other end is cut off some day: what is written is not taken, as by a kernel whose buffer is full, and
// nothing comes.
type path struct {
	net.Conn
	frozen, closed chan struct{}
	close          sync.Once
	mu             sync.Mutex
	deadline       time.Time
}

func (p *path) SetWriteDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deadline = t
	return p.Conn.SetWriteDeadline(t)
}

func (p *path) Write(b []byte) (int, error) {
	select {
	case <-p.frozen:
	default:
		return p.Conn.Write(b)
	}
	p.mu.Lock()
	wait := time.Until(p.deadline)
	p.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return 0, os.ErrDeadlineExceeded
	case <-p.closed:
		return 0, net.ErrClosed
	}
}

func (p *path) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	select {
	case <-p.frozen:
		<-p.closed
		return 0, net.ErrClosed
	default:
		return n, err
	}
}

func (p *path) Close() error {
	p.close.Do(func() { close(p.closed) })
	return p.Conn.Close()
}

// TestAPathThatSwallowsEverything: a connection over which much is asked is held for dead within seconds, and made anew.
func TestAPathThatSwallowsEverything(t *testing.T) {
	way := &paths{to: bustest.Server(t, "").InProcess(), frozen: make(chan struct{})}
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	conn, err := bus.Connect(ctx, bus.Options{Name: t.Name(), InProcess: way})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	close(way.frozen)
	cut := time.Now()
	var asking sync.WaitGroup
	defer asking.Wait()
	for range 8 {
		asking.Go(func() {
			for way.taken.Load() < 2 && ctx.Err() == nil {
				_, _ = conn.NATS().Request("nobody", nil, 100*time.Millisecond) // Its failure is what this is about.
			}
		})
	}
	asking.Wait()
	if took := time.Since(cut); took > 30*time.Second {
		t.Errorf("the connection was made anew after %s", took)
	}
	if err := conn.NATS().FlushTimeout(20 * time.Second); err != nil {
		t.Errorf("the new one does not work: %v", err)
	}
}
