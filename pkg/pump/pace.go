package pump

import (
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// pace decides when the next write may begin, and tells a remote that does not work from a record that does not. The
// writer guards it.
type pace struct {
	inFlight    int
	maxAttempts int

	until   time.Time // nothing is written before
	streak  int       // writes with a passing failure since the last success
	written uint64    // all successes
	failed  uint64    // all passing failures, throttling not among them
}

// longestHold bounds how long all writes wait because all of them fail; a remote's own delay may be longer.
const longestHold = 10 * time.Second

// throttled holds every write for as long as the remote asked for (invariant 10), and hardly longer: it knows best when its
// budget is there again, and what is not used of that is lost. Where it names no delay, every round waits longer than the
// one before. First says that the record is the first of its write to fail: the others of a batch tell the same once more.
func (p *pace) throttled(err error, first bool, now time.Time) {
	delay := max(fault.After(err), firstPause)
	if fault.After(err) == 0 {
		delay = p.rest()
	}
	p.hold(delay, now)
	if first {
		p.streak++
	}
}

// failure counts a failed attempt at a task. It reports whether every write fails, and not only this one: then it holds
// all of them, longer and longer. First says that it is the first of its write.
func (p *pace) failure(t *task, first bool, now time.Time) (allFail bool) {
	if t.attempts == 0 {
		t.writtenBefore, t.failedBefore = p.written, p.failed
	}
	t.attempts++
	p.failed++
	if first {
		p.streak++
	}
	if p.streak <= p.inFlight {
		return false
	}
	p.hold(max(p.rest(), min(pause(t.attempts-1, nil), longestHold)), now)
	return true
}

// rest grows with every round of failures, a round being as many as run at the same time.
func (p *pace) rest() time.Duration { return min(pause(p.streak/p.inFlight, nil), longestHold) }

// success counts successful writes.
func (p *pace) success(count int) {
	p.streak = 0
	p.written += uint64(count)
}

// poisoned reports whether it is the record, and not the remote, that does not work: it failed again and again while
// hardly anything else did.
func (p *pace) poisoned(t *task) bool {
	othersWritten := p.written - t.writtenBefore
	othersFailed := p.failed - t.failedBefore - uint64(t.attempts)
	return t.attempts >= p.maxAttempts && othersWritten > 10*othersFailed
}

func (p *pace) hold(d time.Duration, now time.Time) {
	if until := now.Add(d); until.After(p.until) {
		p.until = until
	}
}
