package remote

import (
	"net"
	"syscall"
	"testing"
)

// TestConnectionsNoticeADeadPath looks at the option on a real connection. What it does shows in deploy/containers, where a
// network is taken away.
func TestConnectionsNoticeADeadPath(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := newPool(1).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var limit int
	var failed error
	if err := raw.Control(func(fd uintptr) { limit, failed = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	if limit != int(unacknowledged.Milliseconds()) {
		t.Errorf("what was sent may stay unacknowledged for %d ms, want %s", limit, unacknowledged)
	}
}
