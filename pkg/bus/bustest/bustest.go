// Package bustest gives a test the real bus: an embedded nats-server with JetStream in a folder of its own, provisioned
// as in production, gone when the test ends. The bus is never mocked.
package bustest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/embedded"
)

// Server starts a server for the test, in dir or, where that is empty, in a folder of its own. It does not listen.
func Server(t testing.TB, dir string) *embedded.Server {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	server, err := embedded.Start(embedded.Options{Dir: dir, Port: embedded.DontListen, AllowTemporary: true})
	if err != nil {
		t.Fatalf("embedded server: %v", err)
	}
	t.Cleanup(server.Stop)
	return server
}

// Connect connects to a server; the connection ends with the test.
func Connect(t testing.TB, server *embedded.Server) *bus.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conn, err := bus.Connect(ctx, bus.Options{Name: t.Name(), InProcess: server.InProcess()})
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// New is a provisioned bus of default sizes.
func New(t testing.TB) *bus.Conn {
	t.Helper()
	return Sized(t, bus.Sizes{})
}

// Sized is a provisioned bus of given sizes.
func Sized(t testing.TB, sizes bus.Sizes) *bus.Conn {
	t.Helper()
	conn := Connect(t, Server(t, ""))
	Provision(t, conn, sizes)
	return conn
}

// Provision creates what the admin service would.
func Provision(t testing.TB, conn *bus.Conn, sizes bus.Sizes) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := bus.Provision(ctx, conn, sizes); err != nil {
		t.Fatalf("provision: %v: %v", err, errors.Unwrap(err))
	}
}
