package access

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// SignIn checks passwords against a users file, a bounded number at a time.
type SignIn struct {
	file     *File
	attempts *Attempts
	// working holds as many as may be hashed at once: each costs a core a quarter of a second, and there is other work.
	working chan struct{}
}

// longestQueue is how long an attempt waits for its turn.
const longestQueue = 3 * time.Second

// NewSignIn checks against a file.
func NewSignIn(file *File) *SignIn {
	return &SignIn{file: file, attempts: NewAttempts(), working: make(chan struct{}, max(1, runtime.NumCPU()/2))}
}

// Password recognises a person who signs in from an address. It is fault.Throttled with the time to wait after too many
// failures, and fault.Rejected where name and password do not belong together, whichever of them is wrong.
func (s *SignIn) Password(ctx context.Context, name, password, address string) (Identity, error) {
	passed, wait := s.attempts.Begin(name, address)
	if wait > 0 {
		wait = wait.Truncate(time.Second) + time.Second
		return Identity{}, fault.ThrottledFor(wait, fmt.Sprintf("too many attempts failed: try again in %s", inWords(wait)))
	}
	queue := time.NewTimer(longestQueue)
	defer queue.Stop()
	select {
	case s.working <- struct{}{}:
	case <-queue.C:
		return Identity{}, fault.ThrottledFor(longestQueue, "too many people sign in at once: try again in a few seconds")
	case <-ctx.Done():
		return Identity{}, fault.Wrap(fault.Transient, ctx.Err(), "interrupted")
	}
	who, ok := s.file.Users().Password(name, password)
	<-s.working
	if !ok {
		return Identity{}, fault.New(fault.Rejected, "the name or the password is wrong")
	}
	passed()
	return who, nil
}

// inWords writes a pause for a person.
func inWords(d time.Duration) string {
	switch seconds := int(d / time.Second); {
	case seconds == 1:
		return "a second"
	case seconds < 120:
		return fmt.Sprintf("%d seconds", seconds)
	default:
		return fmt.Sprintf("%d minutes", (seconds+59)/60)
	}
}
