package access_test

import (
	"testing"

	"github.com/causeway-sync/causeway/pkg/access"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// TestRolesAreAStaircase: every pair, and nothing but the three words.
func TestRolesAreAStaircase(t *testing.T) {
	order := append([]access.Role{access.Nobody}, access.Roles()...)
	for i, r := range order {
		for j, least := range order {
			if got, want := r.Includes(least), i >= j; got != want {
				t.Errorf("%s may do what needs %s: %v", r, least, got)
			}
		}
	}
	for _, r := range access.Roles() {
		if parsed, err := access.ParseRole(r.String()); err != nil || parsed != r {
			t.Errorf("%s is read as %s, %v", r, parsed, err)
		}
	}
	for _, word := range []string{"", "nobody", "Admin", "admin ", "root"} {
		if r, err := access.ParseRole(word); !fault.Is(err, fault.Invalid) || r != access.Nobody {
			t.Errorf("%q is a role: %s, %v", word, r, err)
		}
	}
}
