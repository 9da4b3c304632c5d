package admin_test

import (
	"context"
	"net"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/causeway-sync/causeway/services/admin"
)

// beside starts another admin service on the same bus: a second one, or the one that comes after a restart.
func (r *rig) beside() *rig {
	r.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- admin.Run(ctx, admin.Config{Listener: listener, NATS: r.nats, Log: zaptest.NewLogger(r.t, zaptest.Level(zap.WarnLevel))})
	}()
	r.t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				r.t.Errorf("Run: %v", err)
			}
		case <-time.After(time.Minute):
			r.t.Error("Run did not return")
		}
	})
	other := &rig{t: r.t, url: "http://" + listener.Addr().String(), conn: r.conn, control: r.control, nats: r.nats}
	other.get("/api/v1/workflows") // Answers as soon as the service is up.
	return other
}
