package fault_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
)

func TestKindOf(t *testing.T) {
	cause := errors.New("secret in here")
	for _, tc := range []struct {
		name  string
		err   error
		kind  fault.Kind
		shown string
	}{
		{"unclassified is retried and not shown", cause, fault.Transient, "internal error; the service's log says more"},
		{"classified", fault.New(fault.Fatal, "no such table"), fault.Fatal, "no such table"},
		{"cause stays inside", fault.Wrap(fault.Rejected, cause, "field too long"), fault.Rejected, "field too long"},
		{"wrapped again", fmt.Errorf("page 3: %w", fault.New(fault.Expired, "expired")), fault.Expired, "expired"},
		{"outermost decides", fault.Wrap(fault.Fatal, fault.New(fault.Transient, "inner"), "outer"), fault.Fatal, "outer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := fault.KindOf(tc.err); got != tc.kind {
				t.Errorf("KindOf = %v, want %v", got, tc.kind)
			}
			if got := fault.Message(tc.err); got != tc.shown {
				t.Errorf("Message = %q, want %q", got, tc.shown)
			}
		})
	}
	if !errors.Is(fault.Wrap(fault.Rejected, cause, "x"), cause) {
		t.Error("the cause is not reachable with errors.Is")
	}
	if fault.Is(nil, fault.Transient) {
		t.Error("nil has a kind")
	}
}

func TestAfter(t *testing.T) {
	if got := fault.After(fmt.Errorf("x: %w", fault.ThrottledFor(3*time.Second, "slow down"))); got != 3*time.Second {
		t.Errorf("After = %v, want 3s", got)
	}
	if got := fault.After(fault.New(fault.Transient, "x")); got != 0 {
		t.Errorf("After of a transient error = %v, want 0", got)
	}
}
