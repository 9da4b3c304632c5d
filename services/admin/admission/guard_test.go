package admission

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// pipes is a listener whose connections are made in memory, so that their deadlines follow the time of a synctest bubble.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, open := <-p
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipes) Close() error { return nil }

func (p pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// guardedServer serves a handler behind a door without users, and returns a client of it. It runs in a synctest bubble.
func guardedServer(t *testing.T, handler http.HandlerFunc) *http.Client {
	t.Helper()
	listener := make(pipes)
	door, err := New(Config{Log: zap.NewNop()}, listener.Addr())
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: door.Guard(handler)}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(listener) }()
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		listener <- far
		return near, nil
	}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		close(listener)
		_ = server.Close()
		<-ended
	})
	return &http.Client{Transport: transport}
}

// TestABodyThatHasArrivedHasNoDeadline: its answer may take longer than the body was given, and is not cut off by it.
func TestABodyThatHasArrivedHasNoDeadline(t *testing.T) {
	for name, body := range map[string]io.Reader{"of known length": strings.NewReader("all of it"), "in chunks": struct{ io.Reader }{strings.NewReader("all of it")}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := guardedServer(t, func(w http.ResponseWriter, r *http.Request) {
					if text, err := io.ReadAll(r.Body); err != nil || string(text) != "all of it" {
						t.Errorf("read %q: %v", text, err)
					}
					select {
					case <-r.Context().Done():
						t.Error("the request was ended while its answer was worked on")
					case <-time.After(2 * bodyTimeout):
					}
				})
				answer, err := client.Post("http://localhost/", "text/plain", body)
				if err != nil {
					t.Fatal(err)
				}
				if err := answer.Body.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestABodyThatDoesNotArriveIsGivenUp, within its time.
func TestABodyThatDoesNotArriveIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body, slow := io.Pipe()
		began := time.Now()
		client := guardedServer(t, func(_ http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(r.Body); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("reading ended with %v", err)
			}
			if took := time.Since(began); took != bodyTimeout {
				t.Errorf("it took %s", took)
			}
		})
		answer, err := client.Post("http://localhost/", "text/plain", body)
		if err == nil {
			err = answer.Body.Close()
		}
		if err != nil {
			t.Log("the client is told", err) // The connection may be gone before the answer is read.
		}
		_ = slow.Close()
	})
}
