package nats_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/causeway-sync/causeway/deploy/cli"
	"github.com/causeway-sync/causeway/deploy/secrets"
	"github.com/causeway-sync/causeway/pkg/bus"
)

// installation is a server with the configuration that ships, and secrets made for it. Only what belongs to the machine
// is another: the root of the paths, the ports and the folder of the data.
type installation struct {
	t       *testing.T
	server  *server.Server
	secrets secrets.Folder
	data    string
}

func install(t *testing.T) *installation {
	t.Helper()
	root := t.TempDir()
	in := &installation{t: t, data: t.TempDir(), secrets: secrets.Folder{Path: filepath.Join(root, "run", "secrets"), UID: os.Getuid(), GID: os.Getgid()}}
	if _, err := in.secrets.Make(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "etc", "nats"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"nats.conf", "cluster.conf", "server.conf", "accounts.conf"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		moved := strings.ReplaceAll(string(text), `"/run/secrets/`, `"`+in.secrets.Path+"/")
		if err := os.WriteFile(filepath.Join(root, "etc", "nats", name), []byte(moved), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	opts, err := server.ProcessConfigFile(filepath.Join(root, "etc", "nats", "nats.conf"))
	if err != nil {
		t.Fatalf("the configuration that ships: %v", err)
	}
	opts.Host, opts.Port, opts.HTTPPort, opts.StoreDir, opts.NoSigs = "127.0.0.1", server.RANDOM_PORT, 0, in.data, true
	if in.server, err = server.NewServer(opts); err != nil {
		t.Fatal(err)
	}
	in.server.Start()
	t.Cleanup(func() { in.server.Shutdown(); in.server.WaitForShutdown() })
	if !in.server.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not start")
	}
	return in
}

// flags are those that the compose files give a service, or a person.
func (in *installation) flags(user string) cli.NATS {
	return cli.NATS{URL: in.server.ClientURL(), NKey: filepath.Join(in.secrets.Path, secrets.Seed(user)),
		CA: filepath.Join(in.secrets.Path, secrets.AuthorityCert), Inbox: "_INBOX_" + user}
}

// options are the same as the bus wants them, with a log that the test reads.
func (in *installation) options(user string, log *zap.Logger) bus.Options {
	in.t.Helper()
	opts, err := in.flags(user).Options("test-"+user, log)
	if err != nil {
		in.t.Fatal(err)
	}
	return opts
}

// caller is one user of the bus. It notices what the server refuses.
type caller struct {
	*nats.Conn
	t       *testing.T
	mu      sync.Mutex
	refused error
}

func (in *installation) as(user string) *caller {
	in.t.Helper()
	c := &caller{t: in.t}
	opts := in.options(user, zap.NewNop())
	nc, err := nats.Connect(opts.URL, append(opts.Extra, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.refused = errors.Join(c.refused, err)
	}))...)
	if err != nil {
		in.t.Fatalf("%s cannot connect: %v", user, err)
	}
	in.t.Cleanup(nc.Close)
	c.Conn = nc
	return c
}

// may reports whether the server lets what act does pass. The answer to a permission comes before that to the flush.
func (c *caller) may(act func() error) bool {
	c.t.Helper()
	c.mu.Lock()
	c.refused = nil
	c.mu.Unlock()
	if err := act(); err != nil {
		c.t.Fatal(err)
	}
	for range 2 { // The server answers a flush after the error, and the client calls the handler beside its reader.
		if err := c.FlushTimeout(5 * time.Second); err != nil {
			c.t.Fatal(err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused == nil && !errors.Is(c.LastError(), nats.ErrPermissionViolation)
}

// mayPublish publishes an empty message that nobody answers to.
func (in *installation) mayPublish(user, subject string) bool {
	in.t.Helper()
	c := in.as(user)
	defer c.Close()
	return c.may(func() error { return c.Publish(subject, nil) })
}

func (in *installation) maySubscribe(user, subject string) bool {
	in.t.Helper()
	c := in.as(user)
	defer c.Close()
	return c.may(func() error { _, err := c.SubscribeSync(subject); return err })
}

// watched is a log that tells afterwards what the server refused to whoever wrote it.
func watched() (*zap.Logger, func() []string) {
	core, logs := observer.New(zapcore.WarnLevel)
	return zap.New(core), func() []string {
		var refused []string
		for _, entry := range logs.All() {
			for _, field := range entry.Context {
				if err, ok := field.Interface.(error); ok && strings.Contains(strings.ToLower(err.Error()), "permissions violation") {
					refused = append(refused, entry.Message+": "+err.Error())
				}
			}
		}
		return refused
	}
}

// provision makes what the admin service makes, as the admin service.
func (in *installation) provision() {
	in.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := bus.Connect(ctx, in.options("admin", zap.NewNop()))
	if err != nil {
		in.t.Fatal(err)
	}
	defer conn.Close()
	if err := bus.Provision(ctx, conn, bus.Sizes{}); err != nil {
		in.t.Fatal(err)
	}
}
