package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/services/admin/problems"
)

// web serves the address from the first moment. Until the service is ready a request waits a little, and is then told
// what the service waits for, instead of being taken and left without an answer.
type web struct {
	address string
	server  *http.Server
	handler http.Handler  // valid when started is closed
	started chan struct{} // closed by ready
	ended   chan struct{}
	err     error // why it ended by itself; valid when ended is closed
	stop    func()
}

// serveWeb starts serving; the caller calls stop.
func serveWeb(listener net.Listener, secure *tls.Config, log *zap.Logger) *web {
	w := &web{address: "http://" + listener.Addr().String(), started: make(chan struct{}), ended: make(chan struct{})}
	w.server = &http.Server{Handler: w, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: zap.NewStdLog(log.Named("http")), TLSConfig: secure}
	if secure != nil {
		w.address = "https://" + listener.Addr().String()
	}
	w.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		if err := errors.Join(w.server.Shutdown(ctx), w.server.Close()); err != nil {
			log.Warn("some requests were cut off at shutdown", zap.Error(err))
		}
		<-w.ended
	})
	go func() { // stop waits for ended.
		defer close(w.ended)
		if err := w.serve(listener); !errors.Is(err, http.ErrServerClosed) {
			w.err = fault.Wrap(fault.Fatal, err, "the web server stopped")
		}
	}()
	return w
}

func (w *web) serve(listener net.Listener) error {
	if w.server.TLSConfig != nil {
		return w.server.ServeTLS(listener, "", "")
	}
	return w.server.Serve(listener)
}

// ready lets a handler answer from now on. It is called once.
func (w *web) ready(handler http.Handler) {
	w.handler = handler
	close(w.started)
}

// wait returns when ctx ends (nil), or when the server has ended by itself.
func (w *web) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-w.ended:
		return w.err
	}
}

// patience is how long a request waits for the service to be ready: a start takes less.
const patience = 3 * time.Second

// ServeHTTP implements http.Handler.
func (w *web) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-w.started:
		w.handler.ServeHTTP(out, r)
		return
	case <-r.Context().Done():
	case <-timer.C:
	}
	out.Header().Set("Cache-Control", "no-store")
	out.Header().Set("Retry-After", "1")
	problems.Write(out, problems.New(http.StatusServiceUnavailable, "the admin service is starting: it waits for NATS"))
}
