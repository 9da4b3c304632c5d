package process

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// FreeAddress is an address of this machine that nobody listens on now and that no other test is given, in this process
// or another, until this test ends: packages are tested side by side, and a port is free between the look at it and its
// use. It lies below those that the system gives to outgoing connections, so that none of them can take it while a
// process is being started again.
func FreeAddress(t testing.TB) string {
	t.Helper()
	const lowest, highest = 20_000, 32_000
	reservations := filepath.Join(os.TempDir(), "causeway-test-ports")
	if err := os.MkdirAll(reservations, 0o755); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		port := lowest + rand.IntN(highest-lowest)
		reserved, err := reserve(filepath.Join(reservations, strconv.Itoa(port)))
		if err != nil {
			continue
		}
		address := fmt.Sprintf("127.0.0.1:%d", port)
		listener, err := net.Listen("tcp", address)
		if err != nil {
			_ = reserved.Close()
			continue
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = reserved.Close() })
		return address
	}
	t.Fatal("no free port was found")
	return ""
}

// reserve takes the lock of a file, which the system gives back when the process ends, however it ends.
func reserve(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
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

// Every takes a step at a pace, as people at work do, until the returned function is called, which waits for the last one. It may be called
// twice.
func Every(pace time.Duration, step func()) (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(pace)
		defer ticker.Stop()
		for {
			select {
			case <-ended:
				return
			case <-ticker.C:
				step()
			}
		}
	}()
	return sync.OnceFunc(func() { close(ended); <-done })
}
