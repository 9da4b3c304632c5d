package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/pump"
	"github.com/causeway-sync/causeway/pkg/record"
)

// inFlight is how many posts are under way at the same time, as the product does it.
const inFlight = 64

func benchHTTP(ctx context.Context, dir string, s sizes) ([]row, error) {
	r, err := comparePosts(ctx, dir, s.http, s.rounds, 0)
	return []row{r.named("writer to an HTTP destination, zero latency, 64 in flight", howPosts(s.http)).atLeast(0.8)}, err
}

func benchLatency(ctx context.Context, dir string, s sizes) ([]row, error) {
	r, err := comparePosts(ctx, dir, s.latency, min(s.rounds, 2), 50*time.Millisecond)
	return []row{r.named("the same with 50 ms latency", howPosts(s.latency)+"; ideal: 1,280/s").atLeast(0.99)}, err
}

func howPosts(n int) string {
	return fmt.Sprintf("%d records of 1 KiB, one POST each to a net/http server in this process over loopback; ours: window 500, 64 in flight, 1 a write; raw: Fetch(500), 64 goroutines that post and ack, then the next Fetch", n)
}

// comparePosts measures a pump and the raw loop against the same destination.
func comparePosts(ctx context.Context, dir string, n, rounds int, latency time.Duration) (row, error) {
	f, err := filled(ctx, dir, n)
	if err != nil {
		return row{}, err
	}
	defer f.close()
	to, err := newDestination(ctx, latency)
	if err != nil {
		return row{}, err
	}
	defer to.close()
	raw := func(ctx context.Context) (float64, error) {
		return rawFetch(ctx, f.conn, n, false, func(messages <-chan jetstream.Msg) (int, error) { return to.postAll(ctx, messages) })
	}
	ours := func(ctx context.Context) (float64, error) {
		return drain(ctx, f, n, pump.Config{InFlight: inFlight, BatchSize: 1}, func(ctx context.Context, r record.Record) error {
			if err := to.post(ctx, r.Data); err != nil {
				return fault.Wrap(fault.Fatal, err, "posting: "+err.Error())
			}
			return nil
		})
	}
	return alternate(ctx, n, rounds, raw, ours)
}

// destination is a small HTTP server, and a client of it.
type destination struct {
	server *http.Server
	client *http.Client
	url    string
}

func newDestination(ctx context.Context, latency time.Duration) (*destination, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &destination{url: "http://" + listener.Addr().String(),
		client: &http.Client{Transport: &http.Transport{MaxIdleConns: inFlight, MaxIdleConnsPerHost: inFlight}},
		server: &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if latency > 0 {
				time.Sleep(latency)
			}
			w.WriteHeader(http.StatusNoContent)
		})}}
	go func() { _ = d.server.Serve(listener) }() // It ends with close.
	return d, nil
}

func (d *destination) close() {
	d.client.CloseIdleConnections()
	_ = d.server.Close()
}

func (d *destination) post(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := d.client.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		return fmt.Errorf("the destination answered %d", response.StatusCode)
	}
	return err
}

// postAll is the raw loop's inner part: 64 goroutines that post and acknowledge.
func (d *destination) postAll(ctx context.Context, messages <-chan jetstream.Msg) (int, error) {
	var group errgroup.Group
	var count atomic.Int64
	for range inFlight {
		group.Go(func() error {
			for msg := range messages {
				if err := d.post(ctx, msg.Data()); err != nil {
					return err
				}
				if err := msg.Ack(); err != nil {
					return err
				}
				count.Add(1)
			}
			return nil
		})
	}
	err := group.Wait()
	return int(count.Load()), err
}
