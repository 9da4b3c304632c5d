package admin

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
)

// TestItSaysWhatItWaitsFor before NATS is there, and ends at once when it is stopped then.
func TestItSaysWhatItWaitsFor(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Config{Listener: listener, NATS: bus.Options{URL: "nats://127.0.0.1:1", ConnectTimeout: 20 * time.Second}})
	}()
	response, err := http.Get("http://" + listener.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "waits for NATS") {
		t.Errorf("%s %s", response.Status, body)
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("the stop ended it with %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
}
