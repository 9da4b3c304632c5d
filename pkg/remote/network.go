package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"syscall"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// networkFault says what happened on the way to host. The cause is kept without the address that net/http puts before
// it: the query of an address may hold data (invariant 9).
func networkFault(name, host string, timeout time.Duration, err error) error {
	var wrapper *url.Error
	if errors.As(err, &wrapper) {
		err = wrapper.Err
	}
	kind, what := fault.Transient, "the connection failed"
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate):
		kind, what = fault.Fatal, "its certificate is not trusted; check the URL and the trusted authorities"
	case errors.As(err, &dns):
		what = "its name cannot be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		what = "the connection was refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		what = "the connection was cut"
	case errors.Is(err, syscall.ETIMEDOUT):
		what = "nothing that was sent arrives any more"
	case isTimeout(err):
		what = fmt.Sprintf("no answer within %s", timeout)
	}
	return fault.Wrap(kind, err, fmt.Sprintf("%s cannot be reached at %s: %s", name, host, what))
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// interrupted is the caller's own cancellation.
func interrupted(ctx context.Context) error {
	return fault.Wrap(fault.Transient, ctx.Err(), "interrupted")
}
