package remote

import (
	"fmt"
	"syscall"
)

// tcpUserTimeout is TCP_USER_TIMEOUT of linux/tcp.h, in milliseconds.
const tcpUserTimeout = 18

func limitUnacknowledged(_, _ string, conn syscall.RawConn) error {
	var err error
	if failed := conn.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(unacknowledged.Milliseconds()))
	}); failed != nil {
		return fmt.Errorf("reach a new connection: %w", failed)
	}
	if err != nil {
		return fmt.Errorf("bound how long a new connection waits for a dead path: %w", err)
	}
	return nil
}
