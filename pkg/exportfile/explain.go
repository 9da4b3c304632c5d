package exportfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// unreachable is the fault of a server to which no connection came about.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fault.Wrap(fault.Transient, ctx.Err(), "interrupted")
	}
	what := "the connection failed"
	var dns *net.DNSError
	var slow net.Error
	switch {
	case errors.As(err, &dns):
		what = "its name cannot be resolved"
	case errors.As(err, &slow) && slow.Timeout():
		what = fmt.Sprintf("no answer within %s; check that this machine's address is allowed there", c.cfg.Timeout)
	case strings.Contains(err.Error(), "refused"):
		what = "the connection was refused"
	}
	return fault.Wrap(fault.Transient, err, fmt.Sprintf("the SFTP server cannot be reached at %s: %s", c.cfg.Addr, what))
}

// refused is the fault of a handshake. What a person has to mend is Fatal; a connection that broke off is not.
func (c *Client) refused(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fault.Wrap(fault.Transient, ctx.Err(), "interrupted")
	}
	var host wrongHost
	var none noFiles
	var negotiation *ssh.AlgorithmNegotiationError
	switch {
	case errors.As(err, &host):
		return fault.Wrap(fault.Fatal, err, fmt.Sprintf("the SFTP server at %s showed another host key (%s) than the one in the settings; "+
			"if its operator confirms that fingerprint, put the new key into the settings, else somebody stands between", c.cfg.Addr, host.shown))
	case errors.As(err, &negotiation):
		return fault.Wrap(fault.Fatal, err, fmt.Sprintf("the SFTP server at %s has no host key of the kind in the settings, or no cipher that is still safe; "+
			"compare the settings with what ssh-keyscan shows", c.cfg.Addr))
	case strings.Contains(err.Error(), "unable to authenticate"): // x/crypto/ssh has no type for it
		return fault.Wrap(fault.Fatal, err, fmt.Sprintf("the SFTP server at %s does not let the user in with this private key; "+
			"register its public key for the user, or correct the user or the key in the settings", c.cfg.Addr))
	case errors.As(err, &none):
		return fault.Wrap(fault.Transient, err, fmt.Sprintf("the SFTP server at %s let the user in and opened no file channel; if it stays, ask its operator to allow SFTP", c.cfg.Addr))
	}
	return fault.Wrap(fault.Transient, err, fmt.Sprintf("the SFTP server at %s broke the connection off while it began", c.cfg.Addr))
}

// isFileError reports whether the server answered, and said no.
func isFileError(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, os.ErrInvalid)
}

// explain is the fault of a call over a connection. NotFound and Rejected are of the file or folder itself, and its
// caller decides what that means.
func (c *Client) explain(ctx context.Context, subject string, err error) error {
	var known *fault.Error
	var said *sftp.StatusError
	switch {
	case ctx.Err() != nil:
		return fault.Wrap(fault.Transient, ctx.Err(), "interrupted")
	case errors.As(err, &known):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return fault.Wrap(fault.NotFound, err, subject+" does not exist")
	case errors.Is(err, fs.ErrPermission):
		return fault.Wrap(fault.Rejected, err, subject+" may not be read by the user")
	case errors.As(err, &said):
		return fault.Wrap(fault.Rejected, err, fmt.Sprintf("%s cannot be read: the SFTP server answered with the code %d", subject, said.Code))
	}
	return fault.Wrap(fault.Transient, err, fmt.Sprintf("the connection to the SFTP server at %s was lost while reading %s", c.cfg.Addr, subject))
}
