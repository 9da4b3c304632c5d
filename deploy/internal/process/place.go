package process

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FreeAddress is an address of this machine that nobody listens on now. Its port lies below those that the system gives
// to outgoing connections, so that none of them can take it while a process is being started again.
func FreeAddress(t testing.TB) string {
	t.Helper()
	const lowest, highest = 20_000, 32_000
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", lowest+rand.IntN(highest-lowest))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		return address
	}
	t.Fatal("no free port was found")
	return ""
}

// Folder is a new folder below parent, gone when the test ends. The product refuses those that the system empties: it
// lies in the checkout, and where that is a temporary one the product has to be told (--allow-temporary-data).
func Folder(t testing.TB, parent string) string {
	t.Helper()
	if err := os.MkdirAll(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(parent, "testdata-run-")
	if err != nil {
		t.Fatal(err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Until waits for a condition that processes bring about, and fails the test with what report says when it does not
// come true in time. It returns how long it took.
func Until(t testing.TB, limit time.Duration, what string, condition func() bool, report func() string) time.Duration {
	t.Helper()
	began := time.Now()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(limit)
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("not within %s: %s\n%s", limit, what, report())
		}
	}
	return time.Since(began)
}
