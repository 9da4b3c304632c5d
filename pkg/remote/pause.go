package remote

import (
	"fmt"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// PauseError is the cause of a fault.Throttled that an answer brought. An API's own package may read in it which of its
// limits was reached. Its body is for that package, not for a log or a page (invariant 9).
type PauseError struct{ Response *Response }

// Error names the status alone.
func (e *PauseError) Error() string { return fmt.Sprintf("HTTP %d", e.Response.Status) }

// Paused is nil while requests may be sent, else fault.Throttled with the time that remains.
func (c *Client) Paused() error { return c.gate.check(c.name) }

func throttledBy(resp *Response, err *fault.Error) error {
	err.Err = &PauseError{Response: resp}
	return err
}

func (r Request) pause(resp *Response) (after time.Duration, asked bool) {
	if r.Pause == nil {
		return 0, false
	}
	return r.Pause(resp)
}
