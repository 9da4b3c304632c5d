package access_test

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// TestAnUnknownNameCostsTheSame: the costs differ by less than a factor that a stranger could tell over a network. The
// cost is the processor's time of this thread, which other processes do not lengthen.
func TestAnUnknownNameCostsTheSame(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("correct horse battery"), 8)
	if err != nil {
		t.Fatal(err)
	}
	users := parse(t, person(t, "ben", "viewer", "cheap")+"anna:admin:"+string(hash))
	cost := func(name string) time.Duration {
		return cpuTime(t, func() {
			for range 3 {
				users.Password(name, "wrong horse battery")
			}
		})
	}
	known, unknown := cost("anna"), cost("carl")
	if ratio := float64(unknown) / float64(known); ratio < 0.5 || ratio > 2 {
		t.Errorf("a known name costs %s, an unknown one %s", known, unknown)
	}
}

// cpuTime is how long the processor works on what do does in its own goroutine.
func cpuTime(t *testing.T, do func()) time.Duration {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	used := func() time.Duration {
		var usage syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_THREAD, &usage); err != nil {
			t.Fatal(err)
		}
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	before := used()
	do()
	return used() - before
}
