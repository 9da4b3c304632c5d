package access_test

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/fault"
)

func signIn(t testing.TB, lines string) *access.SignIn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users")
	replace(t, path, lines, 0o600)
	file, err := access.OpenFile(path, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	return access.NewSignIn(file)
}

// TestSignInSaysTheSame of a wrong name and a wrong password, and then asks for a pause.
func TestSignInSaysTheSame(t *testing.T) {
	s := signIn(t, person(t, "anna", "admin", "right"))
	_, wrongName := s.Password(t.Context(), "carl", "right", "192.0.2.1")
	_, wrongPassword := s.Password(t.Context(), "anna", "wrong", "192.0.2.1")
	if !fault.Is(wrongName, fault.Rejected) || wrongName.Error() != wrongPassword.Error() {
		t.Errorf("%v, %v", wrongName, wrongPassword)
	}
	if who, err := s.Password(t.Context(), "anna", "right", "192.0.2.1"); err != nil || who.Role != access.Admin {
		t.Errorf("%+v, %v", who, err)
	}
	var refused error
	for range 6 {
		_, refused = s.Password(t.Context(), "carl", "right", "192.0.2.2")
	}
	if after := fault.After(refused); !fault.Is(refused, fault.Throttled) || after <= 0 || after > 2*time.Second || strings.Contains(refused.Error(), "carl") {
		t.Errorf("%v after %s", refused, after)
	}
}

// TestManyAtOnceCountAsMany: guesses that are sent together get no further than guesses one after the other.
func TestManyAtOnceCountAsMany(t *testing.T) {
	s := signIn(t, person(t, "anna", "admin", "right"))
	var group sync.WaitGroup
	var mu sync.Mutex
	tried := 0
	for range 40 {
		group.Go(func() {
			if _, err := s.Password(t.Context(), "anna", "wrong", "192.0.2.1"); !fault.Is(err, fault.Throttled) {
				mu.Lock()
				defer mu.Unlock()
				tried++
			}
		})
	}
	group.Wait()
	if tried != 5 {
		t.Errorf("%d of 40 guesses were looked at, want 5", tried)
	}
}
