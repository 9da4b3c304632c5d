package access_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/causeway-sync/causeway/pkg/access"
)

// fail tries once and fails, or returns how long to wait.
func fail(a *access.Attempts, name, address string) time.Duration {
	_, wait := a.Begin(name, address)
	return wait
}

func TestAttemptsGetSlower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := access.NewAttempts()
		var pauses []time.Duration
		for range 16 {
			for {
				wait := fail(a, "anna", fmt.Sprintf("192.0.2.%d", len(pauses)))
				if wait == 0 {
					break
				}
				pauses = append(pauses, wait)
				time.Sleep(wait)
			}
		}
		for i, pause := range pauses {
			if want := min(time.Second<<i, 5*time.Minute); pause != want {
				t.Errorf("pause %d is %s, want %s", i, pause, want)
			}
		}
		if len(pauses) != 11 {
			t.Errorf("%d pauses in 16 attempts, want 11: five are free", len(pauses))
		}
		if fail(a, "ben", "192.0.2.200") != 0 {
			t.Error("another name from elsewhere has to wait")
		}
		time.Sleep(2 * time.Hour)
		if fail(a, "anna", "192.0.2.1") != 0 {
			t.Error("failures are remembered for ever")
		}
	})
}

// TestAttemptsOfOnePlace: whoever tries many names from one address waits too, and one customer's IPv6 network is one.
func TestAttemptsOfOnePlace(t *testing.T) {
	for name, address := range map[string]func(int) string{
		"IPv4":        func(int) string { return "192.0.2.7" },
		"mapped IPv4": func(i int) string { return []string{"192.0.2.7", "::ffff:192.0.2.7"}[i%2] },
		"IPv6 /64":    func(i int) string { return fmt.Sprintf("2001:db8::%x", i) },
		"nonsense":    func(int) string { return "@" },
	} {
		synctest.Test(t, func(t *testing.T) {
			a := access.NewAttempts()
			free := 0
			for ; fail(a, fmt.Sprint("name", free), address(free)) == 0; free++ {
				if free > 100 {
					break
				}
			}
			if free != 20 {
				t.Errorf("%s: %d names in a row, want 20", name, free)
			}
			if fail(a, "anna", "2001:db8:0:1::1") != 0 {
				t.Errorf("%s: another place has to wait", name)
			}
		})
	}
}

// TestNobodyIsKeptOut: where somebody has signed in before, strangers' failures do not count.
func TestNobodyIsKeptOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := access.NewAttempts()
		passed, _ := a.Begin("anna", "192.0.2.1")
		passed()
		for i := range 50 {
			fail(a, "anna", fmt.Sprintf("198.51.100.%d", i))
		}
		if fail(a, "anna", "198.51.100.77") == 0 {
			t.Error("a stranger need not wait")
		}
		if wait := fail(a, "anna", "192.0.2.1"); wait != 0 {
			t.Errorf("the owner waits %s", wait)
		}
		for range 30 {
			fail(a, "anna", "192.0.2.1")
		}
		if fail(a, "anna", "192.0.2.1") == 0 {
			t.Error("guessing is free where somebody has signed in before")
		}
	})
}

// TestOneGoodAccountPaysForNoGuessing: signing in between the guesses does not wash the address clean.
func TestOneGoodAccountPaysForNoGuessing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := access.NewAttempts()
		for i := range 200 {
			if fail(a, fmt.Sprint("victim", i), "192.0.2.1") != 0 {
				if i > 25 {
					t.Errorf("%d guesses were free", i)
				}
				return
			}
			if passed, wait := a.Begin("mallory", "192.0.2.1"); wait == 0 {
				passed()
			}
		}
		t.Error("guessing never gets slower")
	})
}

// TestGuessesADay: whatever mixture of addresses and pauses, a name that nobody has signed in with takes a bounded number
// of guesses.
func TestGuessesADay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		hosts := rapid.SliceOfN(rapid.Byte(), 1, 50).Draw(rt, "hosts")
		late := rapid.SliceOfN(rapid.IntRange(0, 100), 1, 50).Draw(rt, "seconds late")
		tried := 0
		synctest.Test(t, func(*testing.T) {
			a := access.NewAttempts()
			began := time.Now()
			for i := 0; time.Since(began) < 24*time.Hour; i++ {
				if wait := fail(a, "anna", fmt.Sprintf("192.0.2.%d", hosts[i%len(hosts)])); wait == 0 {
					tried++
				} else {
					time.Sleep(wait + time.Duration(late[i%len(late)])*time.Second)
				}
			}
		})
		if tried > 5+9+24*12 {
			rt.Errorf("%d guesses in a day", tried)
		}
	})
}
